"""Two replicas, one writer."""

import asyncio
import signal
import time
from typing import Any

import pytest

from client import eventually
from installation import Installation

pytestmark = pytest.mark.apiserver
TAKEOVER_SECONDS = 20.0


async def holder(installation: Installation) -> str:
    found = await installation.get("leases", "eventonight-operator")
    return str((found or {"spec": {}})["spec"].get("holderIdentity", ""))


async def two(installation: Installation) -> None:
    await installation.create()
    installation.operator("operator-0")

    async def leads() -> bool:
        return await holder(installation) == "operator-0"

    await eventually(leads, seconds=30)
    installation.operator("operator-1")
    await installation.holds("Ready", "True")


async def changes_hands(installation: Installation) -> float:
    started = time.monotonic()

    async def taken() -> bool:
        return await holder(installation) == "operator-1"

    await eventually(taken, seconds=TAKEOVER_SECONDS + 5)
    return time.monotonic() - started


def writers(writes: list[dict[str, Any]]) -> list[str]:
    """Return who wrote, in order, repetitions left out."""
    found: list[str] = []
    for one in writes:
        who = one["userAgent"].rpartition("/")[2]
        if not found or found[-1] != who:
            found.append(who)
    return found


async def test_a_killed_leader_is_followed_and_never_two_write(installation: Installation) -> None:
    await two(installation)
    first = installation.operators[0]
    first.stop(signal.SIGKILL)
    await installation.edit({"services": _scaled(installation, 3)})
    assert await changes_hands(installation) < TAKEOVER_SECONDS
    await installation.holds("Ready", "True")
    found = await installation.get("deployments", "users")
    assert found is not None
    assert found["spec"]["replicas"] == 3
    assert writers(installation.writes(0)) == ["operator-0", "operator-1"]


async def test_a_leader_that_stops_hands_over_at_once(installation: Installation) -> None:
    await two(installation)
    assert installation.operators[0].stop() == 0
    assert await changes_hands(installation) < 6


async def test_a_leader_that_was_frozen_does_not_write_when_it_wakes(
    installation: Installation,
) -> None:
    await two(installation)
    first = installation.operators[0].process
    first.send_signal(signal.SIGSTOP)
    await changes_hands(installation)
    # A change meets both at once: the one that leads now, and the one that wakes up.
    await installation.edit({"services": _scaled(installation, 2)})
    first.send_signal(signal.SIGCONT)
    await installation.holds("Ready", "True")
    await asyncio.sleep(5)
    assert writers(installation.writes(0)) == ["operator-0", "operator-1"]
    assert first.poll() is None


def _scaled(installation: Installation, replicas: int) -> list[dict[str, Any]]:
    services = installation.document["spec"]["services"]
    return [{**services[0], "replicas": replicas}, *services[1:]]
