"""Keeps what searches are answered from in step with the events, beside the requests."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pymongo import UpdateOne

from services.events.domain.event import Event
from services.events.storage import documents
from services.events.storage.places import Places
from services.events.storage.vocabulary import Vocabulary
from services.kit import logs
from services.kit.leases import Lease
from services.kit.mongo import Collection, Document, Mongo

BATCH: Final = 200
REST_SECONDS: Final = 60.0
OLD_SHAPE: Final[Document] = {"words": {"$exists": True}}
# Their keys or names are others now; two of the same name cannot differ.
RETIRED_INDEXES: Final = (
    "date",
    "created",
    "popular",
    "title",
    "price",
    "organizations",
    "tags",
    "endings",
    "remainders",
    "geo",
)

log = logs.get(__name__)


class Keeper:
    """One service's; several replicas may do all of it at once without harm."""

    def __init__(
        self, database: Mongo, events: Collection, vocabulary: Vocabulary, places: Places
    ) -> None:
        self._database = database
        self._events = events
        self._vocabulary = vocabulary
        self._places = places
        self._lease = Lease(database, "vocabulary", term=timedelta(seconds=2 * REST_SECONDS))

    async def prepare(self) -> None:
        """Bring what an earlier version wrote to the present shape, then drop its indexes."""
        while await self.renew(OLD_SHAPE):
            pass
        if await self._vocabulary.is_empty():
            await self._learn_all()
        await self._database.drop_indexes(self._events.name, RETIRED_INDEXES)

    async def run(self) -> None:
        """Renew what an earlier version still writes, count words and places, until cancelled."""
        try:
            while True:
                busy = await self._lease.claim() and await self.look_after()
                await asyncio.sleep(0 if busy else REST_SECONDS)
        finally:
            await self._lease.release()

    async def look_after(self) -> bool:
        """Do a batch of each and tell whether more waits."""
        looked_at = (
            await self.renew(OLD_SHAPE),
            await self._vocabulary.recount(BATCH),
            await self._places.recount(BATCH),
        )
        return BATCH in looked_at

    async def learn(self, events: Sequence[Event]) -> None:
        """Store what is not known of the words and places of events, before they are stored."""
        await self._vocabulary.learn(one for event in events for one in documents.spoken(event))
        points = (documents.point(event) for event in events)
        await self._places.learn(point for point in points if point is not None)

    async def renew(self, query: Document) -> int:
        """Write what some events are found by anew and return how many were looked at.

        An event that changed meanwhile is left to the next call.
        """
        rows = await self._events.find(query).limit(BATCH).to_list()
        events = [documents.event(row) for row in rows]
        await self.learn(events)
        changes = [
            UpdateOne(
                {"_id": event.id, "version": event.version},
                {"$set": documents.found_by(event), "$unset": documents.RETIRED},
            )
            for event in events
        ]
        if changes:
            await self._events.bulk_write(changes, ordered=False)
            log.info("renewed what events are found by", events=len(changes))
        return len(rows)

    async def _learn_all(self) -> None:
        """Learn the words and places of all events, for a vocabulary that was lost."""
        last, rows = "", [Document()]
        while rows:
            query = {"_id": {"$gt": last}}
            rows = await self._events.find(query).sort("_id").limit(BATCH).to_list()
            await self.learn([documents.event(row) for row in rows])
            last = rows[-1]["_id"] if rows else last
