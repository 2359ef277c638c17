"""Publishing over a line that hangs without closing, as when a broker's host is gone."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from services.kit.amqp import Broker


class Line:
    """A relay of bytes that can stop relaying, silently, on the connections that are open."""

    def __init__(self, host: str, port: int) -> None:
        self._far = host, port
        self._tasks: list[asyncio.Task[None]] = []
        self.opened = 0

    async def start(self) -> int:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._server = server
        return int(server.sockets[0].getsockname()[1])

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        far_reader, far_writer = await asyncio.open_connection(*self._far)
        self._tasks += [
            asyncio.create_task(self._pass_on(reader, far_writer)),
            asyncio.create_task(self._pass_on(far_reader, writer)),
        ]

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    def hang(self) -> None:
        """Pass nothing on any more on what is open; new connections work."""
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    async def stop(self) -> None:
        self.hang()
        self._server.close()


@pytest.fixture
async def line(vhost: str) -> AsyncIterator[Line]:
    place = urlsplit(vhost)
    made = Line(place.hostname or "", place.port or 0)
    yield made
    await made.stop()


@pytest.fixture
async def broker(line: Line, vhost: str) -> AsyncIterator[Broker]:
    place = urlsplit(vhost)
    far = f"{place.username}:{place.password}@127.0.0.1:{await line.start()}{place.path}"
    made = Broker(f"amqp://{far}", service="t")
    yield made
    await made.close()


async def send(broker: Broker) -> None:
    await broker.publish("user.deleted", b"{}", message_id="m", key="k")


async def test_an_unconfirmed_message_costs_the_connection_and_the_next_one_gets_through(
    line: Line, broker: Broker
) -> None:
    await send(broker)
    line.hang()
    started = time.monotonic()
    with pytest.raises((TimeoutError, ConnectionError)):
        await send(broker)
    assert time.monotonic() - started < 8
    await send(broker)
    assert line.opened == 2


async def test_a_ping_goes_to_the_broker_and_back(line: Line, broker: Broker) -> None:
    await broker.ping()
    line.hang()
    with pytest.raises((TimeoutError, ConnectionError)):
        async with asyncio.timeout(2):
            await broker.ping()
