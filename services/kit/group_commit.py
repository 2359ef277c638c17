"""Transactions of several callers as one, so that many at a time share what a commit costs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from typing import Any, NamedTuple, TypeVar

import pymongo

from services.kit import mongo
from services.kit.batching import Batcher
from services.kit.mongo import Gathered, Mongo

MOST = 32
T = TypeVar("T")
Work = Callable[[], Awaitable[T]]


class _Member(NamedTuple):
    """What one caller wants done, and the caller's log ids and trace."""

    work: Work[Any]
    context: Context


class GroupCommit:
    """A `Transaction` for short work that seldom fails, such as storing something new.

    What comes while a group is stored goes together in the next one, in one transaction, new rows
    at its end. Where a member fails, nothing of its group is stored; then each member runs again in
    a transaction of its own, so that none suffers for another.
    """

    def __init__(self, database: Mongo) -> None:
        self._transaction = database.transaction
        self._together = Batcher(self._commit, most=MOST)

    async def __call__(self, work: Work[T]) -> T:
        """Return what the work returns, once its writes are durable on a majority."""
        if mongo.session() is not None:
            return await work()
        ended: asyncio.Task[T] = await self._together(_Member(work, copy_context()))
        return ended.result()

    async def _commit(self, members: Sequence[_Member]) -> Sequence[asyncio.Task[Any]]:
        if len(members) == 1:
            return await self._each_alone(members)
        group = _Group(members)
        try:
            return await self._transaction(group.run)
        except Exception as error:
            # Without a failed member it came to the commit, and may be stored: not once more, then.
            if not group.failed or mongo.is_outage(error):
                raise
        return await self._each_alone(members)

    async def _each_alone(self, members: Sequence[_Member]) -> Sequence[asyncio.Task[Any]]:
        ran = [
            asyncio.create_task(self._transaction(one.work), context=one.context) for one in members
        ]
        await asyncio.wait(ran)
        return ran


class _Group:
    """Members in one transaction, within the time that one has."""

    def __init__(self, members: Sequence[_Member]) -> None:
        self._members = members
        self._until = asyncio.get_running_loop().time() + mongo.TRANSACTION_SECONDS
        self.failed = False

    async def run(self) -> Sequence[asyncio.Task[Any]]:
        """Run the members one after the other, since a session does one thing at a time.

        Raises:
            Exception: what the first failed member raised, or the database about their rows.
        """
        self.failed = True
        gathered = Gathered()
        ran = [await self._run(one, gathered) for one in self._members]
        await gathered.store()
        self.failed = False
        return ran

    async def _run(self, member: _Member, gathered: Gathered) -> asyncio.Task[Any]:
        async def limited() -> Any:
            left = self._until - asyncio.get_running_loop().time()
            with gathered.joined(), pymongo.timeout(max(left, 0.001)):
                return await member.work()

        task = asyncio.create_task(limited(), context=member.context)
        await asyncio.wait([task])
        task.result()
        return task
