"""Ending tasks for certain, and telling our own cancellations from others'."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

ASK_AGAIN_SECONDS = 1.0
T = TypeVar("T")


async def ended(*tasks: asyncio.Task[Any]) -> Sequence[Any]:
    """Cancel tasks until each has ended, and return their outcomes, exceptions among them.

    Once is not enough: before Python 3.12 `asyncio.wait_for`, on which client libraries build,
    loses a cancellation that arrives together with the result.
    """
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=ASK_AGAIN_SECONDS)
    return await asyncio.gather(*tasks, return_exceptions=True)


def told_to_end() -> bool:
    """Tell a cancellation of ours from one that a client library raised for a lost connection."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def wait_for(work: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109 - its name there
    """Do what `asyncio.wait_for` does from Python 3.12 on: wait in the caller's own task.

    Raises:
        TimeoutError: the work took longer; it was cancelled.
    """
    async with asyncio.timeout(timeout):
        return await work
