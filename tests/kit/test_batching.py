"""Batches: together what comes meanwhile, nobody waits for company, nobody suffers for another."""

import asyncio
from collections.abc import Sequence

import pytest

from services.kit.batching import PATIENCE_SECONDS, Batcher


class Work:
    """Looks things up; each batch waits until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.there: set[str] = set()
        self.gates: list[asyncio.Event] = []
        self.started = asyncio.Event()

    async def __call__(self, items: Sequence[str]) -> Sequence[bool]:
        found = [one in self.there for one in items]
        self.batches.append(list(items))
        self.gates.append(asyncio.Event())
        self.started.set()
        await self.gates[-1].wait()
        return found

    async def under_way(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.batches) < count:
                self.started.clear()
                await self.started.wait()


@pytest.fixture
def work() -> Work:
    return Work()


async def test_what_comes_meanwhile_goes_together_and_is_looked_up_after_it_was_asked(
    work: Work,
) -> None:
    batcher = Batcher(work, most=10)
    first = asyncio.create_task(batcher("a"))
    await work.under_way(1)
    work.there.add("a")
    later = [asyncio.create_task(batcher(one)) for one in ("a", "b", "a")]
    await asyncio.sleep(0)
    work.gates[0].set()
    await work.under_way(2)
    work.gates[1].set()
    assert await first is False
    assert await asyncio.gather(*later) == [True, False, True]
    assert work.batches == [["a"], ["a", "b", "a"]]


async def test_a_batch_has_a_limit(work: Work) -> None:
    batcher = Batcher(work, most=2)
    asked = [asyncio.create_task(batcher(str(number))) for number in range(5)]
    for count in (1, 2, 3):
        await work.under_way(count)
        work.gates[-1].set()
    await asyncio.gather(*asked)
    assert work.batches == [["0", "1"], ["2", "3"], ["4"]]


async def test_a_batch_that_hangs_does_not_hold_up_the_next(work: Work) -> None:
    batcher = Batcher(work, most=10)
    hanging = asyncio.create_task(batcher("a"))
    await work.under_way(1)
    async with asyncio.timeout(20 * PATIENCE_SECONDS):
        next_one = asyncio.create_task(batcher("b"))
        await work.under_way(2)
        work.gates[1].set()
        await next_one
    assert not hanging.done()
    work.gates[0].set()
    await hanging


async def test_a_caller_that_is_cancelled_takes_no_other_with_it(work: Work) -> None:
    batcher = Batcher(work, most=10)
    asked = [asyncio.create_task(batcher(one)) for one in ("a", "b")]
    await work.under_way(1)
    waiting = [asyncio.create_task(batcher(one)) for one in ("c", "d")]
    await asyncio.sleep(0)
    asked[0].cancel()
    waiting[0].cancel()
    work.gates[0].set()
    await work.under_way(2)
    work.gates[1].set()
    assert await asked[1] is False
    assert await waiting[1] is False
    assert work.batches == [["a", "b"], ["d"]]


async def test_a_failure_reaches_each_of_its_batch_and_no_other() -> None:
    async def fail_once(items: Sequence[str]) -> Sequence[str]:
        if "a" in items:
            raise LookupError
        return items

    batcher = Batcher(fail_once, most=2)
    asked = await asyncio.gather(*map(batcher, "abcd"), return_exceptions=True)
    assert [type(one) for one in asked[:2]] == [LookupError, LookupError]
    assert asked[2:] == ["c", "d"]


@pytest.mark.parametrize("ending", [ValueError, asyncio.CancelledError])
async def test_nobody_waits_for_an_answer_that_does_not_come(ending: type[BaseException]) -> None:
    async def forget(items: Sequence[str]) -> Sequence[str]:
        if ending is asyncio.CancelledError:
            raise asyncio.CancelledError
        return items[:1]

    batcher = Batcher(forget, most=10)
    async with asyncio.timeout(5):
        asked = await asyncio.gather(*map(batcher, "ab"), return_exceptions=True)
    assert isinstance(asked[1], ending)
