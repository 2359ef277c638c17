"""The two ways of getting events to the broker that `outbox` compares, in a process of their own.

``MONGO_URL`` and ``AMQP_URL`` say where. Each line of input is a command. ``relay N``, ``bare N``
answer with the seconds that N events took, ``waits N`` with the seconds from commit to consumed of
each of N events that come one by one.
"""

import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aio_pika
import uvloop
from aio_pika.abc import AbstractExchange

from client import eventually
from services.contracts import events
from services.contracts.events import EventCancelled
from services.contracts.topology import EXCHANGE
from services.kit.amqp import Broker, Consumer, Message
from services.kit.inbox import Inbox
from services.kit.mongo import Mongo
from services.kit.outbox import IN_FLIGHT, Outbox, Relay

T = TypeVar("T")

QUEUE = "bench"
ROWS_PER_KEY = 2
APART_SECONDS = 0.05


class Relays:
    """The product's way and the bare one, over connections of their own."""

    def __init__(self, mongo_url: str, amqp_url: str) -> None:
        self._amqp_url = amqp_url
        self._database = Mongo(mongo_url, service="bench")
        self._broker = Broker(amqp_url, service="bench")
        self._outbox = Outbox(self._database)
        self._relay = Relay(self._database, self._broker.publish, service="bench")

    async def relay(self, count: int) -> float:
        """Return the seconds in which so many stored rows are published."""
        for _ in range(count // ROWS_PER_KEY):
            key = uuid.uuid4().hex
            news = [EventCancelled(event_id=key)] * ROWS_PER_KEY
            await self._outbox.append(*news, key=key, version=1)
        await self._broker.ping()
        started = time.perf_counter()
        done = 0
        while done < count:
            done += await self._relay.drain()
        return time.perf_counter() - started

    async def bare(self, count: int) -> float:
        """Return the seconds of so many messages with the same window of unconfirmed ones."""
        async with await aio_pika.connect(self._amqp_url) as connection:
            channel = await connection.channel(publisher_confirms=True)
            exchange = await channel.get_exchange(EXCHANGE)
            window = asyncio.Semaphore(IN_FLIGHT)
            started = time.perf_counter()
            await asyncio.gather(*(_publish(exchange, window) for _ in range(count)))
            return time.perf_counter() - started

    async def waits(self, count: int) -> list[float]:
        """Return the seconds from an event's commit to the commit of its consumer."""
        arrivals = Arrivals(self._database.transaction)
        consumer = Consumer(
            self._broker,
            QUEUE,
            {EventCancelled: arrivals.take},
            service="bench",
            inbox=Inbox(self._database),
            transaction=arrivals.transaction,
        )
        await self._purge()
        commits: dict[str, float] = {}
        async with _running(self._relay.run(), consumer.run()):
            for _ in range(count):
                key = uuid.uuid4().hex
                await self._outbox.append(EventCancelled(event_id=key), key=key, version=1)
                commits[key] = time.perf_counter()
                await asyncio.sleep(APART_SECONDS)

            async def all_consumed() -> bool:
                return commits.keys() <= arrivals.at.keys()

            await eventually(all_consumed)
        return [arrivals.at[key] - moment for key, moment in commits.items()]

    async def _purge(self) -> None:
        async with await aio_pika.connect(self._amqp_url) as connection:
            channel = await connection.channel()
            await (await channel.get_queue(QUEUE)).purge()


class Arrivals:
    """When each event was consumed, its transaction committed."""

    def __init__(self, transaction: Callable[[Callable[[], Awaitable[Any]]], Any]) -> None:
        self._transaction = transaction
        self._present = ""
        self.at: dict[str, float] = {}

    async def take(self, event: EventCancelled, _: Message) -> None:
        """Handle an event; messages come one at a time."""
        self._present = event.event_id

    async def transaction(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run the consumer's transaction and note when it was done."""
        done: T = await self._transaction(work)
        self.at[self._present] = time.perf_counter()
        return done


async def _publish(exchange: AbstractExchange, window: asyncio.Semaphore) -> None:
    key = uuid.uuid4().hex
    happened = EventCancelled(event_id=key)
    body = events.encode(happened, occurred_at="2026-01-01T00:00:00Z", id=key, key=key, version=1)
    message = aio_pika.Message(
        body,
        message_id=key,
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        headers={"key": key, "event-type": happened.routing_key, "schema": "1"},
        app_id="bench",
    )
    async with window:
        await exchange.publish(message, happened.routing_key, mandatory=False)


@asynccontextmanager
async def _running(*jobs: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def main() -> None:
    """Answer commands until the input ends."""
    relays = Relays(os.environ["MONGO_URL"], os.environ["AMQP_URL"])
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command, count = line.split()
        answer = await getattr(relays, command)(int(count))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
