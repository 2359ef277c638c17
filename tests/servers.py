"""The real servers of a test session: started once, when first needed, on free ports."""

import dataclasses
import shutil
import tempfile
from pathlib import Path

import httpx

from eventonight_operator.reconcile import reconcile
from local import configuration, environment, fetch, parts, ports, stack
from local.configuration import Setup
from local.supervisor import Supervisor

INFRASTRUCTURE = stack.INFRASTRUCTURE


class Servers:
    """One stack of real servers in a temporary folder."""

    def __init__(self) -> None:
        fetch.fetch_all(print)
        self.folder = Path(tempfile.mkdtemp(prefix="eventonight-test-"))
        self.setup: Setup = configuration.load(ports=ports.free_ports(), state=self.folder)
        site = self.setup.site
        parts.bootstrap_secrets(site)
        self.supervisor = Supervisor(
            [_quick(part) for part in stack.infrastructure(self.setup)],
            logs=site.folder("logs"),
            mark=str(site.state),
            changed=lambda: None,
        )
        self._provisioned: set[str] = set()
        self._serving = False

    async def need(self, *names: str) -> None:
        """Start parts, and what they need, unless they run."""
        wanted = list(names)
        for name in wanted:
            wanted += [one for one in self.supervisor.parts[name].after if one not in wanted]
        await self.supervisor.start(wanted)

    async def provision(self, *systems: str) -> None:
        """Bring systems to what the resource says, once."""
        fresh = [name for name in systems if name not in self._provisioned]
        if not fresh:
            return
        outcomes = await reconcile(self.setup.resource, self.setup.site.secrets, fresh)
        assert all(one.ready for one in outcomes), outcomes
        self._provisioned |= set(fresh)

    async def mongodb(self) -> str:
        """Return an administrator's address of the database server, without a database."""
        await self.need("mongod")
        await self.provision("mongodb")
        keys = parts.secret(self.setup.site, "mongodb-admin")
        port = self.setup.site.ports["mongod"]
        return f"mongodb://{keys['username']}:{keys['password']}@127.0.0.1:{port}"

    async def rabbitmq(self) -> httpx.AsyncClient:
        """Return an administrator's client of the broker's management API."""
        await self.need("rabbitmq")
        keys = parts.secret(self.setup.site, "rabbitmq-admin")
        url = f"http://127.0.0.1:{self.setup.site.ports['rabbitmq_management']}/api/"
        return httpx.AsyncClient(
            base_url=url, auth=(keys["username"], keys["password"]), timeout=10
        )

    async def everything(self) -> "Servers":
        """Run the whole product: servers, services, gateway."""
        if not self._serving:
            await self.need(*INFRASTRUCTURE)
            await self.provision("mongodb", "rabbitmq", "keycloak")
            await stack.make_bucket(self.setup)
            made = stack.services(self.setup)
            for part in made:
                self.supervisor.add(part)
            await self.supervisor.start([part.name for part in made])
            self._serving = True
        return self

    def url(self, service: str) -> str:
        """Return a service's own address, past the gateway."""
        return f"http://127.0.0.1:{self.setup.site.ports[service]}"

    def environment(self, service: str) -> dict[str, str]:
        """Return a service's environment."""
        return environment.of_service(self.setup, service)

    async def stop(self) -> None:
        """Stop everything and forget it."""
        await self.supervisor.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(parts.postgres_folder(self.setup.site).parent, ignore_errors=True)


def _quick(part: parts.Part) -> parts.Part:
    """Leave out PostgreSQL's disk flushes: these data need not outlive a power cut."""
    if part.name != "postgres":
        return part
    return dataclasses.replace(part, command=(*part.command, "-c", "fsync=off"))
