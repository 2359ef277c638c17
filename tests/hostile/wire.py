"""Requests as no library would send them, byte by byte, and how patient we are with answers."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from client import Client

LONGEST_ANSWER = 1_000_000


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 where the connection was closed without a word."""

    status: int
    body: bytes
    seconds: float
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Door:
    """An address of a service: its own, or the gateway's; `source` is our address."""

    port: int
    host: str
    source: str = "127.0.0.1"

    def head(self, line: str, *headers: str) -> bytes:
        """Return the head of a request up to its empty line."""
        lines = [f"{line} HTTP/1.1", f"Host: {self.host}", *headers, "", ""]
        return "\r\n".join(lines).encode("latin-1")

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        place = (self.source, 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=place)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def send(
        self,
        head: bytes,
        *parts: bytes | float,
        seconds: float = 5.0,
        repeat: bytes = b"",
        every: float = 0,
    ) -> Answer:
        """Send head and parts, numbers being pauses; then, if asked for, `repeat` again and again.

        Returns what is answered, or status 0 if nothing is within `seconds` of the end.
        """
        async with self.open() as (reader, writer):
            started = time.monotonic()
            repeating = asyncio.create_task(_write(writer, (head, *parts), repeat, every))
            try:
                async with asyncio.timeout(seconds + sum(p for p in parts if isinstance(p, float))):
                    return await _read(reader, started, bare=head[:5] == b"HEAD ")
            except TimeoutError:
                return Answer(0, b"", time.monotonic() - started)
            finally:
                repeating.cancel()
                await asyncio.gather(repeating, return_exceptions=True)


async def _write(
    writer: asyncio.StreamWriter, parts: tuple[bytes | float, ...], repeat: bytes, every: float
) -> None:
    for part in parts:
        if isinstance(part, float):
            await asyncio.sleep(part)
        else:
            writer.write(part)
            await writer.drain()
    while repeat:
        await asyncio.sleep(every)
        writer.write(repeat)
        await writer.drain()


async def _read(reader: asyncio.StreamReader, started: float, *, bare: bool) -> Answer:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        size = 0 if bare else int(headers.get("content-length", "-1"))
        body = await (reader.readexactly(size) if size >= 0 else reader.read(LONGEST_ANSWER))
    except (asyncio.IncompleteReadError, ConnectionError):
        return Answer(0, b"", time.monotonic() - started)
    return Answer(int(status.split(" ")[1]), body, time.monotonic() - started, headers)


def doors(product: Client, service: str) -> dict[str, Door]:
    """Return a service's own door and the gateway's."""
    site = product.servers.setup.site
    return {
        "service": Door(site.ports[service], "x"),
        "gateway": Door(site.ports["gateway"], f"{service}.{site.host}"),
    }


def second() -> float:
    """Return a second, as long as it is on a machine that has more to do than cores to do it."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
