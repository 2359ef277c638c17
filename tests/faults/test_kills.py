"""Parts die by SIGKILL while people register and publish; nothing is lost, doubled or half."""

import asyncio
import itertools
import random

import pytest

from client import Person
from faults import figures
from faults.checker import Checker
from faults.choice import EACH, SHORT
from faults.crowd import Crowd
from faults.ledger import Ledger
from faults.recovery import Recovery
from faults.stack import FaultStack

WORKERS = 6
ORGANIZERS = 4
PARTS = ("users", "events", "media", "rabbitmq", "mongod", "redis", "keycloak", "s3")
RELAYS = ("relay of users", "relay of events")
SHORT_PARTS = ("users-2", "rabbitmq", "mongod", "relay of events")

pytestmark = pytest.mark.faults


class Load:
    """Registrations and publications in a random order, by a few workers at a time."""

    def __init__(self, crowd: Crowd, organizers: list[Person], seeded: random.Random) -> None:
        self._crowd = crowd
        turns = itertools.cycle(organizers)
        self._left = [*["register"] * EACH, *["publish"] * EACH]
        seeded.shuffle(self._left)
        self._organizers = turns
        self._roles = itertools.cycle(("member", "organization"))
        self._served = asyncio.Condition()
        self.done = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._work())

    async def _work(self) -> None:
        while self._left:
            if self._left.pop() == "register":
                await self._crowd.register(next(self._roles))
            else:
                await self._crowd.publish(next(self._organizers))
            self.done += 1
            async with self._served:
                self._served.notify_all()

    async def until(self, count: int) -> None:
        """Return once so many requests were served."""
        while self.done < count:
            async with self._served:
                await self._served.wait()


async def killed(stack: FaultStack, part: str) -> tuple[str, float]:
    """Kill a part, the replica that relays for a service among them, and wait for its return."""
    if part.startswith("relay"):
        service = part.rpartition(" ")[2]
        holder = await stack.relay_of(service)
        return holder, await stack.kill(holder)
    return part, await stack.kill(part)


async def test_nothing_is_lost_doubled_or_half_when_parts_are_killed(
    stack: FaultStack,
    crowd: Crowd,
    checker: Checker,
    ledger: Ledger,
    canary: Person,
    seeded: random.Random,
) -> None:
    organizers = [await crowd.register("organization") for _ in range(ORGANIZERS)]
    parts = list(SHORT_PARTS if SHORT else PARTS + RELAYS)
    seeded.shuffle(parts)
    load, recovery = Load(crowd, organizers, seeded), Recovery(stack, crowd, canary)
    running = asyncio.create_task(load.run())
    for place, part in enumerate(parts):
        await load.until(int(2 * EACH * (place + seeded.random()) / (len(parts) + 1)))
        name, since = await killed(stack, part)
        figures.note(f"killed {part} ({name}) after {load.done} of {2 * EACH} were served")
        await recovery.measured(part, since)
    await running
    assert await checker.findings() == []
    assert load.done == 2 * EACH
    figures.note(
        f"{len(ledger.people)} people and {len(ledger.nights)} nights told, all there and whole; "
        f"clients repeated {ledger.retries} requests"
    )
