"""A message's effect happens once, however often the broker delivers it."""

from datetime import timedelta

from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError

from services.kit import mongo
from services.kit.clock import Clock, utc_now
from services.kit.mongo import Mongo

COLLECTION = "inbox"
KEPT = timedelta(days=30)

INDEXES: mongo.Indexes = {
    COLLECTION: [
        IndexModel("receivedAt", expireAfterSeconds=int(KEPT.total_seconds()), name="expiry")
    ]
}


class DuplicateMessageError(Exception):
    """The message has had its effect already."""


class Inbox:
    """Remembers which messages have had their effect, in the transaction of that effect."""

    def __init__(self, database: Mongo, *, clock: Clock = utc_now) -> None:
        self._rows = database[COLLECTION]
        self._clock = clock

    async def seen(self, message_id: str) -> bool:
        """Tell whether a message has had its effect."""
        return await self._rows.find_one({"_id": message_id}, {"_id": 1}) is not None

    async def once(self, message_id: str) -> None:
        """Claim a message inside the running transaction, or note it after an effect elsewhere.

        Raises:
            DuplicateMessageError: it was claimed by an earlier, committed transaction.
        """
        row = {"_id": message_id, "receivedAt": self._clock()}
        try:
            await self._rows.insert_one(row, session=mongo.session())
        except DuplicateKeyError as error:
            raise DuplicateMessageError(message_id) from error
