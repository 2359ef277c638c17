"""What is begun in more than one system is finished or undone, even if the process dies midway.

An intent is stored before the first outside write and removed in the transaction of the last one.
What stands longer than its grace period, by the database's clock, belonged to a process that died;
one process at a time hands such intents to their settlers. A request of the dead process may still
have been under way when a settler looked, so what it leaves open is looked at a second time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from pymongo import IndexModel, ReturnDocument

from services.contracts.errors import UnavailableError
from services.kit import logs, mongo
from services.kit.leases import Lease
from services.kit.mongo import Document, Mongo

COLLECTION = "intents"
GRACE = timedelta(seconds=60)
SWEEP_SECONDS = 15.0
LEASE_TERM = timedelta(seconds=30)
BATCH = 100

INDEXES: mongo.Indexes = {COLLECTION: [IndexModel("openedAt", name="opened")]}

log = logs.get(__name__)

Settler = Callable[[str, Mapping[str, Any]], Awaitable[None]]


class Intents:
    """The unfinished business of one service."""

    def __init__(self, database: Mongo) -> None:
        self._rows = database[COLLECTION]

    async def open(self, kind: str, subject: str, **facts: object) -> None:
        """Store, before the first outside write, what would be needed to settle the matter.

        A matter that is open already keeps its facts: they tell of the time before its first write.

        Raises:
            UnavailableError: it is being settled at this moment.
        """
        known = {"$literal": {"kind": kind, "subject": subject, **facts}}
        opened = {"$mergeObjects": [known, "$$ROOT", {"openedAt": "$$NOW", "looked": False}]}
        row = await self._rows.find_one_and_update(
            {"_id": f"{kind}:{subject}"},
            [{"$replaceWith": {"$cond": ["$settling", "$$ROOT", opened]}}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=mongo.session(),
        )
        if row is not None and row.get("settling"):
            raise UnavailableError(f"an earlier {kind} is being settled, try again in a moment")

    async def close(self, kind: str, subject: str) -> bool:
        """Forget an intent, best in the transaction that finishes the matter.

        Returns:
            ``False`` where there is none: it was settled meanwhile, as if this process had died.
        """
        done = await self._rows.delete_one({"_id": f"{kind}:{subject}"}, session=mongo.session())
        return done.deleted_count == 1

    async def exists(self, kind: str, subject: str) -> bool:
        """Tell whether the matter is unfinished."""
        found = await self._rows.find_one({"_id": f"{kind}:{subject}"}, session=mongo.session())
        return found is not None

    async def stale(self, grace: timedelta) -> list[Document]:
        """Return intents older than a grace period, oldest first, at most ``BATCH``."""
        grace_ms = int(grace.total_seconds() * 1000)
        old = {"$expr": {"$lt": ["$openedAt", {"$subtract": ["$$NOW", grace_ms]}]}}
        return await self._rows.find(old).sort("openedAt").limit(BATCH).to_list()

    async def take(self, row: Document) -> bool:
        """Keep everybody from opening a stale intent anew; ``False`` if somebody just has."""
        taken = await self._rows.update_one(
            {"_id": row["_id"], "openedAt": row["openedAt"]},
            [{"$set": {"settling": True, "openedAt": "$$NOW"}}],
        )
        return taken.modified_count == 1

    async def put_back(self, row: Document, *, looked: bool) -> None:
        """Leave a taken intent for another look after one more grace period."""
        await self._rows.update_one(
            {"_id": row["_id"], "settling": True},
            {"$set": {"looked": looked}, "$unset": {"settling": True}},
        )


class Sweeper:
    """Settles what dead processes left behind.

    Args:
        database: the service's own.
        settlers: a coroutine function per kind, called with subject and facts. It must be
            idempotent, and closes the intent once the matter is certain to be finished; what it
            leaves open is handed to it once more, then forgotten. One that raises is called again.
        grace: how long an intent may stand before its process counts as dead.
    """

    def __init__(
        self, database: Mongo, settlers: Mapping[str, Settler], *, grace: timedelta = GRACE
    ) -> None:
        self._intents = Intents(database)
        self._settlers = settlers
        self._grace = grace
        self._pause = min(SWEEP_SECONDS, grace.total_seconds())
        self._lease = Lease(database, "intent-sweeper", term=LEASE_TERM)

    async def run(self) -> None:
        """Sweep until cancelled."""
        try:
            while True:
                await self.sweep()
                await asyncio.sleep(self._pause)
        finally:
            await self._lease.release()

    async def sweep(self) -> int:
        """Settle what is stale now, if no other process does, and return how many were settled."""
        settled = 0
        if await self._lease.claim():
            for row in await self._intents.stale(self._grace):
                if not await self._lease.claim():
                    break
                settled += await self._settle(row)
        return settled

    async def _settle(self, row: Document) -> bool:
        if not await self._intents.take(row):
            return False
        kind, subject, looked = row["kind"], row["subject"], row.get("looked", False)
        try:
            await self._settlers[kind](subject, row)
        except Exception:
            log.exception("an intent could not be settled", kind=kind, subject=subject)
            await self._intents.put_back(row, looked=looked)
            return False
        if looked:
            await self._intents.close(kind, subject)
        else:
            await self._intents.put_back(row, looked=True)
        log.info("settled an intent", kind=kind, subject=subject)
        return True
