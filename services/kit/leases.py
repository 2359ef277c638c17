"""A named right that one process holds at a time, judged by the database's clock alone."""

import os
import socket
import uuid
from datetime import UTC, datetime, timedelta

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from services.kit.mongo import Mongo

COLLECTION = "leases"
TERM = timedelta(seconds=6)


class Lease:
    """One process's claim to a lease; renewing is claiming again.

    Args:
        mongo: where the lease is kept.
        name: what the right is for.
        term: how long a claim lasts without renewal.

    The owner's name tells people which process it is: host, process id, something random.
    """

    def __init__(self, mongo: Mongo, name: str, *, term: timedelta = TERM) -> None:
        self._leases = mongo[COLLECTION]
        self._name = name
        self._term_ms = int(term.total_seconds() * 1000)
        self.seconds = term.total_seconds()
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
        ended = {"$lt": [{"$ifNull": ["$expiresAt", datetime.fromtimestamp(0, UTC)]}, "$$NOW"]}
        self._may_hold = {"$or": [{"$eq": ["$owner", self.owner]}, ended]}

    async def claim(self) -> bool:
        """Take or renew the lease; ``False`` while another process holds it."""
        try:
            held = await self._leases.find_one_and_update(
                {"_id": self._name},
                [
                    {
                        "$set": {
                            "owner": {"$cond": [self._may_hold, self.owner, "$owner"]},
                            "expiresAt": {
                                "$cond": [
                                    self._may_hold,
                                    {"$add": ["$$NOW", self._term_ms]},
                                    "$expiresAt",
                                ]
                            },
                        }
                    }
                ],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            return False
        return held is not None and held["owner"] == self.owner

    async def release(self) -> None:
        """Give the lease back, if it is held."""
        await self._leases.delete_one({"_id": self._name, "owner": self.owner})
