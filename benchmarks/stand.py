"""The product and its servers, running for the length of the benchmarks."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks import processes
from client import PASSWORD, Client, Person
from servers import Servers

STORES = ("mongod", "rabbitmq")


@dataclass(frozen=True)
class Stand:
    """Real servers, and somebody who may write."""

    servers: Servers
    client: Client
    organizer: Person

    async def sign_in(self) -> dict[str, str]:
        """Return the header of a fresh token; tokens live for minutes only."""
        login = {"username": self.organizer.username, "password": PASSWORD}
        answer = await self.client.users("POST", "/login", json=login)
        return {"Authorization": f"Bearer {answer.json()['accessToken']}"}

    def port(self, name: str) -> int:
        """Return the port of a part."""
        return self.servers.setup.site.ports[name]

    def pid(self, name: str) -> int:
        """Return the process of a part."""
        return self.servers.supervisor.standing[name].pid

    def url(self, service: str, setting: str) -> str:
        """Return an address that a service is told, like its ``MONGO_URL``."""
        return self.servers.environment(service)[setting]


@asynccontextmanager
async def standing() -> AsyncIterator[Stand]:
    """Run the product: stores and load on one core, the service that is measured on the other."""
    servers = Servers()
    try:
        await servers.everything()
        os.sched_setaffinity(0, {processes.other_core()})
        for name in STORES:
            processes.pin(servers.supervisor.standing[name].pid, processes.other_core())
        async with Client(servers) as client:
            yield Stand(servers, client, await client.register("organization"))
    finally:
        await servers.stop()
