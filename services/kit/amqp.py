"""The one door to RabbitMQ: confirmed publishing, and consuming without loss.

Topology is the operator's: here queues and exchanges are only used. A consumer keeps the order of
its queue. While the store is away it holds the message and tries again; a message that fails for
any other reason goes back to the broker, which counts deliveries and ends in the dead letters.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any, cast

import aio_pika
import msgspec
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aiormq.channel import Channel
from pamqp.commands import Basic
from pamqp.common import FieldTable

from services.contracts import events
from services.contracts.errors import UnavailableError
from services.contracts.events import Envelope, Event
from services.contracts.topology import Queue
from services.kit import logs, metrics, mongo, publishing, tracing
from services.kit.inbox import DuplicateMessageError, Inbox
from services.kit.mongo import Transaction
from services.kit.publishing import Publishing
from services.kit.tasks import ended

CONNECT_SECONDS = 5.0
HEARTBEAT_SECONDS = 15
# The broker counts a delivery for all that a dead process held: others must not pay for one.
PREFETCH = 1
PROBE_SECONDS = 5.0
HANDLE_SECONDS = 60.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
LONGEST_HOLD = 600.0

log = logs.get(__name__)


class Message(msgspec.Struct, frozen=True):
    """What a handler may want to know beside the payload."""

    id: str
    key: str
    version: int
    occurred_at: str


Handler = Callable[[Any, Message], Awaitable[None]]


class Broker:
    """Connections of one service to one vhost.

    Args:
        url: AMQP address with credentials and vhost.
        service: the connection's name on the broker's page.
    """

    def __init__(self, url: str, *, service: str) -> None:
        self._url = url
        self._service = service
        self._spans = tracing.of(service)
        self._publishing = Publishing(self.connect)

    async def connect(self) -> AbstractConnection:
        """Return a new connection.

        Raises:
            OSError, AMQPError, TimeoutError: the broker does not answer or refuses us.
        """
        return await aio_pika.connect(
            self._url,
            timeout=CONNECT_SECONDS,
            client_properties={"connection_name": self._service},
            heartbeat=HEARTBEAT_SECONDS,
        )

    async def publish(self, routing_key: str, body: bytes, *, message_id: str, key: str) -> None:
        """Publish persistently and return once the broker has confirmed; see outbox.Publisher.

        Raises:
            OSError, AMQPError, TimeoutError: not confirmed; publish it again.
        """
        headers: FieldTable = {"key": key, "event-type": routing_key, "schema": "1"}
        properties = Basic.Properties(
            message_id=message_id,
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT.value,
            headers=headers,
            app_id=self._service,
        )
        if self._spans is None:
            await self._publishing.publish(routing_key, body, properties)
            return
        with self._spans.publishing(routing_key, message_id) as trace:
            headers.update(trace)
            await self._publishing.publish(routing_key, body, properties)

    async def ping(self) -> None:
        """Raise unless the broker answers and accepts messages."""
        await self._publishing.ping()

    async def close(self) -> None:
        """Close the publishing connection."""
        await self._publishing.close()


class Consumer:
    """Reads one physical queue and calls the handlers of its events, one message at a time.

    Args:
        broker: where the queue is.
        queue: the broker's name of it.
        handlers: per event type a coroutine function (payload, message).
        service: label of the measures.
        inbox: remembers which messages have had their effect; without it, handlers must be
            idempotent by themselves.
        transaction: with it, the message is claimed and the handler run in one transaction, so the
            effect happens once; without it, the message is noted after the handler, which may call
            the network and is called again only if the process died in between.
    """

    def __init__(
        self,
        broker: Broker,
        queue: str,
        handlers: Mapping[type[Event], Handler],
        *,
        service: str,
        inbox: Inbox | None = None,
        transaction: Transaction | None = None,
    ) -> None:
        self._broker = broker
        self._queue = queue
        self._handlers = handlers
        self._inbox = inbox
        self._transaction = transaction
        self._labels = (service, queue)
        self._spans = tracing.of(service)
        self.name = f"consumer {queue}"
        self.paused_by: str | None = None

    async def run(self) -> None:
        """Consume until cancelled; a lost connection ends the run and is left to the supervisor."""
        connection = await self._broker.connect()
        try:
            await self._consume(connection)
        finally:
            await publishing.close(connection)

    async def _consume(self, connection: AbstractConnection) -> None:
        inbound: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        async with asyncio.timeout(CONNECT_SECONDS):
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=PREFETCH)
            queue = await channel.get_queue(self._queue, ensure=True)
            tag = await queue.consume(inbound.put)
        watch = asyncio.create_task(self._watch(connection, channel, tag))
        work = asyncio.create_task(self._work(inbound))
        try:
            await asyncio.wait({watch, work}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            outcomes = await ended(watch, work)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _work(self, inbound: asyncio.Queue[AbstractIncomingMessage]) -> None:
        while True:
            await self.handle(await inbound.get())

    async def _watch(
        self, connection: AbstractConnection, channel: AbstractChannel, tag: str
    ) -> None:
        """End when nothing can be delivered any more, and measure the queue meanwhile."""
        while True:
            if connection.is_closed or channel.is_closed:
                raise ConnectionError(f"the connection to {self._queue} is closed")
            if tag not in cast("Channel", await channel.get_underlay_channel()).consumers:
                raise ConnectionError(f"the broker cancelled the consumer of {self._queue}")
            async with asyncio.timeout(CONNECT_SECONDS):
                state = await channel.declare_queue(self._queue, passive=True)
            depth = state.declaration_result.message_count or 0
            metrics.CONSUMER_LAG.labels(*self._labels).set(depth)
            with suppress(TimeoutError):
                async with asyncio.timeout(PROBE_SECONDS):
                    await channel.closed()

    async def handle(self, message: AbstractIncomingMessage) -> None:
        """Bring one message to its end: done, back to the broker, or dead."""
        try:
            envelope = events.decode(message.body)
            handler = self._handlers[type(envelope.payload)]
        except (msgspec.DecodeError, KeyError):
            log.exception("a message cannot be read, it goes to the dead letters")
            await self._end(message.reject(requeue=False), "dead")
            return
        details = Message(
            envelope.id or message.message_id or "",
            envelope.key,
            envelope.version,
            envelope.occurred_at,
        )
        ids = {"message_id": details.id, "event": envelope.routing_key}
        with self._span(details, envelope.routing_key, message.headers), logs.bind(**ids):
            await self._process(message, envelope, details, handler)

    def _span(
        self, details: Message, routing_key: str, headers: Mapping[str, Any]
    ) -> AbstractContextManager[Any]:
        if self._spans is None:
            return tracing.NOTHING
        return self._spans.consuming(self._queue, routing_key, details.id, headers)

    async def _process(
        self,
        message: AbstractIncomingMessage,
        envelope: Envelope,
        details: Message,
        handler: Handler,
    ) -> None:
        try:
            async with asyncio.timeout(LONGEST_HOLD):
                await self._until_store_answers(envelope.payload, details, handler)
        except DuplicateMessageError:
            await self._end(message.ack(), "duplicate")
        except Exception:
            log.exception("a message failed and goes back to the broker")
            await asyncio.sleep(_pause(_deliveries(message)))
            await self._end(message.nack(requeue=True), "requeued")
        else:
            await self._end(message.ack(), "done")

    async def _until_store_answers(
        self, payload: Event, details: Message, handler: Handler
    ) -> None:
        attempt = 0
        while True:
            try:
                async with asyncio.timeout(HANDLE_SECONDS):
                    await self._once(payload, details, handler)
            except Exception as error:
                if not _is_outage(error):
                    raise
                self.paused_by = f"{type(error).__name__}: {error}"[:200]
                metrics.CONSUMED.labels(*self._labels, "retried").inc()
                log.warning("consuming pauses", error=self.paused_by)
                await asyncio.sleep(_pause(attempt))
                attempt += 1
            else:
                self.paused_by = None
                return

    async def _once(self, payload: Event, details: Message, handler: Handler) -> None:
        inbox, transaction = self._inbox, self._transaction
        if inbox is None or not details.id:
            await handler(payload, details)
            return
        if transaction is None:
            if await inbox.seen(details.id):
                raise DuplicateMessageError(details.id)
            await handler(payload, details)
            await inbox.once(details.id)
            return

        async def effect() -> None:
            await inbox.once(details.id)
            await handler(payload, details)

        await transaction(effect)

    async def _end(self, answer: Awaitable[None], outcome: str) -> None:
        await answer
        metrics.CONSUMED.labels(*self._labels, outcome).inc()
        if self._spans is not None:
            self._spans.ended(outcome)


def consumers(
    broker: Broker,
    queue: Queue,
    handlers: Mapping[type[Event], Handler],
    *,
    inbox: Inbox | None = None,
    transaction: Transaction | None = None,
) -> list[Consumer]:
    """Return a consumer per physical queue.

    Raises:
        ValueError: the handlers are not exactly those of the queue's events.
    """
    if set(handlers) != set(queue.events):
        raise ValueError(f"{queue.name}: handlers and declared events differ")
    return [
        Consumer(broker, name, handlers, service=queue.owner, inbox=inbox, transaction=transaction)
        for name in queue.physical_names
    ]


def _is_outage(error: BaseException) -> bool:
    return isinstance(error, UnavailableError | TimeoutError) or mongo.is_outage(error)


def _deliveries(message: AbstractIncomingMessage) -> int:
    count = message.headers.get("x-delivery-count", 0)
    return count if isinstance(count, int) else 0


def _pause(attempt: int) -> float:
    return min(FIRST_PAUSE * 2.0 ** min(attempt, 16), LONGEST_PAUSE)
