"""Events are stored with the change they tell of, and published afterwards, none lost.

One relay per service holds a lease and publishes what is pending, for no longer than the lease is
good, so that two never publish at once. Order is kept per key: the rows of a key go out by version,
whatever the clocks of the writers said. A change stream wakes the relay at once; polling is what it
relies on. What is published leaves a row that tells of it for a while, but no longer what it said.
"""

import asyncio
import functools
import itertools
import operator
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from typing import Any, Protocol

from prometheus_client import Counter
from pymongo import ASCENDING, IndexModel
from pymongo.errors import PyMongoError

from services.contracts import events
from services.contracts.events import Event
from services.kit import logs, metrics, mongo, tracing
from services.kit.clock import Clock, instant_text, utc_now
from services.kit.leases import Lease
from services.kit.mongo import Document, Mongo
from services.kit.tasks import ended

COLLECTION = "outbox"
BATCH = 500
IN_FLIGHT = 100
POLL_SECONDS = 2.0
# A rest after each event makes for fewer, fuller batches under load; alone, none waits for it.
REST_SECONDS = 0.01
LONGEST_REST = 0.1
SAFE_SHARE = 0.8
MEASURE_SECONDS = 1.0
KEPT = timedelta(days=7)

INSERTS: list[Document] = [{"$match": {"operationType": "insert"}}, {"$project": {"_id": 1}}]
INDEXES: mongo.Indexes = {
    COLLECTION: [
        IndexModel(
            [("pending", ASCENDING), ("_id", ASCENDING)],
            partialFilterExpression={"pending": True},
            name="pending",
        ),
        IndexModel(
            [("key", ASCENDING), ("version", ASCENDING), ("position", ASCENDING)],
            partialFilterExpression={"pending": True},
            name="pending_by_key",
        ),
        IndexModel("publishedAt", expireAfterSeconds=int(KEPT.total_seconds()), name="expiry"),
    ]
}

log = logs.get(__name__)


class Publisher(Protocol):
    """Hands one message to the broker."""

    async def __call__(self, routing_key: str, body: bytes, *, message_id: str, key: str) -> None:
        """Return once the broker has confirmed the message, raise otherwise; never hang."""
        ...


class Outbox:
    """Where use cases leave their events, inside their transaction."""

    def __init__(self, database: Mongo, *, clock: Clock = utc_now) -> None:
        self._rows = database[COLLECTION]
        self._clock = clock
        self._spans = tracing.of(database.service)

    async def append(self, *happened: Event, key: str, version: int) -> None:
        """Store events of one aggregate's change; published once the transaction commits.

        Args:
            happened: in the order in which they are to arrive.
            key: the aggregate's id; order is kept per key.
            version: the aggregate's version after the change.
        """
        now = self._clock()
        place = {"key": key, "version": version, "createdAt": now, "pending": True}
        if self._spans is not None and (trace := self._spans.carrier()):
            place["trace"] = trace
        rows = [
            {**place, "position": position, **_message(event, instant_text(now), key, version)}
            for position, event in enumerate(happened)
        ]
        await mongo.insert(self._rows, rows)


def _message(event: Event, occurred_at: str, key: str, version: int) -> Document:
    message_id = uuid.uuid4().hex
    body = events.encode(event, occurred_at=occurred_at, id=message_id, key=key, version=version)
    return {"messageId": message_id, "routingKey": event.routing_key, "body": body}


class Relay:
    """Publishes a service's outbox while it holds the lease.

    Args:
        database: the service's own.
        publish: hands a message to the broker and returns once it is confirmed.
        service: label of the measures.
    """

    def __init__(self, database: Mongo, publish: Publisher, *, service: str) -> None:
        self._database = database
        self._rows = database[COLLECTION]
        self._publish = publish
        self._service = service
        self._spans = tracing.of(service)
        self._lease = Lease(database, "outbox-relay")
        self._good_until = 0.0
        self._wake = asyncio.Event()
        self._listening = asyncio.Event()
        self._measure_next = 0.0

    async def run(self) -> None:
        """Relay until cancelled; failures end the run and are left to the supervisor."""
        listener = asyncio.create_task(self._listen())
        try:
            while True:
                self._wake.clear()
                published = await self._drain_under_lease()
                if not published:
                    await self._news()
                elif published < BATCH:
                    await asyncio.sleep(min(published * REST_SECONDS, LONGEST_REST))
        finally:
            self._good_until = 0.0
            await ended(listener)
            with suppress(PyMongoError):
                await self._lease.release()

    async def _news(self) -> None:
        """Wait for an insert, or a while; who does not publish only comes back now and then."""
        if self._good_until:
            self._listening.set()
        await _within(POLL_SECONDS, self._wake.wait)
        self._listening.clear()

    async def _drain_under_lease(self) -> int:
        """Publish one batch if the lease is ours, cut off before another process can have it."""
        if not await self._holds_lease():
            return 0
        async with asyncio.timeout_at(self._good_until):
            return await self.drain()

    async def _holds_lease(self) -> bool:
        """Tell whether the lease is ours for long enough, renewed if it was not."""
        now, safe = asyncio.get_running_loop().time(), SAFE_SHARE * self._lease.seconds
        if self._good_until - now < safe / 2:
            self._good_until = now + safe if await self._lease.claim() else 0.0
        return self._good_until > now

    async def drain(self) -> int:
        """Publish one batch and return how many events went out.

        What was confirmed is marked even if the rest failed or was cut off.
        """
        pending = await self._pending()
        await self._measure()
        if not pending:
            return 0
        window = asyncio.Semaphore(IN_FLIGHT)
        confirmed = _Confirmed(self._mark)
        chains = [
            self._publish_in_order(list(rows), window, confirmed)
            for _, rows in itertools.groupby(pending, key=lambda row: row["key"])
        ]
        try:
            outcomes = await asyncio.gather(*chains, return_exceptions=True)
        finally:
            await confirmed.all_marked()
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(pending)

    async def _pending(self) -> list[Document]:
        """Return rows by key, version and position, none without those that go before it."""
        oldest = self._rows.find({"pending": True}, batch_size=BATCH).sort("_id").limit(BATCH)
        found = await oldest.to_list()
        if len(found) < BATCH:
            return sorted(found, key=operator.itemgetter("key", "version", "position"))
        keys = list({row["key"]: None for row in found})
        by_key = self._rows.find({"pending": True, "key": {"$in": keys}}, batch_size=2 * BATCH)
        ordered = by_key.sort([("key", 1), ("version", 1), ("position", 1)]).limit(2 * BATCH)
        return await ordered.to_list()

    async def _publish_in_order(
        self, rows: Iterable[Document], window: asyncio.Semaphore, confirmed: "_Confirmed"
    ) -> None:
        for row in rows:
            async with window:
                with self._resumed(row):
                    await self._publish(
                        row["routingKey"], row["body"], message_id=row["messageId"], key=row["key"]
                    )
            confirmed.append(row["_id"])
            _published(self._service, row["routingKey"]).inc()

    def _resumed(self, row: Document) -> AbstractContextManager[Any]:
        """Be in the trace in which a row was stored."""
        return tracing.NOTHING if self._spans is None else self._spans.resumed(row.get("trace", {}))

    async def _mark(self, ids: list[object]) -> None:
        done: Document = {
            "$currentDate": {"publishedAt": True},
            "$unset": {"pending": "", "body": ""},
        }
        await self._rows.update_many({"_id": {"$in": ids}}, done)

    async def _measure(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._measure_next:
            return
        self._measure_next = now + MEASURE_SECONDS
        oldest = await self._rows.find_one({"pending": True}, {"createdAt": 1}, sort=[("_id", 1)])
        depth = await self._rows.count_documents({"pending": True}, limit=100_000) if oldest else 0
        age = (utc_now() - oldest["createdAt"]).total_seconds() if oldest else 0.0
        metrics.OUTBOX_DEPTH.labels(self._service).set(depth)
        metrics.OUTBOX_AGE.labels(self._service).set(max(age, 0.0))

    async def _listen(self) -> None:
        """Wake the relay on inserts; without a change stream polling still serves.

        The stream is read only while there is nothing to publish: a busy relay looks anyway.
        Each step of the stream has the driver's time limit to itself: iterating over it would put
        one limit on the whole wait for the next insert, and end the stream of an idle service.
        """
        while True:
            try:
                async with await self._rows.watch(INSERTS, max_await_time_ms=1_000) as changes:
                    while changes.alive:
                        await self._listening.wait()
                        if await changes.try_next() is not None:
                            self._wake.set()
            except PyMongoError as error:
                log.info("change stream ended, polling goes on", error=str(error))
                await asyncio.sleep(POLL_SECONDS)


@functools.cache
def _published(service: str, routing_key: str) -> Counter:
    """Return the count of one kind of event; the contract has few."""
    return metrics.PUBLISHED.labels(service, routing_key)


class _Confirmed:
    """Marks what the broker confirmed in handfuls, while more is on its way to it."""

    def __init__(self, mark: Callable[[list[object]], Coroutine[Any, Any, None]]) -> None:
        self._mark = mark
        self._ids: list[object] = []
        self._marking: list[asyncio.Task[None]] = []

    def append(self, row_id: object) -> None:
        self._ids.append(row_id)
        if len(self._ids) >= IN_FLIGHT:
            self._begin()

    async def all_marked(self) -> None:
        if self._ids:
            self._begin()
        await asyncio.gather(*self._marking)

    def _begin(self) -> None:
        ids, self._ids = self._ids, []
        self._marking.append(asyncio.create_task(self._mark(ids)))


async def _within(seconds: float, wait: Callable[[], Awaitable[object]]) -> None:
    try:
        async with asyncio.timeout(seconds):
            await wait()
    except TimeoutError:
        return
