"""All services in one process: the same product, from one command."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from client import Client, eventually
from local import ports
from local.configuration import ROOT
from services.catalogue import CONTEXTS


class Together(Client):
    """A client of the services that run in one process."""

    def __init__(self, product: Client, taken: dict[str, int]) -> None:
        super().__init__(product.servers)
        self.ports = taken

    async def _at(self, service: str, method: str, path: str, **options: object) -> httpx.Response:
        url = f"http://127.0.0.1:{self.ports[service]}{path}"
        return await self.http.request(method, url, **options)  # type: ignore[arg-type]

    async def users(self, method: str, path: str, **options: object) -> httpx.Response:
        return await self._at("users", method, path, **options)

    async def events(self, method: str, path: str, **options: object) -> httpx.Response:
        return await self._at("events", method, path, **options)

    async def media(self, method: str, path: str, **options: object) -> httpx.Response:
        return await self._at("media", method, path, **options)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "all.log"


@pytest.fixture
async def together(product: Client, log: Path) -> AsyncIterator[Together]:
    free = ports.free_ports()
    environ = dict(os.environ)
    for name in CONTEXTS:
        own = product.servers.environment(name) | {"PORT": str(free[name])}
        environ |= {f"{name.upper()}_{key}": value for key, value in own.items()}
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services", "run", "all", cwd=ROOT, env=environ, stdout=out
        )
        async with Together(product, free) as client:

            async def ready() -> bool:
                assert process.returncode is None
                try:
                    answers = [await client._at(name, "GET", "/health/ready") for name in CONTEXTS]
                except httpx.TransportError:
                    return False
                return all(answer.is_success for answer in answers)

            await eventually(ready, seconds=60)
            yield client
        process.terminate()
        async with asyncio.timeout(30):
            assert await process.wait() == 0


async def test_one_process_serves_everything_and_drains(together: Together, log: Path) -> None:
    organizer = await together.register("organization")
    event = await together.create_event(organizer)
    found = await together.events("GET", f"/search?organizationId={organizer.id}")
    assert [one["eventId"] for one in found.json()["items"]] == [event]
    poster = await together.media("GET", f"/events/{event}/poster.jpg")
    assert poster.headers["content-type"] == "image/jpeg"

    async def told() -> bool:
        return _asked(log) == set(CONTEXTS)

    await eventually(told)


def _asked(log: Path) -> set[str]:
    lines = [json.loads(line) for line in log.read_bytes().splitlines()]
    return {line["service"] for line in lines if line["event"] == "request"}
