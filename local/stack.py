"""The whole stack in its order: infrastructure, provisioning, services, gateway."""

import asyncio
import json
import sys
import time
from pathlib import Path

from eventonight_operator.reconcile import Outcome, reconcile
from local import environment, fetch, gateway, parts, probes
from local.configuration import ROOT, Setup
from local.parts import Part
from local.supervisor import PartFailedError, Supervisor

LOOPBACK = "127.0.0.1"
INFRASTRUCTURE = ("postgres", "mongod", "epmd", "rabbitmq", "redis", "s3", "portal", "keycloak")
BUCKET_SECONDS = 30


class Stack:
    """One running stack, whose standing is kept in a file for others to read.

    Args:
        setup: what to run and where.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        site = setup.site
        site.folder().chmod(0o755)
        parts.bootstrap_secrets(site)
        self.supervisor = Supervisor(
            infrastructure(setup),
            logs=site.folder("logs"),
            mark=str(site.state),
            changed=self._write_state,
        )
        self.phase = "starting"
        self.notes: list[str] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Bring everything up, keep it up until told to stop, bring it down."""
        try:
            await self._until_stopped(stop)
        finally:
            self._enter("stopping")
            await self.supervisor.stop()
            self._enter("stopped")

    async def _until_stopped(self, stop: asyncio.Event) -> None:
        bringing_up = asyncio.create_task(self._up())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({bringing_up, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not bringing_up.done():
            bringing_up.cancel()
            await asyncio.gather(bringing_up, return_exceptions=True)
            return
        try:
            await bringing_up
        except PartFailedError as error:
            self._enter(f"failed: {error}")
            stopping.cancel()
            return
        self._enter("running")
        await stopping

    async def _up(self) -> None:
        await self.supervisor.start(list(INFRASTRUCTURE))
        self._enter("provisioning")
        for outcome in await provision(self.setup):
            self._note(_words(outcome))
            if not outcome.ready:
                raise PartFailedError(f"{outcome.system}: {outcome.reason} {outcome.message}")
        self._enter("starting services")
        names = []
        for part in services(self.setup):
            self.supervisor.add(part)
            names.append(part.name)
        await self.supervisor.start(names)

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self._write_state()

    def _note(self, words: str) -> None:
        self.notes.append(words)
        self._write_state()

    def _write_state(self) -> None:
        path = state_file(self.setup)
        state = {
            "phase": self.phase,
            "notes": self.notes,
            "written": time.time(),
            "parts": {
                name: {**vars(standing), "port": self.supervisor.parts[name].port}
                for name, standing in self.supervisor.standing.items()
            },
        }
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(state))
        fresh.replace(path)


def state_file(setup: Setup) -> Path:
    """Return the file that a stack's standing is kept in."""
    return setup.site.folder() / "state.json"


def infrastructure(setup: Setup) -> list[Part]:
    """Return the parts that services stand on."""
    site = setup.site
    made = (
        parts.mongod,
        parts.redis,
        parts.epmd,
        parts.rabbitmq,
        parts.postgres,
        parts.keycloak,
        parts.s3,
    )
    return [*(make(site) for make in made), portal(setup)]


def portal(setup: Setup) -> Part:
    """The landing and mail pages, and the mail catcher behind them."""
    ports = setup.site.ports
    return Part(
        name="portal",
        command=(
            sys.executable,
            "-m",
            "local",
            "portal",
            "--state",
            str(setup.site.state),
            "--port",
            str(ports["portal"]),
            "--smtp",
            str(ports["smtp"]),
            "--host",
            setup.site.host,
            "--services",
            ",".join(one.name for one in setup.resource.spec.services),
        ),
        ready=probes.http(f"http://{LOOPBACK}:{ports['portal']}/"),
        port=ports["portal"],
        home=ROOT,
    )


def services(setup: Setup) -> list[Part]:
    """Return the product's services and the gateway before them."""
    found = [
        Part(
            name=one.name,
            command=(sys.executable, "-m", "services", "run", one.name),
            environment=environment.of_service(setup, one.name),
            ready=probes.http(f"http://{LOOPBACK}:{one.port}/health/ready"),
            port=one.port,
            home=ROOT,
        )
        for one in setup.resource.spec.services
    ]
    return [*found, gateway_part(setup)]


def gateway_part(setup: Setup) -> Part:
    """Traefik with the generated configuration."""
    site, wanted = setup.site, setup.resource.spec
    path = site.state / "gateway.yaml"
    document = gateway.dynamic(
        host=site.host,
        services={one.name: f"http://{LOOPBACK}:{one.port}" for one in wanted.services},
        extra_hosts={
            "auth": f"http://{LOOPBACK}:{site.ports['keycloak']}",
            "mail": f"http://{LOOPBACK}:{site.ports['portal']}",
        },
        main=f"http://{LOOPBACK}:{site.ports['portal']}",
        requests_per_second=wanted.gateway.requests_per_second,
        burst=wanted.gateway.burst,
        prefixes={"mail": "/mail"},
    )
    port = site.ports["gateway"]
    return Part(
        name="gateway",
        command=(
            str(fetch.program("traefik")),
            f"--providers.file.filename={path}",
            *gateway.static_arguments(listen=f"{LOOPBACK}:{port}"),
        ),
        ready=probes.http(f"http://{LOOPBACK}:{port}/ping"),
        prepare=lambda: _write(path, document),
        port=port,
        home=site.state,
    )


async def provision(setup: Setup) -> list[Outcome]:
    """Bring databases, broker and realm to what the resource says, and make the bucket."""
    outcomes = await reconcile(setup.resource, setup.site.secrets, ledger=setup.site.ledger)
    await make_bucket(setup)
    return outcomes


async def make_bucket(setup: Setup) -> None:
    """Make the object store's bucket unless it is there.

    Raises:
        PartFailedError: the object store refuses.
    """
    ports, bucket = setup.site.ports, setup.resource.spec.object_store.bucket
    masters = f"{LOOPBACK}:{ports['s3_master']}.{ports['s3_master_grpc']}"
    filer = f"{LOOPBACK}:{ports['s3_filer']}.{ports['s3_filer_grpc']}"
    process = await asyncio.create_subprocess_exec(
        str(fetch.program("weed")),
        "shell",
        f"-master={masters}",
        f"-filer={filer}",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(BUCKET_SECONDS):
        said, _ = await process.communicate(
            f"s3.bucket.create -name {bucket}\ns3.bucket.list\n".encode()
        )
    if bucket not in said.decode(errors="replace").rpartition("s3.bucket.list")[2]:
        raise PartFailedError(f"s3: the bucket {bucket} could not be made: {said[-300:]!r}")


def _words(outcome: Outcome) -> str:
    if not outcome.done:
        return f"{outcome.system}: nothing to do"
    return f"{outcome.system}: {len(outcome.done)} changes"


def _write(path: Path, document: gateway.Document) -> None:
    path.write_text(json.dumps(document, indent=1))
