import math
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from client import Client, Person, eventually, local_date
from services.contracts import events as facts
from services.contracts.topology import EXCHANGE
from services.events.domain.criteria import Criteria, price, tags, texts
from services.events.domain.event import Event, Location, Status, first_popularity
from services.events.storage.events import INDEXES, MongoEvents
from services.kit.amqp import Broker
from services.kit.mongo import Mongo
from services.kit.paging import Window

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def event(number: int, **fields: Any) -> Event:
    whole: dict[str, Any] = {
        "id": f"e{number:04}",
        "creator_id": "o1",
        "status": Status.PUBLISHED,
        "created_at": NOW + timedelta(minutes=number),
        "title": f"Notte {number}",
        "date": (NOW + timedelta(days=1, hours=number)).replace(tzinfo=None),
        "location": Location(name="Sala", city="Cesena"),
    }
    return Event(**{**whole, **fields})


@pytest.fixture
async def stored(database: Mongo) -> MongoEvents:
    await database.ensure_indexes(INDEXES)
    return MongoEvents(database)


async def fill(stored: MongoEvents, *events: Event) -> None:
    for one in events:
        await stored.insert(one, first_popularity(one.created_at))


async def ids(
    stored: MongoEvents, criteria: Criteria, limit: int = 20, offset: int = 0
) -> list[str]:
    page = await stored.search(criteria, Window(limit, offset), NOW)
    return [one.id for one in page.items]


WORDS = [
    ("query", "cocorico", True),
    ("query", "COCORICÒ", True),
    ("query", "corico", True),
    ("query", "cocorco", True),
    ("query", "ccocorico", True),
    ("query", "eletronica", True),
    ("query", "riccione notte", True),
    ("query", "ricione", True),
    ("title", "riccione", False),
    ("city", "RICCI", True),
    ("city", "cocorico", False),
    ("location_name", "cocori", True),
    ("query", "milano", False),
    ("query", "notte milano", False),
    ("query", ".*", True),
]


@pytest.mark.parametrize(("field", "text", "hit"), WORDS)
async def test_words_forgive_accents_parts_and_typos(
    stored: MongoEvents, field: str, text: str, *, hit: bool
) -> None:
    place = Location(name="Cocoricò", city="Riccione")
    await fill(stored, event(1, title="Notte Elettronica", location=place))
    assert (await ids(stored, Criteria(texts=texts({field: text}))) == ["e0001"]) is hit


async def test_the_better_fit_comes_first(stored: MongoEvents) -> None:
    await fill(
        stored,
        event(1, title="Rocks"),
        event(2, title="Bedrocker"),
        event(3, title="Rock"),
        event(4, title="Altro", location=Location(name="Rock", city="X")),
        event(5, title="Rick rok"),
        event(6, title="Lontano"),
    )
    assert await ids(stored, Criteria(texts=texts({"query": "rock"}))) == [
        "e0003",
        "e0004",
        "e0001",
        "e0002",
        "e0005",
    ]


async def test_has_more_is_true_only_when_more_follows(stored: MongoEvents) -> None:
    await fill(stored, *(event(n) for n in range(5)))
    for limit, offset, more in ((2, 0, True), (2, 3, False), (5, 0, False), (4, 0, True)):
        page = await stored.search(Criteria(), Window(limit, offset), NOW)
        assert page.has_more is more
        assert len(page.items) == min(limit, 5 - offset)


async def test_past_published_events_count_as_completed(stored: MongoEvents) -> None:
    past = (NOW - timedelta(days=1)).replace(tzinfo=None)
    await fill(stored, event(1), event(2, date=past), event(3, status=Status.COMPLETED, date=past))
    assert await ids(stored, Criteria()) == ["e0001"]
    completed = Criteria(statuses=frozenset({Status.COMPLETED}))
    assert await ids(stored, completed) == ["e0002", "e0003"]
    both = Criteria(statuses=frozenset({Status.COMPLETED, Status.PUBLISHED}))
    assert len(await ids(stored, both)) == 3


def distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance in radians."""
    (la, lo), (lb, lp) = (map(math.radians, one) for one in (a, b))
    h = math.sin((lb - la) / 2) ** 2
    h += math.cos(la) * math.cos(lb) * math.sin((lp - lo) / 2) ** 2
    return 2 * math.asin(math.sqrt(h))


async def test_near_equals_brute_force_and_the_unplaced_come_last(stored: MongoEvents) -> None:
    dice = random.Random(7)  # noqa: S311 - not a secret
    spots = {n: (dice.uniform(-80, 80), dice.uniform(-179, 179)) for n in range(60)}
    placed = [
        event(n, location=Location(name="x", lat=lat, lon=lon)) for n, (lat, lon) in spots.items()
    ]
    await fill(stored, *placed, event(900), event(901))
    for _ in range(25):
        here = dice.uniform(-80, 80), dice.uniform(-179, 179)
        expected = [f"e{n:04}" for n in sorted(spots, key=lambda n: distance(here, spots[n]))]
        expected += ["e0900", "e0901"]
        found = [
            one
            for offset in range(0, 80, 20)
            for one in await ids(stored, Criteria(near=here), 20, offset)
        ]
        assert found == expected


async def test_price_filters_and_knows_free(stored: MongoEvents) -> None:
    await fill(stored, event(1), event(2), event(3))
    await stored.set_price("e0002", "t2", 15.0)
    await stored.set_price("e0003", "t3", 40.0)
    await stored.set_price(None, "t3", 35.0)
    assert await ids(stored, Criteria(price=price("0,20"))) == ["e0001", "e0002"]
    assert await ids(stored, Criteria(price=price("20,Infinity"))) == ["e0003"]
    assert await ids(stored, Criteria(sort_by="price", descending=True)) == [
        "e0003",
        "e0002",
        "e0001",
    ]
    await stored.drop_price("t3")
    assert (await stored.get("e0003")).is_free  # type: ignore[union-attr]
    assert not (await stored.get("e0002")).is_free  # type: ignore[union-attr]


async def test_named_lists(stored: MongoEvents) -> None:
    past = (NOW - timedelta(days=1)).replace(tzinfo=None)
    await fill(
        stored, event(1, tags=("Rock",)), event(2), event(3, date=past, status=Status.COMPLETED)
    )
    await stored.set_popularity("e0001", 1e9)
    every = frozenset({Status.PUBLISHED, Status.COMPLETED})
    assert await ids(stored, Criteria(statuses=every, other="popular")) == [
        "e0001",
        "e0002",
        "e0003",
    ]
    assert await ids(stored, Criteria(statuses=every, other="upcoming")) == ["e0001", "e0002"]
    assert await ids(stored, Criteria(statuses=every, other="recently_added")) == [
        "e0003",
        "e0002",
        "e0001",
    ]
    feed = Criteria(statuses=every, other="feed", tags=tags("rock")[0])
    assert (await ids(stored, feed))[0] == "e0001"
    assert len(await ids(stored, feed)) == 3
    assert await ids(stored, Criteria(tags=("Rock",))) == ["e0001"]


async def test_the_endpoint_speaks_the_contract(product: Client) -> None:
    organizer: Person = await product.register("organization")
    title = f"Ricerca {uuid.uuid4().hex[:8]}"
    for n in range(3):
        await product.create_event(organizer, title=f"{title} {n}", date=local_date(days=n + 1))
    query = {"title": title, "organizationId": organizer.id, "limit": "2"}
    page = (await product.events("GET", "/search/", params=query)).json()
    assert (page["limit"], page["offset"], page["hasMore"]) == (2, 0, True)
    assert len(page["items"]) == 2
    asc = [
        one["title"]
        for one in (
            await product.events(
                "GET", "/search", params={**query, "sortBy": "date", "sortOrder": "desc"}
            )
        ).json()["items"]
    ]
    assert asc == [f"{title} 2", f"{title} 1"]
    everything = (await product.events("GET", "/")).json()
    assert (everything["limit"], everything["offset"], everything["hasMore"]) == (10, 0, False)
    assert len(everything["items"]) >= 3
    categories = (await product.events("GET", "/tags")).json()
    assert [one["category"] for one in categories] == [
        "EventType",
        "Venue",
        "MusicStyle",
        "Special",
        "Target",
        "Extra",
    ]
    assert (await product.events("GET", "/tags/Venue")).json()[0] == "Club"
    assert (await product.events("GET", "/tags/Nope")).json() == []
    clamped = (await product.events("GET", "/search", params={"limit": "900"})).json()
    assert clamped["limit"] == 20


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "x"},
        {"offset": "-1"},
        {"near": "x"},
        {"price": "x"},
        {"query": "x" * 201},
    ],
)
async def test_a_wrong_search_names_the_field(product: Client, query: dict[str, str]) -> None:
    answer = await product.events("GET", "/search", params=query)
    assert answer.status_code == 400
    assert next(iter(query)) in answer.json()["error"]


async def _publish(product: Client, event_: facts.Event, message_id: str, version: int = 1) -> None:
    setup = product.servers.setup
    keys = setup.site.secrets.read("rabbitmq-admin") or {}
    port = setup.site.ports["rabbitmq"]
    broker = Broker(
        f"amqp://{keys['username']}:{keys['password']}@127.0.0.1:{port}/eventonight", service="t"
    )
    body = facts.encode(
        event_, occurred_at="2026-11-01T00:00:00Z", id=message_id, key="k", version=version
    )
    await broker.publish(event_.routing_key, body, message_id=message_id, key="k")
    await broker.close()
    assert EXCHANGE


async def test_prices_and_likes_arrive_once_by_the_broker(product: Client) -> None:
    organizer = await product.register("organization")
    event_id = await product.create_event(organizer)
    ticket = facts.TicketTypeCreated(event_id=event_id, ticket_type_id="tt-" + event_id, price=12.5)
    await _publish(product, ticket, uuid.uuid4().hex)

    async def priced() -> bool:
        return (await product.events("GET", f"/{event_id}")).json()["isFree"] is False

    await eventually(priced)
    database = Mongo(product.servers.environment("events")["MONGO_URL"], service="t")
    stored = MongoEvents(database)
    before = await stored.popularity(event_id)
    like = facts.LikeCreated(
        event_id=event_id,
        creator_id="c",
        event_name="n",
        user_id="u",
        user_name="n",
        user_avatar="a",
    )
    same = uuid.uuid4().hex
    await _publish(product, like, same)
    await _publish(product, like, same)
    other = facts.TicketTypeDeleted(ticket_type_id="tt-" + event_id)
    await _publish(product, other, uuid.uuid4().hex)

    async def free_again() -> bool:
        return (await product.events("GET", f"/{event_id}")).json()["isFree"] is True

    await eventually(free_again)
    inbox = await database["inbox"].count_documents({"_id": same})
    after = await stored.popularity(event_id)
    assert inbox == 1
    assert before is not None
    assert after is not None
    assert after > before
    await database.close()


async def test_a_gone_organization_takes_its_events_along(product: Client) -> None:
    organizer = await product.register("organization")
    published = await product.create_event(organizer)
    draft = await product.create_event(organizer, status="DRAFT")
    assert (
        await product.users("DELETE", f"/{organizer.id}", headers=organizer.auth)
    ).status_code == 204

    async def retired() -> bool:
        found = await product.events("GET", f"/{published}")
        gone = await product.events("GET", f"/{draft}", headers=organizer.auth)
        return bool(found.json().get("status") == "CANCELLED" and gone.status_code == 404)

    await eventually(retired)


async def test_a_poisoned_message_ends_in_the_dead_letters(product: Client) -> None:
    servers = product.servers
    keys = servers.setup.site.secrets.read("rabbitmq-admin") or {}
    port = servers.setup.site.ports["rabbitmq"]
    broker = Broker(
        f"amqp://{keys['username']}:{keys['password']}@127.0.0.1:{port}/eventonight", service="t"
    )
    await broker.publish("user.deleted", b'{"eventType":"user.deleted"}', message_id="p", key="p")
    await broker.close()

    async def dead() -> bool:
        async with await servers.rabbitmq() as admin:
            found = await admin.get("queues/eventonight/media_queue.dlq")
        return bool(found.json().get("messages", 0) >= 1)

    await eventually(dead)
