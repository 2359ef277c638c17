"""A queue bound to everything: what was really published, in the order it arrived."""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import aio_pika

from faults.stack import FaultStack
from local import parts
from services.contracts import events
from services.contracts.events import Event
from services.contracts.topology import EXCHANGE
from services.kit.clock import instant_text

QUEUE = "faults-observer"


@dataclass(frozen=True)
class Heard:
    """One published message."""

    id: str
    routing_key: str
    key: str
    version: int


class Observer:
    """Reads everything that is published from its start on.

    Args:
        stack: whose broker.
    """

    def __init__(self, stack: FaultStack) -> None:
        self.stack = stack
        self.heard: list[Heard] = []

    async def start(self) -> None:
        """Bind the queue; it is durable, and no service knows of it."""
        vhost = quote(self._vhost, safe="")
        arguments = {"x-queue-type": "quorum"}
        async with await self.stack.rabbitmq() as admin:
            body = {"durable": True, "arguments": arguments}
            (await admin.put(f"queues/{vhost}/{QUEUE}", json=body)).raise_for_status()
            path = f"bindings/{vhost}/e/eventonight/q/{QUEUE}"
            (await admin.post(path, json={"routing_key": "#"})).raise_for_status()

    @property
    def _vhost(self) -> str:
        return self.stack.setup.resource.spec.messaging.vhost

    @property
    def url(self) -> str:
        """The broker's address, as administrator."""
        keys = parts.secret(self.stack.setup.site, "rabbitmq-admin")
        place = f"127.0.0.1:{self.stack.setup.site.ports['rabbitmq']}"
        return f"amqp://{keys['username']}:{keys['password']}@{place}/{quote(self._vhost, safe='')}"

    async def read(self) -> list[Heard]:
        """Read to the end and return all that was heard since the start."""
        connection = await aio_pika.connect(self.url, timeout=10)
        async with connection, asyncio.timeout(120):
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=500)
            queue = await channel.get_queue(QUEUE, ensure=True)
            while (message := await queue.get(fail=False, timeout=10)) is not None:
                envelope = events.decode(message.body)
                self.heard.append(
                    Heard(
                        envelope.id or message.message_id or "",
                        envelope.routing_key,
                        envelope.key,
                        envelope.version,
                    )
                )
                await message.ack()
        return self.heard

    async def publish(self, event: Event) -> datetime:
        """Publish an event as a service that does not run here would, and return its moment."""
        moment, message_id = datetime.now(UTC).replace(microsecond=0), f"like-{uuid.uuid4().hex}"
        told = {"occurred_at": instant_text(moment), "id": message_id, "key": message_id}
        connection = await aio_pika.connect(self.url, timeout=10)
        async with connection, asyncio.timeout(30):
            channel = await connection.channel(publisher_confirms=True)
            exchange = await channel.get_exchange(EXCHANGE)
            body = events.encode(event, **told, version=1)
            message = aio_pika.Message(body, message_id=message_id)
            await exchange.publish(message, event.routing_key)
        return moment

    async def depths(self, *names: str) -> dict[str, int]:
        """Return how many messages wait in queues."""
        connection = await aio_pika.connect(self.url, timeout=10)
        async with connection, asyncio.timeout(30):
            channel = await connection.channel()
            states = {name: await channel.declare_queue(name, passive=True) for name in names}
        return {name: state.declaration_result.message_count or 0 for name, state in states.items()}
