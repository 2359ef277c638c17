"""The product with two replicas of each service; parts can be killed, held back and frozen."""

import asyncio
import dataclasses
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import obstore
from obstore.store import S3Store

from client import eventually
from faults.choice import SHORT
from local import parts, probes, stack, supervisor
from local.parts import Part
from servers import INFRASTRUCTURE, Servers
from services.kit.mongo import Document, Mongo

HERE = Path(__file__).parent
GRACE_SECONDS = 4.0 if SHORT else 8.0
RETURN_SECONDS = 120.0
SERVICES = ("users", "events", "media")
DATABASES = {"users": "users_db", "events": "eventonight_events"}


class FaultStack(Servers):
    """Servers and services of a test session that breaks them."""

    def __init__(self) -> None:
        super().__init__()
        supervisor.LONGEST_PAUSE = supervisor.FIRST_PAUSE  # the pauses are not what is tested
        known = self.supervisor.parts
        tested = ("--setParameter", "enableTestCommands=1")
        known["mongod"] = dataclasses.replace(
            known["mongod"], command=(*known["mongod"].command, *tested)
        )
        self.replicas: dict[str, tuple[str, ...]] = {name: (name, f"{name}-2") for name in SERVICES}
        self._ports = {f"{name}-2": _free_port() for name in SERVICES}
        self._opened: dict[str, Mongo] = {}

    async def start(self) -> None:
        """Start everything and return once all of it is healthy."""
        await self.need(*INFRASTRUCTURE)
        await self.provision("mongodb", "rabbitmq", "keycloak")
        await stack.make_bucket(self.setup)
        for part in stack.services(self.setup):
            if part.name in SERVICES:
                for name in self.replicas[part.name]:
                    self.supervisor.add(self._replica(part, name))
        await self.supervisor.start([one for names in self.replicas.values() for one in names])

    def _replica(self, part: Part, name: str) -> Part:
        port = self._ports.get(name, part.port)
        environment = {
            **part.environment,
            "PORT": str(port),
            "INTENT_GRACE_SECONDS": str(GRACE_SECONDS),
            "CRASH_POINTS": str(self.crash_control(name.partition("-")[0])),
            "LOG_LEVEL": "info",
        }
        ready = probes.http(f"http://127.0.0.1:{port}/health/ready")
        return dataclasses.replace(part, name=name, environment=environment, port=port, ready=ready)

    def crash_control(self, service: str) -> Path:
        """Return the file that arms the crash points of a service; the first replica takes it."""
        return self.setup.site.folder("crash") / service

    def address(self, replica: str) -> str:
        """Return a replica's address."""
        return f"http://127.0.0.1:{self.supervisor.parts[replica].port}"

    def pid(self, name: str) -> int:
        return self.supervisor.standing[name].pid

    def restarts(self, name: str) -> int:
        return self.supervisor.standing[name].restarts

    async def kill(self, name: str) -> float:
        """Kill a part with SIGKILL, wait for its return, and return when that was."""
        before = self.restarts(name)
        os.killpg(self.pid(name), signal.SIGKILL)
        await self.returned(name, before)
        return time.monotonic()

    async def returned(self, name: str, restarts_before: int) -> None:
        """Return once a part that ended is healthy again."""

        async def back() -> bool:
            healthy = self.supervisor._healthy[name].is_set()
            return healthy and self.restarts(name) > restarts_before

        await eventually(back, seconds=RETURN_SECONDS, every=0.02)

    async def hold(self, name: str) -> None:
        """Kill a part with SIGKILL and keep it away."""
        keeper = self.supervisor._keepers.pop(name)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        process = self.supervisor._processes[name]
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        self.supervisor._healthy[name].clear()

    async def release(self, name: str) -> float:
        """Let a held part return, and return when that was."""
        self.supervisor.standing[name] = supervisor.Standing()
        await self.supervisor.start([name])
        return time.monotonic()

    async def change(
        self, name: str, command: tuple[str, ...] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        """Run a replica otherwise from now on; `restore` undoes it."""
        part = self.supervisor.parts[name]
        words = {**part.environment, **(environment or {})}
        changed = dataclasses.replace(part, command=command or part.command, environment=words)
        await self._swap(name, changed)

    async def restore(self, name: str) -> None:
        """Run a replica as the product does."""
        service = name.partition("-")[0]
        part = next(one for one in stack.services(self.setup) if one.name == service)
        await self._swap(name, self._replica(part, name))

    async def _swap(self, name: str, part: Part) -> None:
        await self.hold(name)
        self.supervisor.parts[name] = part
        await self.release(name)

    @asynccontextmanager
    async def without(self, guard: str, service: str) -> AsyncIterator[None]:
        """Run a service with a guard of the kit switched off for the length of a block."""
        command = (sys.executable, str(HERE / "unguarded.py"), guard, "run", service)
        names = self.replicas[service]
        await asyncio.gather(*(self.change(name, command) for name in names))
        try:
            yield
        finally:
            await asyncio.gather(*(self.restore(name) for name in names))

    @asynccontextmanager
    async def dying(self, service: str, write: str) -> AsyncIterator[None]:
        """Have one replica end itself after a write that the block leads to; wait for its return.

        Args:
            service: whose replicas; the first that does the write dies.
            write: beginning of the write's name, see kit/crashpoints.py.
        """
        before = {name: self.restarts(name) for name in self.replicas[service]}
        self.crash_control(service).write_text(write)
        yield

        async def died() -> bool:
            return any(self.restarts(name) > known for name, known in before.items())

        await eventually(died)
        for name, known in before.items():
            if self.restarts(name) > known:
                await self.returned(name, known)

    @contextmanager
    def frozen(self, name: str) -> Iterator[float]:
        """Stop a part with SIGSTOP for the length of a block; yield when that was."""
        os.killpg(self.pid(name), signal.SIGSTOP)
        try:
            yield time.monotonic()
        finally:
            os.killpg(self.pid(name), signal.SIGCONT)

    @asynccontextmanager
    async def failing(self, how: Document, *, probability: float = 1.0) -> AsyncIterator[None]:
        """Have the database server fail the services' commands for the length of a block."""
        point = {"configureFailPoint": "failCommand"}
        mode: object = {"activationProbability": probability} if probability < 1 else "alwaysOn"
        await self.command({**point, "mode": mode, "data": how})
        try:
            yield
        finally:
            await self.command({**point, "mode": "off"})

    def database(self, service: str) -> Mongo:
        """Return a service's database, with its own account."""
        if service not in self._opened:
            url = self.environment(service)["MONGO_URL"]
            self._opened[service] = Mongo(url, service="faults")
        return self._opened[service]

    async def relay_of(self, service: str) -> str:
        """Return the replica that relays for a service, once there is one."""

        async def holder() -> str | None:
            row = await self.database(service)["leases"].find_one({"_id": "outbox-relay"})
            pid = row["owner"].split(":")[1] if row else ""
            names = self.replicas[service]
            return next((name for name in names if str(self.pid(name)) == pid), None)

        return str(await eventually(holder))

    async def command(self, document: Document) -> Document:
        """Run an administrator's command on the database server."""
        keys = parts.secret(self.setup.site, "mongodb-admin")
        login = f"{keys['username']}:{keys['password']}"
        place = f"127.0.0.1:{self.setup.site.ports['mongod']}/admin"
        opened = Mongo(f"mongodb://{login}@{place}?directConnection=true", service="faults")
        try:
            return dict(await opened.database.command(document))
        finally:
            await opened.close()

    async def broker_command(self, *words: str) -> None:
        """Run one of rabbitmqctl's commands."""
        part = self.supervisor.parts["rabbitmq"]
        process = await asyncio.create_subprocess_exec(
            str(Path(part.command[0]).with_name("rabbitmqctl")),
            *words,
            env={"PATH": os.environ["PATH"], **part.environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(60):
            said, _ = await process.communicate()
        assert process.returncode == 0, said.decode(errors="replace")

    async def ready(self, replica: str) -> tuple[bool, dict[str, Any]]:
        """Return what a replica says of itself: whether it is ready, and of its parts."""
        try:
            async with httpx.AsyncClient(timeout=4) as client:
                answer = await client.get(f"{self.address(replica)}/health/ready")
                return answer.status_code == 200, answer.json()
        except httpx.HTTPError as error:
            return False, {"error": repr(error)}

    async def pictures(self) -> set[str]:
        """Return the keys of every stored picture except the defaults and what is made of them."""
        found = self.environment("media")
        store = S3Store(
            found["S3_BUCKET"],
            endpoint=found["S3_ENDPOINT"],
            access_key_id=found["S3_ACCESS_KEY"],
            secret_access_key=found["S3_SECRET_KEY"],
            region="eu-south-1",
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )
        keys = [one["path"] async for page in obstore.list(store) for one in page]
        ours = (key for key in keys if not key.startswith(("variants/", "departed/")))
        return {key for key in ours if not key.endswith("default.png")}

    async def stop(self) -> None:
        for one in self._opened.values():
            await one.close()
        await super().stop()


def _free_port() -> int:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])
