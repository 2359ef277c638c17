"""Transactions, leases, outbox, inbox and intents against a real database."""

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from pymongo.asynchronous.change_stream import AsyncChangeStream
from pymongo.errors import PyMongoError

from client import eventually
from services.contracts.errors import UnavailableError
from services.contracts.events import EventCancelled, UserDeleted, decode
from services.kit import clock, inbox, intents, mongo, outbox
from services.kit.clock import utc_now
from services.kit.inbox import DuplicateMessageError, Inbox
from services.kit.intents import Intents, Sweeper
from services.kit.leases import Lease
from services.kit.mongo import Mongo
from services.kit.outbox import Outbox, Relay


class Collected:
    """Where a relay publishes to."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, str]] = []
        self.refuse: set[str] = set()

    async def publish(self, routing_key: str, body: bytes, *, message_id: str, key: str) -> None:
        del routing_key
        await asyncio.sleep(0)
        if key in self.refuse:
            raise ConnectionError("refused")
        self.seen.append((key, decode(body).version, message_id))


@pytest.fixture
async def store(database: Mongo) -> Mongo:
    for indexes in (outbox.INDEXES, inbox.INDEXES, intents.INDEXES):
        await database.ensure_indexes(indexes)
    return database


async def test_a_transaction_is_all_or_nothing(store: Mongo) -> None:
    async def work() -> None:
        await store["a"].insert_one({"_id": 1}, session=mongo.session())
        raise LookupError

    with pytest.raises(LookupError):
        await store.transaction(work)
    assert await store["a"].count_documents({}) == 0


async def test_write_conflicts_are_tried_again_and_lose_nothing(store: Mongo) -> None:
    await store["a"].insert_one({"_id": 1, "n": 0})

    async def add() -> None:
        row = await store["a"].find_one({"_id": 1}, session=mongo.session())
        assert row is not None
        await store["a"].update_one(
            {"_id": 1}, {"$set": {"n": row["n"] + 1}}, session=mongo.session()
        )

    await asyncio.gather(*(store.transaction(add) for _ in range(20)))
    row = await store["a"].find_one({"_id": 1})
    assert row is not None
    assert row["n"] == 20


async def test_without_a_transaction_the_same_additions_are_lost(store: Mongo) -> None:
    await store["a"].insert_one({"_id": 1, "n": 0})
    gate = asyncio.Barrier(20)

    async def add() -> None:
        row = await store["a"].find_one({"_id": 1})
        await gate.wait()
        assert row is not None
        await store["a"].update_one({"_id": 1}, {"$set": {"n": row["n"] + 1}})

    await asyncio.gather(*(add() for _ in range(20)))
    row = await store["a"].find_one({"_id": 1})
    assert row is not None
    assert row["n"] < 20


async def test_refusals_are_not_tried_again(store: Mongo) -> None:
    calls = 0

    async def work() -> None:
        nonlocal calls
        calls += 1
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - any would do
        await store.transaction(work)
    assert calls == 1


async def test_an_inner_transaction_joins_the_outer(store: Mongo) -> None:
    async def inner() -> None:
        await store["a"].insert_one({"_id": 1}, session=mongo.session())

    async def outer() -> None:
        await store.transaction(inner)
        raise LookupError

    with pytest.raises(LookupError):
        await store.transaction(outer)
    assert await store["a"].count_documents({}) == 0


async def test_a_missing_server_is_an_outage_within_seconds() -> None:
    away = Mongo("mongodb://127.0.0.1:1/x", service="t")
    with pytest.raises(PyMongoError) as caught:
        async with asyncio.timeout(10):
            await away.transaction(away.ping)
    assert mongo.is_outage(caught.value)
    await away.close()


async def test_one_of_many_holds_a_lease_and_it_passes_on(store: Mongo) -> None:
    leases = [Lease(store, "x", term=timedelta(seconds=1)) for _ in range(10)]
    held = await asyncio.gather(*(one.claim() for one in leases))
    assert sum(held) == 1
    holder = leases[held.index(True)]
    other = next(one for one in leases if one is not holder)
    assert await holder.claim()
    assert not await other.claim()
    await eventually(other.claim, seconds=5)
    assert not await holder.claim()
    await other.release()
    assert await holder.claim()


async def test_events_go_out_by_version_whatever_the_order_they_were_stored_in(
    store: Mongo,
) -> None:
    box, collected = Outbox(store), Collected()
    for version in (3, 1, 2):
        await box.append(EventCancelled(event_id="e"), key="e", version=version)
    await box.append(UserDeleted(id="u"), UserDeleted(id="u"), key="u", version=1)
    assert await Relay(store, collected.publish, service="t").drain() == 5
    assert [version for key, version, _ in collected.seen if key == "e"] == [1, 2, 3]
    assert len({one for _, _, one in collected.seen}) == 5
    assert await store["outbox"].count_documents({"pending": True}) == 0
    assert await store["outbox"].count_documents({"body": {"$exists": False}}) == 5


async def test_what_is_refused_stays_and_the_rest_goes_out(store: Mongo) -> None:
    box, collected = Outbox(store), Collected()
    collected.refuse = {"bad"}
    for key in ("bad", "good", "bad"):
        await box.append(EventCancelled(event_id=key), key=key, version=1)
    relay = Relay(store, collected.publish, service="t")
    with pytest.raises(ConnectionError):
        await relay.drain()
    assert [key for key, _, _ in collected.seen] == ["good"]
    collected.refuse = set()
    await relay.drain()
    assert sorted(key for key, _, _ in collected.seen) == ["bad", "bad", "good"]


async def test_what_is_rolled_back_is_never_published(store: Mongo) -> None:
    box, collected = Outbox(store), Collected()

    async def work() -> None:
        await box.append(UserDeleted(id="u"), key="u", version=1)
        raise LookupError

    with pytest.raises(LookupError):
        await store.transaction(work)
    assert await Relay(store, collected.publish, service="t").drain() == 0


async def test_two_relays_publish_each_event_once_while_both_live(store: Mongo) -> None:
    box, collected = Outbox(store), Collected()
    relays = [Relay(store, collected.publish, service="t") for _ in range(2)]
    tasks = [asyncio.create_task(one.run()) for one in relays]
    for version in range(1, 31):
        await box.append(EventCancelled(event_id="e"), key="e", version=version)

    async def through() -> bool:
        return len(collected.seen) >= 30

    await eventually(through)
    assert [version for _, version, _ in collected.seen] == list(range(1, 31))
    for one in tasks:
        one.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return what grows by one with each claim of a lease."""
    return _counted(monkeypatch, Lease, "claim")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return what grows by one with each look into a change stream."""
    return _counted(monkeypatch, AsyncChangeStream, "try_next")


def _counted(monkeypatch: pytest.MonkeyPatch, kind: type, step: str) -> list[None]:
    found: list[None] = []
    original = getattr(kind, step)

    async def counted(self: object) -> Any:
        found.append(None)
        return await original(self)

    monkeypatch.setattr(kind, step, counted)
    return found


async def test_a_busy_relay_renews_its_lease_now_and_then_and_gives_it_back(
    store: Mongo, claims: list[None]
) -> None:
    box, collected = Outbox(store), Collected()
    relay = Relay(store, collected.publish, service="t")
    for started in (1, 2):
        running = asyncio.create_task(relay.run())
        for version in range(1, 11):
            await box.append(EventCancelled(event_id="e"), key=f"{started}", version=version)
            await eventually(partial(_is_out, collected, f"{started}", version))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert len(claims) == started
        assert await store["leases"].count_documents({}) == 0


async def _is_out(collected: Collected, key: str, version: int) -> bool:
    return (key, version) in {(told, at) for told, at, _ in collected.seen}


async def test_a_relay_that_was_idle_for_long_is_still_woken_at_once(
    mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo, "OPERATION_MS", 1_500)
    monkeypatch.setattr(outbox, "POLL_SECONDS", 60.0)
    store, collected = Mongo(mongo_url, service="t"), Collected()
    await store.ensure_indexes(outbox.INDEXES)
    box, relay = Outbox(store), Relay(store, collected.publish, service="t")
    running = asyncio.create_task(relay.run())
    try:
        await asyncio.sleep(2.0)  # longer than the driver lets one operation take
        await box.append(UserDeleted(id="u"), key="u", version=1)

        async def out() -> bool:
            return len(collected.seen) == 1

        await eventually(out, seconds=10)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await store.close()


async def test_a_relay_reads_the_change_stream_only_when_it_has_nothing_to_publish(
    store: Mongo, looks: list[None]
) -> None:
    box = Outbox(store)
    for version in range(1, 21):
        await box.append(EventCancelled(event_id="e"), key="e", version=version)
    looks_when_busy: list[int] = []

    async def publish(*_: object, **__: object) -> None:
        await store["other"].find_one({})  # gives the listener its turns
        looks_when_busy.append(len(looks))

    running = asyncio.create_task(Relay(store, publish, service="t").run())
    try:
        await eventually(partial(_are, looks, 1))
        assert looks_when_busy == [0] * 20
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_relay_without_the_lease_does_not_read_the_change_stream(
    store: Mongo, looks: list[None], claims: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "POLL_SECONDS", 0.05)
    assert await Lease(store, "outbox-relay").claim()
    collected = Collected()
    running = asyncio.create_task(Relay(store, collected.publish, service="t").run())
    try:
        await Outbox(store).append(UserDeleted(id="u"), key="u", version=1)
        await eventually(partial(_are, claims, 11))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert not looks
    assert not collected.seen


async def _are(found: list[None], count: int) -> bool:
    return len(found) >= count


async def test_a_relay_stops_before_another_may_have_its_lease_and_keeps_what_went_out(
    store: Mongo,
) -> None:
    """Confirms that take longer than the lease must not have two relays publish at once."""
    box, collected, loop = Outbox(store), Collected(), asyncio.get_running_loop()
    for key in ("quick", "slow"):
        await box.append(EventCancelled(event_id=key), key=key, version=1)

    async def publish(routing_key: str, body: bytes, *, message_id: str, key: str) -> None:
        if key == "slow":
            await asyncio.Event().wait()
        await collected.publish(routing_key, body, message_id=message_id, key=key)

    relay = Relay(store, publish, service="t")
    relay._lease = Lease(store, "outbox-relay", term=timedelta(seconds=2))
    started = loop.time()
    with pytest.raises(TimeoutError):
        await relay.run()
    assert loop.time() - started < 2
    pending = store["outbox"].find({"pending": True})
    assert [row["key"] async for row in pending] == ["slow"]


async def test_the_inbox_lets_a_message_in_once(store: Mongo) -> None:
    box = Inbox(store)

    async def effect() -> None:
        await box.once("m")
        await store["a"].insert_one({}, session=mongo.session())

    await store.transaction(effect)
    with pytest.raises(DuplicateMessageError):
        await store.transaction(effect)
    assert await store["a"].count_documents({}) == 1


async def test_a_rolled_back_effect_may_come_again(store: Mongo) -> None:
    box = Inbox(store)

    async def fails() -> None:
        await box.once("m")
        raise LookupError

    with pytest.raises(LookupError):
        await store.transaction(fails)
    await store.transaction(lambda: box.once("m"))


GRACE = timedelta(seconds=30)


async def age(store: Mongo, subject: str) -> None:
    """Make an intent as old as one whose process died."""
    aged = [{"$set": {"openedAt": {"$subtract": ["$$NOW", 40_000]}}}]
    await store["intents"].update_one({"subject": subject}, aged)


async def test_the_sweeper_settles_the_dead_and_leaves_the_living(store: Mongo) -> None:
    notes, settled = Intents(store), []

    async def settle(subject: str, facts: Mapping[str, Any]) -> None:
        if subject == "broken":
            raise OSError
        settled.append((subject, facts["why"]))
        await notes.close("k", subject)

    for why, subject in enumerate(("broken", "dead", "alive")):
        await notes.open("k", subject, why=why)
    await age(store, "broken")
    await age(store, "dead")
    sweeper = Sweeper(store, {"k": settle}, grace=GRACE)
    assert await sweeper.sweep() == 1
    assert settled == [("dead", 1)]
    assert await notes.exists("k", "alive")
    assert await notes.exists("k", "broken")


async def test_what_a_settler_leaves_open_is_looked_at_twice(store: Mongo) -> None:
    notes, looks = Intents(store), []

    async def look(subject: str, _: Mapping[str, Any]) -> None:
        looks.append(subject)

    await notes.open("k", "late")
    sweeper = Sweeper(store, {"k": look}, grace=GRACE)
    for expected in (1, 2, 2):
        await age(store, "late")
        await sweeper.sweep()
        await sweeper.sweep()
        assert looks == ["late"] * expected
    assert not await notes.exists("k", "late")


async def test_nobody_opens_what_is_being_settled_and_an_opened_one_keeps_its_facts(
    store: Mongo,
) -> None:
    notes, met = Intents(store), []

    async def settle(subject: str, facts: Mapping[str, Any]) -> None:
        with pytest.raises(UnavailableError):
            await notes.open("k", subject, before="later")
        met.append(facts["before"])
        await notes.close("k", subject)

    await notes.open("k", "x", before="first")
    await notes.open("k", "x", before="second")
    await age(store, "x")
    assert await Sweeper(store, {"k": settle}, grace=GRACE).sweep() == 1
    assert met == ["first"]
    assert not await notes.close("k", "x")


async def test_an_intent_is_old_by_the_clock_of_the_database_alone(
    store: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = utc_now() + timedelta(minutes=10)
    monkeypatch.setattr(clock, "utc_now", lambda: ahead)
    monkeypatch.setattr(time, "time", ahead.timestamp)
    notes = Intents(store)
    await notes.open("k", "x")
    assert await notes.stale(GRACE) == []
    await age(store, "x")
    assert [row["subject"] for row in await notes.stale(GRACE)] == ["x"]
