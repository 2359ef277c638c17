"""Each use case is cut off by SIGKILL after every one of its outside writes, in every process.

What is left is the whole state or the untouched one, whether the client asks again or not.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from client import eventually
from faults import figures
from faults.checker import Checker
from faults.choice import SHORT
from faults.crowd import Crowd
from faults.stack import FaultStack
from faults.use_cases import (
    Begin,
    Run,
    changing_a_poster,
    changing_an_avatar,
    deleting_an_account,
    publishing,
    registering,
    removing_an_avatar,
)

MANY = 1_000_000
CRASH_SECONDS = 15.0
UNSETTLED = {"INTENT_GRACE_SECONDS": "900"}

pytestmark = pytest.mark.faults

Walk = tuple[str, Callable[[Crowd], Begin], tuple[str, ...]]
WALKS: tuple[Walk, ...] = (
    ("registration", registering, ("users", "events")),
    ("publication", publishing, ("events", "media")),
    ("another poster", changing_a_poster, ("events", "media")),
    ("another avatar", changing_an_avatar, ("users", "media")),
    ("back to the default avatar", removing_an_avatar, ("users", "media")),
    ("deletion of an account", deleting_an_account, ("users", "events", "media")),
)


@dataclass
class Control:
    """The file that says after how many writes a process ends."""

    path: Path

    def arm(self, writes: int) -> None:
        self.log.unlink(missing_ok=True)
        self.path.write_text(str(writes))

    def disarm(self) -> list[str]:
        """Return the writes that were counted."""
        self.path.unlink(missing_ok=True)
        return self.log.read_text().splitlines() if self.log.exists() else []

    @property
    def log(self) -> Path:
        return self.path.with_name(f"{self.path.name}.log")

    async def fired(self) -> bool:
        """Tell whether the process has ended itself, or does within a while."""

        async def gone() -> bool:
            return not self.path.exists()

        try:
            await eventually(gone, seconds=CRASH_SECONDS, every=0.02)
        except AssertionError:
            return False
        return True


class Walker:
    """Walks a use case through all crash points of a process."""

    def __init__(self, stack: FaultStack, checker: Checker, seeded: random.Random) -> None:
        self._stack = stack
        self._checker = checker
        self._seeded = seeded
        self.runs: list[tuple[str, Run]] = []

    async def walk(self, name: str, begin: Begin, service: str) -> None:
        """Count the writes of an undisturbed run, then crash after the first, the second ..."""
        control = Control(self._stack.crash_control(service))
        writes = await self._undisturbed(f"{name}, undisturbed", begin, control)
        points = list(range(1, len(writes) + 1))
        for point in points[:: 3 if SHORT else 1]:
            await self._cut_off(
                f"{name}: {service} after {writes[point - 1]}", begin, control, point
            )
        figures.note(f"crash points of {name} in {service}: {len(writes)}")

    async def _undisturbed(self, label: str, begin: Begin, control: Control) -> list[str]:
        run = await self._begun(label, begin)
        control.arm(MANY)
        await run.attempt()
        assert await self._checker.settle(intents=False) == []
        writes = control.disarm()
        await run.again()
        return writes

    async def _begun(self, label: str, begin: Begin) -> Run:
        run = await begin()
        self.runs.append((label, run))
        assert await self._checker.settle(intents=False) == []
        return run

    async def _cut_off(self, label: str, begin: Begin, control: Control, point: int) -> None:
        run = await self._begun(label, begin)
        service = control.path.name
        restarts = self._stack.restarts(service)
        control.arm(point)
        await run.attempt()
        if await control.fired():
            await self._stack.returned(service, restarts)
        control.disarm()
        if self._seeded.random() < 0.5:
            await run.again()

    async def left(self) -> list[str]:
        return [f"{label}: {words}" for label, run in self.runs for words in await run.left()]


@asynccontextmanager
async def alone(stack: FaultStack) -> AsyncIterator[None]:
    """One replica per service, whose intents nobody settles: every write is the use case's own."""
    everybody = dict(stack.replicas)
    for service, (first, second) in everybody.items():
        await stack.hold(second)
        await stack.change(first, environment=UNSETTLED)
        stack.replicas[service] = (first,)
    try:
        yield
    finally:
        for first, second in everybody.values():
            await asyncio.gather(stack.restore(first), stack.release(second))
        stack.replicas |= everybody


async def test_a_use_case_cut_off_anywhere_ends_whole_or_untouched(
    stack: FaultStack, crowd: Crowd, checker: Checker, seeded: random.Random
) -> None:
    walker = Walker(stack, checker, seeded)
    async with alone(stack):
        for name, use_case, services in WALKS[:2] if SHORT else WALKS:
            for service in services:
                await walker.walk(name, use_case(crowd), service)
    assert await checker.findings() + await walker.left() == []
