"""Consumers against a real broker and a real database."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from client import eventually
from servers import Servers
from services.contracts import events
from services.contracts.errors import UnavailableError
from services.contracts.events import UserDeleted
from services.kit import amqp, dlq, inbox
from services.kit.amqp import Broker, Consumer, Message
from services.kit.inbox import Inbox
from services.kit.mongo import Mongo
from services.kit.service import supervise

QUEUE = "q"
DELIVERIES = 3


@pytest.fixture
async def broker(servers: Servers, vhost: str) -> AsyncIterator[Broker]:
    name = vhost.rpartition("/")[2]
    quorum = {"durable": True, "arguments": {"x-queue-type": "quorum"}}
    async with await servers.rabbitmq() as admin:
        await admin.put(f"exchanges/{name}/dead", json={"type": "direct", "durable": True})
        await admin.put(f"queues/{name}/{QUEUE}.dlq", json=quorum)
        await admin.post(f"bindings/{name}/e/dead/q/{QUEUE}.dlq", json={"routing_key": QUEUE})
        policy = {
            "pattern": f"^{QUEUE}$",
            "apply-to": "queues",
            "definition": {
                "delivery-limit": DELIVERIES - 1,
                "dead-letter-exchange": "dead",
                "dead-letter-routing-key": QUEUE,
            },
        }
        await admin.put(f"policies/{name}/p", json=policy)
        await declare(admin, name)
    opened = Broker(vhost, service="test")
    yield opened
    await opened.close()


async def declare(admin: Any, name: str) -> None:
    arguments = {"x-queue-type": "quorum", "x-single-active-consumer": True}
    body = {"durable": True, "arguments": arguments}
    await admin.put(f"queues/{name}/{QUEUE}", json=body)
    await admin.post(f"bindings/{name}/e/eventonight/q/{QUEUE}", json={"routing_key": "#"})


async def send(broker: Broker, name: str, *, body: bytes | None = None) -> None:
    told = body or events.encode(
        UserDeleted(id=name), occurred_at="2026-01-01T00:00:00Z", id=name, key=name, version=1
    )
    await broker.publish("user.deleted", told, message_id=name, key=name)


@asynccontextmanager
async def consuming(consumer: Consumer) -> AsyncIterator[None]:
    task = asyncio.create_task(supervise("consumer", consumer.run))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Seen:
    """Handles messages and remembers them."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.trouble: Exception | None = None

    async def __call__(self, event: UserDeleted, _: Message) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.ids.append(event.id)

    async def count(self, wanted: int) -> None:
        async def enough() -> bool:
            return len(self.ids) >= wanted

        await eventually(enough)


async def test_messages_arrive_in_order(broker: Broker) -> None:
    seen = Seen()
    for n in range(20):
        await send(broker, str(n))
    async with consuming(Consumer(broker, QUEUE, {UserDeleted: seen}, service="t")):
        await seen.count(20)
    assert seen.ids == [str(n) for n in range(20)]


async def test_an_outage_holds_the_message_and_the_order(broker: Broker) -> None:
    seen = Seen()
    seen.trouble = UnavailableError("the store is away")
    consumer = Consumer(broker, QUEUE, {UserDeleted: seen}, service="t")
    for n in range(3):
        await send(broker, str(n))
    async with consuming(consumer):

        async def paused() -> bool:
            return consumer.paused_by is not None

        await eventually(paused)
        seen.trouble = None
        await seen.count(3)
    assert seen.ids == ["0", "1", "2"]
    assert consumer.paused_by is None
    assert await dlq.depth(broker, QUEUE) == 0


async def test_what_cannot_be_read_is_dead_at_once_and_can_be_looked_at(broker: Broker) -> None:
    seen = Seen()
    await send(broker, "bad", body=b'{"eventType":"no.such"}')
    await send(broker, "good")
    async with consuming(Consumer(broker, QUEUE, {UserDeleted: seen}, service="t")):
        await seen.count(1)
        await eventually(lambda: dlq.depth(broker, QUEUE))
    (letter,) = await dlq.show(broker, QUEUE, limit=5)
    assert letter.message_id == "bad"
    assert await dlq.depth(broker, QUEUE) == 1


async def test_a_failing_handler_ends_in_the_dead_letters_and_can_be_replayed(
    broker: Broker,
) -> None:
    seen = Seen()
    seen.trouble = RuntimeError("a bug")
    await send(broker, "x")
    async with consuming(Consumer(broker, QUEUE, {UserDeleted: seen}, service="t")):
        await eventually(lambda: dlq.depth(broker, QUEUE))
        seen.trouble = None
        assert await dlq.replay(broker, QUEUE, limit=10) == 1
        await seen.count(1)
    assert seen.ids == ["x"]
    assert await dlq.depth(broker, QUEUE) == 0


async def test_an_effect_that_calls_the_network_is_noted_afterwards_and_not_repeated(
    broker: Broker, database: Mongo
) -> None:
    seen = Seen()
    consumer = Consumer(broker, QUEUE, {UserDeleted: seen}, service="t", inbox=Inbox(database))
    for name in ("same", "same", "last"):
        await send(broker, name)
    async with consuming(consumer):
        await seen.count(2)
    assert seen.ids == ["same", "last"]


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_message_delivered_twice_has_one_effect_only_with_the_inbox(
    broker: Broker, database: Mongo, *, guarded: bool
) -> None:
    await database.ensure_indexes(inbox.INDEXES)
    seen = Seen()
    box = Inbox(database) if guarded else None
    consumer = Consumer(
        broker,
        QUEUE,
        {UserDeleted: seen},
        service="t",
        inbox=box,
        transaction=database.transaction if guarded else None,
    )
    for name in ("same", "same", "last"):
        await send(broker, name)
    async with consuming(consumer):

        async def last() -> bool:
            return "last" in seen.ids

        await eventually(last)
    assert seen.ids.count("same") == (1 if guarded else 2)


@pytest.mark.parametrize(
    ("guard", "last_write", "count"),
    [("guarded", "mongodb commitTransaction", 1), ("bare", "mongodb update counts", 2)],
)
async def test_a_process_that_dies_before_the_acknowledgement_counts_once_only_with_the_inbox(
    broker: Broker,
    database: Mongo,
    mongo_url: str,
    vhost: str,
    tmp_path: Path,
    guard: str,
    last_write: str,
    count: int,
) -> None:
    control = tmp_path / "crash"
    control.write_text(last_write)
    urls = {"MONGO_URL": mongo_url, "AMQP_URL": vhost, "CRASH_POINTS": str(control)}
    await send(broker, "x")
    async with asyncio.timeout(30):
        assert await (await counting(guard, urls)).wait() == -signal.SIGKILL
    await send(broker, "last")
    again = await counting(guard, urls)
    await counted(database, "last", again)
    row = await database["counts"].find_one({"_id": "x"})
    assert row is not None
    assert row["n"] == count


async def test_a_message_that_kills_its_process_takes_no_other_into_the_dead_letters(
    broker: Broker, database: Mongo, mongo_url: str, vhost: str, tmp_path: Path
) -> None:
    urls = {"MONGO_URL": mongo_url, "AMQP_URL": vhost, "CRASH_POINTS": str(tmp_path / "crash")}
    for name in ("poison", "next", "last"):
        await send(broker, name)
    for _ in range(DELIVERIES):
        async with asyncio.timeout(30):
            assert await (await counting("guarded", urls)).wait() == -signal.SIGKILL
    await counted(database, "last", await counting("guarded", urls))
    (letter,) = await dlq.show(broker, QUEUE, limit=5)
    assert letter.message_id == "poison"
    assert await database["counts"].count_documents({}) == 2


async def counting(guard: str, urls: dict[str, str]) -> asyncio.subprocess.Process:
    words = [str(Path(__file__).with_name("counting_consumer.py")), QUEUE, guard]
    found = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **urls}
    return await asyncio.create_subprocess_exec(sys.executable, *words, env=found)


async def counted(database: Mongo, name: str, process: asyncio.subprocess.Process) -> None:
    """Wait until a process has counted a message, then end it."""

    async def done() -> bool:
        return await database["counts"].find_one({"_id": name}) is not None

    try:
        await eventually(done)
    finally:
        process.kill()
        await process.wait()


async def test_a_deleted_queue_ends_the_run_and_a_new_one_is_read(
    servers: Servers, broker: Broker, vhost: str
) -> None:
    seen, name = Seen(), vhost.rpartition("/")[2]
    consumer = Consumer(broker, QUEUE, {UserDeleted: seen}, service="t")
    running = asyncio.create_task(consumer.run())
    await send(broker, "before")
    await seen.count(1)
    async with await servers.rabbitmq() as admin:
        await admin.delete(f"queues/{name}/{QUEUE}")
        async with asyncio.timeout(20):
            with pytest.raises(ConnectionError, match="cancelled the consumer"):
                await running
        await declare(admin, name)
    await send(broker, "after")
    async with consuming(consumer):
        await seen.count(2)
    assert seen.ids == ["before", "after"]


async def test_consuming_and_publishing_go_on_after_the_connections_were_cut(
    servers: Servers, broker: Broker, vhost: str
) -> None:
    seen, name = Seen(), vhost.rpartition("/")[2]
    await send(broker, "before")
    async with consuming(Consumer(broker, QUEUE, {UserDeleted: seen}, service="t")):
        await seen.count(1)
        async with await servers.rabbitmq() as admin:

            async def listed() -> list[dict[str, Any]]:
                rows = (await admin.get(f"vhosts/{name}/connections")).json()
                return rows if len(rows) >= 2 else []

            for row in await eventually(listed):
                await admin.delete(f"connections/{row['name']}")

        async def sent() -> bool:
            try:
                await send(broker, "after")
            except Exception:  # noqa: BLE001 - the cut shows in many ways; the relay tries again
                return False
            return True

        await eventually(sent)
        await seen.count(2)


def test_handlers_must_match_the_declaration() -> None:
    from services.media import messaging

    with pytest.raises(ValueError, match="media_queue"):
        amqp.consumers(Broker("amqp://x", service="t"), messaging.QUEUE, {})
