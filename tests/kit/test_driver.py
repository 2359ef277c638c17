"""What the kit corrects in the database's driver."""

import asyncio
import sys

import pymongo.lock
import pytest

from client import eventually
from services.kit import mongo, tasks

WAITED_FOR = 0.01


@pytest.mark.parametrize("corrected", [True, False])
async def test_a_cancelled_wait_for_a_change_of_the_topology_gives_its_lock_back(
    monkeypatch: pytest.MonkeyPatch,
    corrected: bool,  # noqa: FBT001 - a parameter
) -> None:
    """As `Topology.select_servers` waits: the lock is its own before and after."""
    assert vars(pymongo.lock)["wait_for"] is tasks.wait_for, mongo.__name__
    if not corrected:
        monkeypatch.setattr(pymongo.lock, "wait_for", asyncio.wait_for)
    lock = pymongo.lock._async_create_lock()
    changed = pymongo.lock._async_create_condition(lock)

    async def selects() -> None:
        async with lock:
            await pymongo.lock._async_cond_wait(changed, WAITED_FOR)

    async def wants_it_back() -> bool:
        return bool(lock._waiters)

    selecting = asyncio.create_task(selects())
    await asyncio.sleep(0)
    async with lock:
        await eventually(wants_it_back, every=0.001)
        selecting.cancel()
    await asyncio.wait({selecting})
    for _ in range(10):
        await asyncio.sleep(0)
    assert lock.locked() is (not corrected and sys.version_info < (3, 12))
