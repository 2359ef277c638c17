"""Who leaves leaves nothing behind, and gets a receipt of what each service did."""

import uuid
from typing import Any

import httpx
import pytest

from client import PASSWORD, Client, Person, eventually, local_date, picture
from privacy.people import Known, somebody
from privacy.traces import Traces, object_store
from services import catalogue
from services.contracts import events as facts
from services.contracts.errors import InvalidError, NotFoundError
from services.contracts.events import UserDeleted, UserErased
from services.events import app as events_app
from services.kit.amqp import Broker
from services.kit.departed import Departed, mark
from services.kit.mongo import Mongo
from services.kit.outbox import Outbox
from services.kit.settings import load
from services.media.application.farewells import Farewells
from services.users.application.receipts import MOST_KINDS, Receipts
from services.users.storage import MongoReceipts


async def deleted(product: Client, person: Person) -> str:
    """Delete somebody and return the receipt's path."""
    answer = await product.users("DELETE", f"/{person.id}", headers=person.auth)
    assert (answer.status_code, answer.content) == (204, b"")
    return httpx.URL(answer.headers["location"]).path


async def complete(product: Client, path: str) -> dict[str, Any]:
    async def told() -> Any:
        answer = await product.users("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.json()["complete"] else None

    found: dict[str, Any] = await eventually(told)
    return found


async def test_nothing_of_a_person_is_left_in_any_store(product: Client) -> None:
    known = await somebody(product)
    before = Traces(product.servers, known.texts)
    places = {place.partition(":")[0] for place in await before.everywhere()}
    assert {"users_db.profiles", "eventonight_events.events", "keycloak", "bucket"} <= places
    receipt = await complete(product, await deleted(product, known.person))
    assert receipt["waitingFor"] == []
    told = {one["service"]: one for one in receipt["services"]}
    assert set(told) == set(catalogue.CONTEXTS)
    assert told["users"]["removed"] == {"profiles": 1, "sign-in accounts": 1}
    assert told["media"]["removed"] == {"pictures": 1, "variants": 1}
    assert told["events"]["removed"] == {"drafts": 1, "collaborations": 1, "profile copies": 1}
    assert told["events"]["kept"][0]["count"] == 2
    assert "tickets" in told["events"]["kept"][0]["reason"]
    assert not any(text in str(receipt) for text in known.texts)

    async def quiet() -> bool:
        return not await _left(product, known)

    await eventually(quiet, seconds=30, every=1.0)
    login = {"username": known.person.username, "password": PASSWORD}
    assert (await product.users("POST", "/login", json=login)).status_code == 401


async def _left(product: Client, known: Known) -> list[str]:
    """Return traces but for what is kept on purpose.

    Which messages went out is kept for a week, by the account's random id alone; and an intent
    names it for a minute, until the second look.
    """
    person = known.person
    found = await Traces(product.servers, known.texts).everywhere()
    allowed = {
        f"users_db.outbox: {person.id}",
        f"eventonight_events.outbox: {person.id}",
        f"eventonight_events.intents: {person.id}",
    }
    return [trace for trace in found if trace not in allowed]


async def test_events_that_stay_name_nobody(product: Client) -> None:
    known = await somebody(product)
    await complete(product, await deleted(product, known.person))
    for event_id in (known.published, known.cancelled):
        shown = (await product.events("GET", f"/{event_id}")).json()
        assert shown["status"] == "CANCELLED"
        assert shown["creatorId"] == "00000000-0000-0000-0000-000000000000"
    helped = (await product.events("GET", f"/{known.helped}")).json()
    assert (helped["status"], helped["collaboratorIds"]) == ("PUBLISHED", [])
    gone = await product.events("GET", f"/{known.draft}", headers=known.person.auth)
    assert gone.status_code == 404


async def test_a_token_that_outlives_its_account_writes_nothing(product: Client) -> None:
    person = await product.register("organization")
    await complete(product, await deleted(product, person))
    late = await product.post_event(person)
    assert late.status_code == 403, late.text
    files = {"file": ("late.jpg", picture())}
    path = f"/users/{person.id}"
    upload = await product.media("POST", path, files=files, headers=person.auth)
    assert upload.status_code == 404
    store = object_store(product.servers)
    assert [one async for one in store.listed(f"users/{person.id}/")] == []
    avatar = {"avatar": ("late.jpg", picture())}
    path = f"/{person.id}/avatar"
    answer = await product.users("POST", path, files=avatar, headers=person.auth)
    assert answer.status_code == 404
    export = await product.users("GET", f"/{person.id}/export", headers=person.auth)
    assert export.status_code == 404


async def test_news_that_come_too_late_bring_nobody_back(product: Client) -> None:
    person = await product.register("organization")
    await complete(product, await deleted(product, person))
    told = product.servers.environment("users")
    database = Mongo(told["MONGO_URL"], service="test")
    copies = Mongo(product.servers.environment("events")["MONGO_URL"], service="test")
    news = facts.UserUpdated(
        id=person.id,
        username=person.username,
        name="x",
        email=person.email,
        avatar="x",
        role="organization",
    )
    await Outbox(database).append(news, key=person.id, version=99)
    sent = await database["outbox"].find_one({"key": person.id, "version": 99})
    assert sent is not None

    async def received() -> bool:
        return await copies["inbox"].find_one({"_id": sent["messageId"]}) is not None

    await eventually(received)
    assert await copies["organizations"].find_one({"_id": person.id}) is None
    await database.close()
    await copies.close()


async def test_a_second_look_takes_what_was_under_way(product: Client) -> None:
    service = events_app.build(load(events_app.Settings, product.servers.environment("events")))
    jobs = service.jobs["sweeper"].__self__  # type: ignore[attr-defined]
    known = await somebody(product)
    await complete(product, await deleted(product, known.person))
    database = Mongo(product.servers.environment("events")["MONGO_URL"], service="test")
    kept = await database["events"].find_one({"_id": known.published})
    assert kept is not None
    late = {**kept, "_id": str(uuid.uuid4()), "creatorId": known.person.id, "status": "DRAFT"}
    await database["events"].insert_one(late)
    row = await database["intents"].find_one({"_id": f"farewell:{known.person.id}"})
    assert row is not None
    await jobs._settlers["farewell"](row["subject"], row)
    assert await database["events"].find_one({"_id": late["_id"]}) is None
    assert await database["intents"].find_one({"_id": row["_id"]}) is None
    await database.close()
    for close in service.close:
        await close()


async def test_a_past_event_is_kept_as_completed(product: Client) -> None:
    known = await somebody(product)
    event_id = await product.create_event(known.person, date=local_date(seconds=2))

    async def past() -> bool:
        shown = await product.events("GET", f"/{event_id}")
        return bool(shown.json()["status"] == "COMPLETED")

    await eventually(past)
    await complete(product, await deleted(product, known.person))
    assert await past()


async def test_without_the_mark_a_late_token_would_write(product: Client) -> None:
    person = await product.register("organization")
    await complete(product, await deleted(product, person))
    database = Mongo(product.servers.environment("events")["MONGO_URL"], service="test")
    assert await Departed(database).has_left(person.id)
    await database["departed"].delete_one({"_id": mark(person.id)})
    assert (await product.post_event(person)).status_code == 201
    store = object_store(product.servers)
    await store.delete(f"departed/users/{mark(person.id)}")
    files = {"file": ("late.jpg", picture())}
    path, headers = f"/users/{person.id}", person.auth
    assert (await product.media("POST", path, files=files, headers=headers)).status_code == 200
    await database.close()


@pytest.mark.parametrize("path", ["/receipts/x", "/receipts/" + "a" * 32, "/receipts/%00"])
async def test_a_receipt_cannot_be_guessed(product: Client, path: str) -> None:
    answer = await product.users("GET", path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_receipt_is_read_through_the_gateway_by_anybody_who_has_it(
    product: Client,
) -> None:
    person = await product.register("organization")
    answer = await product.gateway("DELETE", f"/{person.id}", host="users", headers=person.auth)
    assert answer.status_code == 204
    assert "Location" in answer.headers["access-control-expose-headers"]
    url = httpx.URL(answer.headers["location"])
    assert url.host == f"users.{product.servers.setup.site.host.partition(':')[0]}"
    shown = await product.gateway("GET", url.path, host="users")
    assert shown.json()["id"] == url.path.rpartition("/")[2]
    assert shown.headers["cache-control"] == "no-store"
    other = await product.gateway("GET", f"/api/users{url.path}")
    assert other.status_code == 200


async def test_a_receipt_waits_for_everybody_and_the_first_word_stands(database: Mongo) -> None:
    receipts = Receipts(MongoReceipts(database), ("users", "media", "chat"))
    user_id = str(uuid.uuid4())
    receipt_id = await receipts.open(user_id)
    other_id = await receipts.open(str(uuid.uuid4()))
    assert len(receipt_id) >= 32
    for service, count in (("media", 3), ("media", 0), ("stranger", 9), ("users", 1)):
        await receipts.collect(
            UserErased(user_id=user_id, service=service, removed={"pictures": count})
        )
    found = await receipts.get(receipt_id)
    assert found.waiting_for == ["chat"]
    assert [(one.service, one.removed["pictures"]) for one in found.reports] == [
        ("media", 3),
        ("users", 1),
    ]
    assert (await receipts.get(other_id)).waiting_for == ["users", "media", "chat"]
    row = await database["receipts"].find_one({"_id": receipt_id})
    assert user_id not in str(row)
    with pytest.raises(InvalidError):
        await receipts.collect(
            UserErased(
                user_id=user_id,
                service="chat",
                removed={str(at): at for at in range(MOST_KINDS + 1)},
            )
        )


async def test_a_receipt_ends(database: Mongo) -> None:
    from datetime import timedelta

    from services.kit.clock import utc_now
    from services.users.storage import INDEXES

    old = Receipts(
        MongoReceipts(database), ("users",), clock=lambda: utc_now() - timedelta(days=91)
    )
    receipt_id = await old.open("u")
    with pytest.raises(NotFoundError):
        await Receipts(MongoReceipts(database), ("users",)).get(receipt_id)
    await database.ensure_indexes(INDEXES)
    expiry = (await database["receipts"].index_information())["expiry"]
    assert expiry["expireAfterSeconds"] == 0


class Broken:
    """Reports that fail so many times before they go out."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.sent: list[UserErased] = []

    async def erased(self, report: UserErased) -> None:
        if self.times:
            self.times -= 1
            raise ConnectionError
        self.sent.append(report)


async def test_a_report_counts_right_however_often_it_is_begun_again(product: Client) -> None:
    store, user_id = object_store(product.servers), str(uuid.uuid4())
    for name in ("a.jpg", "b.jpg"):
        await store.put(f"users/{user_id}/{name}", picture(), "image/jpeg")
        await store.put(f"variants/users/{user_id}/{name}/x/320.webp", b"x", "image/webp")
    reports = Broken(2)
    farewells = Farewells(store, reports)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await farewells.user_left(user_id)
    await farewells.user_left(user_id)
    assert [one.removed for one in reports.sent] == [{"pictures": 2, "variants": 2}]
    assert [one async for one in store.listed(f"users/{user_id}/")] == []
    assert [one async for one in store.listed(f"variants/users/{user_id}/")] == []


async def test_old_farewells_are_forgotten(product: Client) -> None:
    from datetime import timedelta

    from services.kit.clock import utc_now

    store, user_id = object_store(product.servers), str(uuid.uuid4())
    await Farewells(store, Broken(0)).user_left(user_id)

    async def listed() -> bool:
        return any([one.key.endswith(mark(user_id)) async for one in store.listed("departed/")])

    assert await listed()
    later = Farewells(store, Broken(0), clock=lambda: utc_now() + timedelta(days=31))
    assert await later.forget_old() >= 1
    assert not await listed()


async def test_a_deletion_is_told_once_to_the_receipt_by_a_repeated_message(
    product: Client,
) -> None:
    """The broker may deliver a message again; the receipt does not change."""
    person = await product.register("organization")
    path = await deleted(product, person)
    first = await complete(product, path)
    broker = Broker(product.servers.environment("users")["AMQP_URL"], service="test")
    body = facts.encode(
        UserDeleted(id=person.id),
        occurred_at="2026-05-01T20:00:00Z",
        id=uuid.uuid4().hex,
        key=person.id,
        version=99,
    )
    await broker.publish("user.deleted", body, message_id=uuid.uuid4().hex, key=person.id)
    late = await product.register()
    await complete(product, await deleted(product, late))
    assert (await product.users("GET", path)).json() == first
    await broker.close()
