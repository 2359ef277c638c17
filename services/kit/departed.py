"""Who left, remembered without telling who: so that nothing of them comes back by a late message.

Kept as long as a message can be late: brought back from the dead letters, or sent by somebody who
still holds a token.
"""

import hashlib
from datetime import timedelta

from pymongo import IndexModel

from services.kit import mongo
from services.kit.clock import Clock, utc_now
from services.kit.mongo import Mongo

COLLECTION = "departed"
KEPT = timedelta(days=30)

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
        row = await self._rows.find_one({"_id": mark(user_id)}, session=mongo.session())
        return row is not None
