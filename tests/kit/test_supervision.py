"""Background work goes on whatever ends it, and ends when it is told to."""

import asyncio
from contextlib import suppress
from types import SimpleNamespace

import pytest

from client import eventually
from services.kit import publishing, service
from services.kit.health import Health
from services.kit.service import Service, running, supervise


async def test_a_job_that_a_lost_connection_cancels_is_started_again() -> None:
    """A broker's client ends the waits of a lost connection by CancelledError."""
    starts = 0

    async def job() -> None:
        nonlocal starts
        starts += 1
        raise asyncio.CancelledError

    supervised = asyncio.create_task(supervise("job", job))

    async def again() -> bool:
        return starts >= 2

    await eventually(again)
    supervised.cancel()
    with pytest.raises(asyncio.CancelledError):
        await supervised


async def test_a_wait_that_a_lost_connection_cancels_says_so() -> None:
    with pytest.raises(ConnectionError), publishing.losses_named():
        raise asyncio.CancelledError


async def test_a_wait_that_we_cancel_is_cancelled() -> None:
    async def waiting() -> None:
        with publishing.losses_named():
            await asyncio.Event().wait()

    task = asyncio.create_task(waiting())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_loses_a_cancellation_is_asked_again() -> None:
    """As `asyncio.wait_for` does before Python 3.12, when its result arrives at the same time."""
    begun, lost = asyncio.Event(), asyncio.Event()

    async def job() -> None:
        begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        lost.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        async with running(_service(jobs={"job": job})):
            await begun.wait()
        assert lost.is_set()


async def test_what_does_not_close_keeps_nothing_else_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "CLOSE_SECONDS", 0.1)
    closed: list[str] = []

    async def hangs() -> None:
        await asyncio.Event().wait()

    async def breaks() -> None:
        raise OSError

    async def closes() -> None:
        closed.append("last")

    async with running(_service(close=[hangs, breaks, closes])):
        pass
    assert closed == ["last"]


async def test_a_service_is_ready_once_it_is_prepared() -> None:
    gate = asyncio.Event()

    async def prepare() -> None:
        await gate.wait()

    made = _service(prepare=[prepare])
    async with running(made):
        assert made.health.standing == "starting"
        gate.set()

        async def prepared() -> bool:
            return made.health.standing == "OK"

        await eventually(prepared)


def _service(**fields: object) -> Service:
    verifier = SimpleNamespace(keep_fresh=asyncio.Event().wait)
    app = SimpleNamespace(state=SimpleNamespace(verifier=verifier))
    return Service(name="t", app=app, health=Health("t", {}), **fields)  # type: ignore[arg-type]
