"""Dead letters for people: how many, what they are, and back to the queue they came from."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from services.kit.amqp import Broker

SUFFIX = ".dlq"
CALL_SECONDS = 5.0
PREVIEW_CHARACTERS = 300


class DeadLetter(msgspec.Struct, frozen=True):
    """One message that could not be processed."""

    message_id: str
    routing_key: str
    reason: str
    body: str


async def depth(broker: Broker, queue: str) -> int:
    """Return how many dead letters a queue has."""
    async with _channel(broker) as channel:
        state = await channel.declare_queue(queue + SUFFIX, passive=True, timeout=CALL_SECONDS)
        return state.declaration_result.message_count or 0


async def show(broker: Broker, queue: str, *, limit: int) -> list[DeadLetter]:
    """Return the first dead letters of a queue; they stay where they are."""
    async with _channel(broker) as channel:
        return [_describe(message) for message in await _take(channel, queue, limit)]


async def replay(broker: Broker, queue: str, *, limit: int) -> int:
    """Send dead letters back to their queue, oldest first, and return how many went.

    Each is removed only after the broker has confirmed its copy.
    """
    async with _channel(broker) as channel:
        messages = await _take(channel, queue, limit)
        for message in messages:
            message.headers.pop("x-delivery-count", None)
            await channel.default_exchange.publish(
                message, routing_key=queue, mandatory=True, timeout=CALL_SECONDS
            )
            await message.ack()
        return len(messages)


@asynccontextmanager
async def _channel(broker: Broker) -> AsyncIterator[AbstractChannel]:
    async with await broker.connect() as connection, asyncio.timeout(60):
        yield await connection.channel(publisher_confirms=True)


async def _take(channel: AbstractChannel, queue: str, limit: int) -> list[AbstractIncomingMessage]:
    dead = await channel.get_queue(queue + SUFFIX, ensure=True)
    taken: list[AbstractIncomingMessage] = []
    while len(taken) < limit:
        message = await dead.get(fail=False, timeout=CALL_SECONDS)
        if message is None:
            break
        taken.append(message)
    return taken


def _describe(message: AbstractIncomingMessage) -> DeadLetter:
    return DeadLetter(
        message.message_id or "",
        str(message.headers.get("event-type", message.routing_key or "")),
        str(message.headers.get("x-first-death-reason", "unknown")),
        message.body[:PREVIEW_CHARACTERS].decode(errors="replace"),
    )
