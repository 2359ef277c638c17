"""A service as one value, and how a process runs it: start, supervise, drain, stop."""

import asyncio
import contextlib
import gc
import resource
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from litestar import Litestar

from services.kit import logs, metrics, tracing
from services.kit.edge import Edge
from services.kit.health import Health
from services.kit.settings import Settings
from services.kit.tasks import ended, told_to_end

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 3.0
HEALTHY_SECONDS = 30.0
CLOSE_SECONDS = 5.0
HEADER_MILLISECONDS = 10_000
# Idle and slow connections count too, so there must be many more than requests are ever under way.
CONNECTIONS = 4_096
SPARE_FILES = 512

log = logs.get(__name__)

Job = Callable[[], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class Service:
    """Everything one bounded context runs.

    Args:
        name: the service's name.
        app: its HTTP side.
        health: its readiness.
        prepare: run to success once before the jobs start, tried again until it works (indexes).
        jobs: background loops by name (relay, consumers, schedules), each restarted if it ends.
        close: run at the end, in order.
    """

    name: str
    app: Litestar
    health: Health
    prepare: Sequence[Job] = ()
    jobs: Mapping[str, Job] = field(default_factory=dict)
    close: Sequence[Job] = ()


async def run(*served: tuple[Service, Settings]) -> None:
    """Serve until SIGTERM or SIGINT or until one server ends, then drain and stop all."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    # What is there by now stays: the collector need not look at it again, 50 ms each time.
    gc.collect()
    gc.freeze()
    async with asyncio.TaskGroup() as group:
        for service, settings in served:
            group.create_task(_serve(service, settings, stop))
    await asyncio.to_thread(tracing.close)


async def _serve(service: Service, settings: Settings, stop: asyncio.Event) -> None:
    metrics.announce(service.name)
    with logs.bind(service=service.name):
        async with running(service):
            server = _server(service, settings)
            serving = asyncio.create_task(server.serve())
            log.info("serving", address=f"{settings.bind}:{settings.port}")
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            service.health.draining = True
            log.info("draining")
            server.stop()  # type: ignore[no-untyped-call]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(settings.drain_seconds):
                    await serving
        log.info("stopped")


@contextlib.asynccontextmanager
async def running(service: Service) -> AsyncIterator[Service]:
    """Keep a service's background work going for the length of a block."""
    work = asyncio.create_task(_work(service))
    try:
        yield service
    finally:
        await ended(work)
        for close in service.close:
            await _closed(close)


async def _closed(close: Job) -> None:
    """Close one thing; what does not let go in time neither keeps the rest nor the process."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await close()
    except Exception as error:  # noqa: BLE001 - whatever goes wrong, the others are closed too
        log.warning("could not be closed", error=repr(error))


async def _work(service: Service) -> None:
    keep_fresh = service.app.state.verifier.keep_fresh
    tasks = [asyncio.create_task(supervise(f"{service.name}: keys", keep_fresh))]
    try:
        for prepare in service.prepare:
            await supervise(f"{service.name}: prepare", prepare, once=True)
        service.health.prepared = True
        tasks += [asyncio.create_task(supervise(name, job)) for name, job in service.jobs.items()]
        await asyncio.gather(*tasks)
    finally:
        await ended(*tasks)


async def supervise(name: str, job: Job, *, once: bool = False) -> None:
    """Run a job again whenever it ends, with growing pauses; ``once``: until it succeeds."""
    pause = FIRST_PAUSE
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        try:
            await job()
            if once:
                return
            log.warning("a job ended and is started again", job=name)
        except asyncio.CancelledError:
            if told_to_end():
                raise
            log.warning("a job's connection ended it, it is started again", job=name)
        except Exception as error:  # noqa: BLE001 - a supervisor outlives whatever its job raises
            log.warning("a job failed and is started again", job=name, error=repr(error))
        pause = FIRST_PAUSE if loop.time() - started > HEALTHY_SECONDS else pause
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _server(service: Service, settings: Settings) -> Server:
    return Server(
        Edge(service.app, service=service.name),
        address=settings.bind,
        port=settings.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS),
        websockets=False,
        backlog=1_024,
        backpressure=_connections(),
        log_enabled=False,
    )


def _connections() -> int:
    """Return how many connections may be open at once, having raised the process' own limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = max(soft, min(hard, CONNECTIONS + SPARE_FILES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(min(CONNECTIONS, soft - SPARE_FILES), SPARE_FILES)
