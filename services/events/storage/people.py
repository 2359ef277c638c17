"""What events hold of a person: what they made, what they help with, and the copy of their name."""

from collections.abc import AsyncIterator, Sequence

from services.events.domain.event import NOBODY, Event
from services.events.storage import documents
from services.events.storage.events import COLLECTION
from services.events.storage.walks import DERIVED
from services.kit import mongo
from services.kit.mongo import Mongo


class MongoPeople:
    """Events seen from the people behind them."""

    def __init__(self, database: Mongo) -> None:
        self._rows = database[COLLECTION]

    async def open_of(self, user_id: str) -> Sequence[str]:
        """Return the ids of somebody's drafts and published events."""
        query = {"creatorId": user_id, "status": {"$in": ["DRAFT", "PUBLISHED"]}}
        rows = self._rows.find(query, {"_id": 1}, session=mongo.session())
        return [row["_id"] async for row in rows]

    async def disown(self, user_id: str) -> int:
        """Take somebody's name off the events they made and return how many there were."""
        done = await self._rows.update_many(
            {"creatorId": user_id},
            {"$set": {"creatorId": NOBODY}, "$pull": {"organizations": user_id}},
            session=mongo.session(),
        )
        return done.modified_count

    async def leave(self, user_id: str) -> int:
        """Drop somebody from the events they collaborate on and return how many there were."""
        done = await self._rows.update_many(
            {"collaboratorIds": user_id},
            {"$pull": {"collaboratorIds": user_id, "organizations": user_id}},
            session=mongo.session(),
        )
        return done.modified_count

    def made_by(self, user_id: str) -> AsyncIterator[Event]:
        """Return every event that somebody made."""
        return self._each({"creatorId": user_id})

    def helped_by(self, user_id: str) -> AsyncIterator[Event]:
        """Return every event that somebody collaborates on."""
        return self._each({"collaboratorIds": user_id})

    async def _each(self, query: dict[str, str]) -> AsyncIterator[Event]:
        async for row in self._rows.find(query, DERIVED).sort("_id"):
            yield documents.event(row)
