"""What it takes to call a part healthy: its own answer, never a delay."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

Probe = Callable[[], Awaitable[None]]

PROBE_SECONDS = 3.0


class NotReadyError(Exception):
    """The part does not answer as it should yet."""


def http(url: str, *, auth: tuple[str, str] | None = None) -> Probe:
    """Return a probe for an HTTP answer below 400."""

    async def probe() -> None:
        async with httpx.AsyncClient(timeout=PROBE_SECONDS, auth=auth) as client:
            answer = await client.get(url)
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            raise NotReadyError(f"{url} answered {answer.status_code}")

    return probe


def tcp(port: int, *, say: bytes = b"", hear: bytes = b"") -> Probe:
    """Return a probe for a connection, and for an answer where something is said."""

    async def probe() -> None:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                if say:
                    writer.write(say)
                    heard = await reader.readline()
                    if hear not in heard:
                        raise NotReadyError(f"port {port} answered {heard!r}")
            finally:
                writer.close()

    return probe


def command(*words: str | Path) -> Probe:
    """Return a probe for a program that ends well."""

    async def probe() -> None:
        process = await asyncio.create_subprocess_exec(
            *map(str, words),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(PROBE_SECONDS):
            if await process.wait() != 0:
                raise NotReadyError(f"{words[0]} says no")

    return probe
