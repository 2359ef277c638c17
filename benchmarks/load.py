"""HTTP as cheap as it gets, so that the client is not what is measured."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self

from client import eventually

ANSWER_SECONDS = 30.0


class WrongAnswerError(Exception):
    """An answer that makes the measurement worthless."""


class Connection:
    """One kept-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to a port of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes, expected: int) -> bytes:
        """Send a request's bytes and return the body.

        Raises:
            WrongAnswerError: another status than the expected.
        """
        async with asyncio.timeout(ANSWER_SECONDS):
            self._writer.write(request)
            head = await self._reader.readuntil(b"\r\n\r\n")
            status = int(head[9:12])
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            body = await self._reader.readexactly(int(length or 0))
        if status != expected:
            raise WrongAnswerError(f"{status} instead of {expected}: {body[:300]!r}")
        return body

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([*lines, "", ""]).encode() + body


async def until_open(port: int) -> None:
    """Wait until something listens on a port."""

    async def opens() -> bool:
        try:
            (await Connection.open(port)).close()
        except OSError:
            return False
        return True

    await eventually(opens)


@asynccontextmanager
async def connections(port: int, count: int) -> AsyncIterator[list[Connection]]:
    """Keep so many connections open for the length of a block."""
    opened = [await Connection.open(port) for _ in range(count)]
    try:
        yield opened
    finally:
        for one in opened:
            one.close()


async def once(port: int, one: bytes, expected: int) -> bytes:
    """Send one request and return the body of its answer."""
    async with connections(port, 1) as (line,):
        return await line.ask(one, expected)


async def as_fast_as_it_goes(
    lines: Sequence[Connection], requests: Sequence[bytes], expected: int
) -> float:
    """Send requests over connections, each when its line is free; return the seconds it took."""
    left = iter(requests)

    async def work(line: Connection) -> None:
        for one in left:
            await line.ask(one, expected)

    started = time.perf_counter()
    await asyncio.gather(*(work(line) for line in lines))
    return time.perf_counter() - started


async def at_a_rate(
    lines: Sequence[Connection], one: bytes, expected: int, *, per_second: float, seconds: float
) -> list[float]:
    """Ask at fixed moments, whatever the answers do, and return each one's seconds.

    The time runs from the moment that was planned, so that a slow answer does not hide the wait of
    the next one.
    """
    loop = asyncio.get_running_loop()
    first = loop.time() + 0.05
    planned = [first + n / per_second for n in range(int(per_second * seconds))]

    async def work(line: Connection, moments: list[float]) -> list[float]:
        found = []
        for moment in moments:
            await asyncio.sleep(max(moment - loop.time(), 0))
            await line.ask(one, expected)
            found.append(loop.time() - moment)
        return found

    shares = [planned[n :: len(lines)] for n in range(len(lines))]
    found = await asyncio.gather(*(work(*pair) for pair in zip(lines, shares, strict=True)))
    return [seconds for share in found for seconds in share]
