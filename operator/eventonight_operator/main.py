"""The operator's process: elect, watch with kopf, keep one reconciler per resource."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any

from eventonight_operator import logs
from eventonight_operator.controller import KIND, Reconciler, namespace_ends
from eventonight_operator.election import Election
from eventonight_operator.kube.access import Access, find
from eventonight_operator.kube.client import Kube, KubeError
from eventonight_operator.serving import serving
from eventonight_operator.settings import Settings, product_version
from eventonight_operator.systems.workloads import NAME as WORKLOADS
from eventonight_operator.watching import SECRET, watch
from eventonight_operator.writes import GATE

STALE_SECONDS = 120.0
SWEEP_SECONDS = 30.0
# What of a resource's metadata asks for a look; its status is our own word.
NEWS = ("uid", "generation", "annotations", "deletionTimestamp")
INSTANCE = "app.kubernetes.io/instance"
LET_GO_SECONDS = 25.0
CLOSE_SECONDS = 10.0
PAUSE_SECONDS = 2.0

log = logs.get(__name__)
Document = dict[str, Any]


class Leader:
    """The reconcilers of a replica while it leads.

    Args:
        kube: the API.
        version: the operator's own.
    """

    def __init__(self, kube: Kube, version: str) -> None:
        self._kube = kube
        self._version = version
        self._group: asyncio.TaskGroup | None = None
        self._kept: dict[str, Reconciler] = {}
        self._seen: dict[str, str] = {}

    @property
    def beats(self) -> dict[str, float]:
        """When each resource was last looked at to the end."""
        return {name: one.beat for name, one in self._kept.items()}

    async def run(self) -> None:
        """Keep every resource of the namespace, also those that no event told of."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            while True:
                with contextlib.suppress(KubeError):
                    for one in await self._kube.items(KIND):
                        self._keep(one["metadata"]["name"])
                await asyncio.sleep(SWEEP_SECONDS)

    async def let_go(self) -> None:
        """Release every resource if the namespace itself ends: nobody could do so later."""
        if self._kept and await namespace_ends(self._kube):
            log.warning("the namespace ends; releasing its resources")
            async with asyncio.timeout(LET_GO_SECONDS):
                await asyncio.gather(*(one.let_go() for one in self._kept.values()))

    def resource_event(self, document: Document) -> None:
        """Take notice of an event of a resource."""
        metadata = document["metadata"]
        name = metadata["name"]
        fresh = [
            metadata.get(key) for key in ("uid", "generation", "annotations", "deletionTimestamp")
        ]
        self._keep(name)
        if self._is_news(f"{KIND}/{name}", repr(fresh)):
            self._kept[name].wake()

    def child_event(self, kind: str, document: Document, *, gone: bool) -> None:
        """Take notice of an event of something that was made for a resource."""
        metadata = document["metadata"]
        owner = self._kept.get((metadata.get("labels") or {}).get(INSTANCE, ""))
        mark = f"{metadata['resourceVersion']}{' gone' if gone else ''}"
        if self._is_news(f"{kind}/{metadata['name']}", mark) and owner is not None:
            owner.wake(None if kind == SECRET else {WORKLOADS})

    def _is_news(self, place: str, mark: str) -> bool:
        """Tell whether this was not seen before: watches tell all over again when reopened."""
        known, self._seen[place] = self._seen.get(place), mark
        return known != mark

    def _keep(self, name: str) -> None:
        if self._group is not None and name not in self._kept:
            reconciler = self._kept[name] = Reconciler(self._kube, name, self._version)
            self._group.create_task(self._until_gone(reconciler))

    async def _until_gone(self, reconciler: Reconciler) -> None:
        try:
            await reconciler.run()
        finally:
            del self._kept[reconciler.name]


class Process:
    """One replica.

    Args:
        access: the way to the API server.
        settings: of this process.
    """

    def __init__(self, access: Access, settings: Settings) -> None:
        self._access = access
        self._settings = settings
        self._stop = asyncio.Event()
        self._leader: Leader | None = None
        self._election: Election | None = None

    async def run(self) -> None:
        """Stand by, lead while elected, until told to stop."""
        settings = self._settings
        hear(self._stop)
        async with Kube(self._access, f"eventonight-operator/{settings.pod_name}") as kube:
            election = self._election = Election(kube, settings.lease_name, settings.pod_name)
            GATE.guard(election.check)
            async with serving(settings.bind, settings.port, self.trouble):
                while not self._stop.is_set():
                    log.info("standing by", identity=settings.pod_name)
                    if await self._or_stop(election.acquire()):
                        log.info("leading", identity=settings.pod_name)
                        await self._lead(kube, election)
            await election.release()
        log.info("stopped")

    def trouble(self) -> str:
        """Return why this process should be started again, empty while all is well."""
        now = time.monotonic()
        if self._election is not None and now - self._election.asked > STALE_SECONDS:
            return "the election stands still"
        beats = self._leader.beats if self._leader is not None else {}
        late = [name for name, beat in beats.items() if now - beat > STALE_SECONDS]
        return f"not looked at for {STALE_SECONDS:g} s: {', '.join(late)}" if late else ""

    async def _lead(self, kube: Kube, election: Election) -> None:
        """Lead until the lease is lost, we are told to stop, or something breaks."""
        leader = self._leader = Leader(kube, product_version())
        ended = asyncio.Event()
        keeping = asyncio.create_task(election.keep())
        stopping = asyncio.create_task(self._stop.wait())
        working = asyncio.create_task(leader.run())
        # kopf hears signals, too; but the namespace may end, and then there is something to do
        # before, so we hear them again after it.
        ready = partial(hear, self._stop)
        watching = asyncio.create_task(watch(self._access, leader, ended, ready))
        parts = {keeping, stopping, working, watching}
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        if stopping in done:
            with contextlib.suppress(KubeError, TimeoutError):
                await leader.let_go()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        ended.set()
        await asyncio.wait({watching}, timeout=CLOSE_SECONDS)
        for part in parts:
            part.cancel()
        for result in await asyncio.gather(*parts, return_exceptions=True):
            if isinstance(result, Exception):
                log.error("leading broke off", exc_info=result)
        self._leader = None
        if not self._stop.is_set():
            await election.release()
            await self._or_stop(asyncio.sleep(PAUSE_SECONDS))

    async def _or_stop(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do some work unless told to stop before; return whether it was done."""
        task, stopping = asyncio.create_task(work), asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        done = task.done()
        for one in (task, stopping):
            one.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)
        return done


def hear(stop: asyncio.Event) -> None:
    """Set an event when the process is told to stop."""
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)


def main(settings: Settings) -> None:
    """Run the operator until told to stop."""
    logs.configure(level=settings.log_level, style=settings.log_format)
    asyncio.run(Process(find(), settings).run())
