"""Work that comes while other work is under way goes together in the next batch.

Nobody waits for company: what comes alone starts at once. A batch holds only what was asked for
before it started, so a question is never answered with what was read before it was asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

# A batch that hangs must not hold up what comes after it.
PATIENCE_SECONDS = 0.05

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Does work for many callers at once.

    Args:
        work: returns an answer for each item, in order; it limits its own time.
        most: as many items a batch holds at most.
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], *, most: int
    ) -> None:
        self._work = work
        self._most = most
        self._gathering: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._latest: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Answer:
        """Return the answer to an item, or raise what the work for its batch raised."""
        if not self._gathering or len(self._gathering) == self._most:
            self._gathering = []
            # A task of its own: a caller that is cancelled takes no other with it.
            self._latest = asyncio.create_task(self._do(self._gathering, self._latest))
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._gathering.append((item, answer))
        return await answer

    async def _do(
        self,
        batch: list[tuple[Item, asyncio.Future[Answer]]],
        before: asyncio.Task[None] | None,
    ) -> None:
        if before is not None and not before.done():
            await asyncio.wait([before], timeout=PATIENCE_SECONDS)
        if self._gathering is batch:
            self._gathering = []
        wanted = [(item, answer) for item, answer in batch if not answer.done()]
        try:
            answers = await self._work([item for item, _ in wanted]) if wanted else ()
            for (_, answer), found in zip(wanted, answers, strict=True):
                if not answer.done():
                    answer.set_result(found)
        except Exception as error:  # noqa: BLE001 - raised again for each caller
            for _, answer in wanted:
                if not answer.done():
                    answer.set_exception(error)
        finally:
            # Whatever ended the batch, nobody waits for it any longer.
            for _, answer in wanted:
                answer.cancel()
