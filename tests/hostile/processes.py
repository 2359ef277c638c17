"""Further processes beside the running product: a service told otherwise, a door that can close."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx

from client import Client, eventually

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        return int(holder.getsockname()[1])


@contextlib.asynccontextmanager
async def service(
    product: Client, name: str, *, folder: Path = ROOT, told: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """Run one more process of a service, from another folder or told otherwise; yield its URL."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services", "run", name),
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(Path.home()),
            **product.servers.environment(name),
            **(told or {}),
            "PORT": str(port),
        },
        stdout=asyncio.subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await eventually(lambda: _alive(url), seconds=60)
        assert process.returncode is None
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _alive(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        with contextlib.suppress(httpx.TransportError):
            return (await client.get(f"{url}/health/live")).is_success
    return False


class Passage:
    """Passes connections on, counts what asks for keys, and can be silent or closed."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.mode = "open"
        self.fetches = 0
        self._target = target

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def standing(self) -> AsyncIterator["Passage"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if self.mode == "closed":
                self.fetches += 1
            else:
                await self._pass_on(reader, writer)
        writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beyond, onward = await asyncio.open_connection("127.0.0.1", self._target)
        back = asyncio.create_task(_copy(beyond, writer))
        try:
            while chunk := await reader.read(65_536):
                self.fetches += chunk.count(b"/certs ")
                if self.mode == "open":
                    onward.write(chunk)
        finally:
            back.cancel()
            onward.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)
        await writer.drain()
