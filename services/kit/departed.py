"""Who left, remembered without telling who: so that nothing of them comes back by a late message.

Kept as long as a message can be late: brought back from the dead letters, or sent by somebody who
still holds a token.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta

from pymongo import IndexModel

from services.kit import mongo
from services.kit.batching import Batcher
from services.kit.clock import Clock, utc_now
from services.kit.mongo import Mongo

COLLECTION = "departed"
KEPT = timedelta(days=30)
MOST_AT_ONCE = 100

INDEXES: mongo.Indexes = {
    COLLECTION: [IndexModel("leftAt", expireAfterSeconds=int(KEPT.total_seconds()), name="expiry")]
}


def mark(user_id: str) -> str:
    """Return what is kept instead of an id that is random and long."""
    return hashlib.sha256(user_id.encode()).hexdigest()


class Departed:
    """Marks of users who left."""

    def __init__(self, database: Mongo, *, clock: Clock = utc_now) -> None:
        self._rows = database[COLLECTION]
        self._clock = clock
        self._batched = Batcher(self._gone, most=MOST_AT_ONCE)

    async def remember(self, user_id: str) -> None:
        """Keep a user's mark, best in the transaction that removes them."""
        await self._rows.update_one(
            {"_id": mark(user_id)},
            {"$set": {"leftAt": self._clock()}},
            upsert=True,
            session=mongo.session(),
        )

    async def has_left(self, user_id: str) -> bool:
        """Tell whether a user left."""
        if mongo.session() is None:
            return await self._batched(mark(user_id))
        return (await self._gone([mark(user_id)]))[0]

    async def _gone(self, marks: Sequence[str]) -> Sequence[bool]:
        query = {"_id": {"$in": list(marks)}}
        rows = self._rows.find(query, session=mongo.session()).limit(len(marks))
        found = {row["_id"] async for row in rows}
        return [one in found for one in marks]
