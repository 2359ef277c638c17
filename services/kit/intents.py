"""What is begun in more than one system is finished or undone, even if the process dies midway.

An intent is stored before the first outside write and removed in the transaction of the last
one. What stands longer than its grace period belonged to a process that died; one process at a
time hands such intents to their settlers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from pymongo import IndexModel

from services.kit import logs, mongo
from services.kit.clock import Clock, utc_now
from services.kit.leases import Lease
from services.kit.mongo import Document, Mongo

COLLECTION = "intents"
GRACE = timedelta(seconds=60)
SWEEP_SECONDS = 15.0
BATCH = 100

INDEXES: mongo.Indexes = {COLLECTION: [IndexModel("openedAt", name="opened")]}

log = logs.get(__name__)

Settler = Callable[[str, Mapping[str, Any]], Awaitable[None]]


class Intents:
    """The unfinished business of one service."""

    def __init__(self, database: Mongo, *, clock: Clock = utc_now) -> None:
        self._rows = database[COLLECTION]
        self._clock = clock

    async def open(self, kind: str, subject: str, **facts: object) -> None:
        """Store, before the first outside write, what would be needed to settle the matter."""
        row: Document = {"kind": kind, "subject": subject, "openedAt": self._clock(), **facts}
        await self._rows.replace_one(
            {"_id": f"{kind}:{subject}"}, row, upsert=True, session=mongo.session()
        )

    async def close(self, kind: str, subject: str) -> None:
        """Forget an intent, best in the transaction that finishes the matter."""
        await self._rows.delete_one({"_id": f"{kind}:{subject}"}, session=mongo.session())

    async def exists(self, kind: str, subject: str) -> bool:
        """Tell whether the matter is unfinished."""
        found = await self._rows.find_one({"_id": f"{kind}:{subject}"}, session=mongo.session())
        return found is not None

    async def stale(self, before: object) -> list[Document]:
        """Return intents opened before a moment, oldest first, at most ``BATCH``."""
        rows = self._rows.find({"openedAt": {"$lt": before}}).sort("openedAt").limit(BATCH)
        return await rows.to_list()


class Sweeper:
    """Settles what dead processes left behind.

    Args:
        database: the service's own.
        settlers: a coroutine function per kind, called with subject and facts; it must be
            idempotent and leave the intent closed. One that raises is tried again next time.
        grace: how long an intent may stand before its process counts as dead.
    """

    def __init__(
        self,
        database: Mongo,
        settlers: Mapping[str, Settler],
        *,
        clock: Clock = utc_now,
        grace: timedelta = GRACE,
    ) -> None:
        self._intents = Intents(database, clock=clock)
        self._settlers = settlers
        self._clock = clock
        self._grace = grace
        self._lease = Lease(database, "intent-sweeper", term=timedelta(seconds=60))

    async def run(self) -> None:
        """Sweep until cancelled."""
        try:
            while True:
                if await self._lease.claim():
                    await self.sweep()
                await asyncio.sleep(SWEEP_SECONDS)
        finally:
            await self._lease.release()

    async def sweep(self) -> int:
        """Settle what is stale now and return how many matters were settled."""
        settled = 0
        for row in await self._intents.stale(self._clock() - self._grace):
            settled += await self._settle(row)
        return settled

    async def _settle(self, row: Document) -> bool:
        try:
            await self._settlers[row["kind"]](row["subject"], row)
        except Exception:
            log.exception(
                "an intent could not be settled", kind=row["kind"], subject=row["subject"]
            )
            return False
        log.info("settled an intent", kind=row["kind"], subject=row["subject"])
        return True
