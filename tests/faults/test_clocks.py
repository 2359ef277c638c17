"""Replicas whose clocks are a minute ahead and a minute behind do the same as the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from client import Person
from faults.checker import Checker
from faults.choice import SHORT
from faults.crowd import Crowd
from faults.stack import FaultStack
from local import fetch

EACH = 3 if SHORT else 10
SKEWS = {"users": "-60s", "users-2": "+60s", "events": "+60s", "events-2": "-60s"}

pytestmark = pytest.mark.faults


def _library() -> Path | None:
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


@pytest.fixture
def faketime() -> str:
    """The library that skews a process' clock; a distribution package like the servers."""
    fetch.install_packages([fetch.Package("libfaketime", lambda: _library() is not None)], print)
    return str(_library())


@asynccontextmanager
async def skewed(stack: FaultStack, faketime: str) -> AsyncIterator[None]:
    """Run the replicas with wrong clocks for the length of a block."""
    words = {"LD_PRELOAD": faketime, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    try:
        for name, skew in SKEWS.items():
            await stack.change(name, environment={**words, "FAKETIME": skew})
        yield
    finally:
        await asyncio.gather(*map(stack.restore, SKEWS))
        _forget_the_dead()


def _forget_the_dead() -> None:
    """Remove what libfaketime shares by process id and a killed process leaves behind.

    A later process with the same id would take the semaphore for its own, and wait for the dead.
    """
    for path in Path("/dev/shm").glob("*faketime_s*_*"):  # noqa: S108 - where the library puts it
        if not Path("/proc", path.name.rpartition("_")[2]).exists():
            path.unlink(missing_ok=True)


async def test_a_minute_of_skew_loses_doubles_and_delays_nothing(
    stack: FaultStack, crowd: Crowd, checker: Checker, faketime: str
) -> None:
    async with skewed(stack, faketime):
        organizer = await crowd.register("organization")
        moments = await _publish(stack, crowd, organizer)
        await asyncio.gather(*(crowd.register("member") for _ in range(EACH)))
        await stack.kill(await stack.relay_of("events"))
        await _publish(stack, crowd, organizer)
        assert await checker.findings() == []
    assert max(moments) - min(moments) > timedelta(seconds=100), "no clock was skewed"


async def _publish(stack: FaultStack, crowd: Crowd, organizer: Person) -> list[datetime]:
    """Publish through every replica and return when the nights were made, by their clocks."""
    ids = [await crowd.publish(organizer) for _ in range(2 * EACH)]
    rows = stack.database("events")["events"].find({"_id": {"$in": ids}})
    return [row["createdAt"].astimezone(UTC) async for row in rows]
