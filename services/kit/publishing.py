"""The connection that messages go out on: opened when needed, dropped when it is not to be trusted.

A broker that dies closes its connections; one that hangs, or whose host is gone, does not. So an
unconfirmed message costs its connection, unless the broker said that it accepts none for now.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, cast

from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPError
from aiormq.channel import Channel
from pamqp.commands import Basic

from services.contracts.topology import EXCHANGE
from services.kit.tasks import told_to_end

OPEN_SECONDS = 5.0
CLOSE_SECONDS = 2.0
CONFIRM_SECONDS = 4.0


class Opened(NamedTuple):
    """A connection to publish on; whether the broker answers is asked on a channel beside."""

    connection: AbstractConnection
    channel: AbstractChannel
    wire: Channel
    beside: AbstractChannel


class Publishing:
    """Publishes on one connection, shared by everybody in the process.

    Args:
        connect: returns a new connection.
    """

    def __init__(self, connect: Callable[[], Awaitable[AbstractConnection]]) -> None:
        self._connect = connect
        self._opened: Opened | None = None
        self._lock = asyncio.Lock()

    async def publish(self, routing_key: str, body: bytes, properties: Basic.Properties) -> None:
        """Publish and return once the broker has confirmed.

        Confirmation alone is waited for: that the line takes what is sent is known by it too.

        Raises:
            OSError, AMQPError, TimeoutError: not confirmed; publish it again.
        """
        with losses_named():
            opened = await self._open()
            try:
                async with asyncio.timeout(CONFIRM_SECONDS):
                    await _accepting(opened)
                    await opened.wire.basic_publish(
                        body,
                        exchange=EXCHANGE,
                        routing_key=routing_key,
                        properties=properties,
                        wait=False,
                    )
            except TimeoutError:
                await self._distrust(opened)
                raise

    async def ping(self) -> None:
        """Raise unless the broker answers and accepts messages."""
        with losses_named():
            opened = await self._open()
            if await _is_blocked(opened):
                raise ConnectionError(
                    "the broker accepts no messages: it is short of disk or memory"
                )
            await opened.beside.get_exchange(EXCHANGE, ensure=True)

    async def close(self) -> None:
        """Close the connection."""
        async with self._lock:
            await self._drop()

    async def _open(self) -> Opened:
        if self._opened is not None and _is_open(self._opened):
            return self._opened
        async with self._lock:
            if self._opened is None or not _is_open(self._opened):
                await self._drop()
                self._opened = await self._open_anew()
            return self._opened

    async def _open_anew(self) -> Opened:
        connection = await self._connect()
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                channel = await connection.channel(publisher_confirms=True)
                await channel.get_exchange(EXCHANGE, ensure=True)
                wire = cast("Channel", await channel.get_underlay_channel())
                return Opened(connection, channel, wire, await connection.channel())
        except BaseException:
            await close(connection)
            raise

    async def _distrust(self, opened: Opened) -> None:
        async with self._lock:
            if opened is self._opened and not await _is_blocked(opened):
                await self._drop()

    async def _drop(self) -> None:
        dropped, self._opened = self._opened, None
        if dropped is not None:
            await close(dropped.connection)


async def close(connection: AbstractConnection) -> None:
    """Close a connection, politely if the other side answers in time."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await connection.close()
    except (AMQPError, OSError, RuntimeError):  # it is gone already, or will be by its heartbeat
        return


@contextmanager
def losses_named() -> Iterator[None]:
    """Raise `ConnectionError` where the client library cancels the waits of a lost connection."""
    try:
        yield
    except asyncio.CancelledError as error:
        if told_to_end():
            raise
        raise ConnectionError("the connection to the broker was lost") from error


def _is_open(opened: Opened) -> bool:
    return not (opened.connection.is_closed or opened.channel.is_closed or opened.beside.is_closed)


async def _accepting(opened: Opened) -> None:
    """Return once the broker reads what is published; it says when it does not."""
    if opened.connection.transport is not None:
        await opened.connection.transport.connection.ready()


async def _is_blocked(opened: Opened) -> bool:
    try:
        async with asyncio.timeout(0):
            await _accepting(opened)
    except TimeoutError:
        return True
    return False
