"""What is known here of users: who is an organization, and its name."""

from collections.abc import Mapping, Sequence

from services.contracts.roles import ORGANIZATION
from services.events.application.ports import Organization
from services.kit import mongo
from services.kit.mongo import Mongo

COLLECTION = "organizations"


class MongoOrganizations:
    """Replica of organizations, fed by user events."""

    def __init__(self, database: Mongo) -> None:
        self._rows = database[COLLECTION]

    async def known(self, ids: Sequence[str]) -> Mapping[str, Organization]:
        """Return the organizations among ids."""
        rows = self._rows.find({"_id": {"$in": list(ids)}, "role": ORGANIZATION}).limit(
            len(ids) or 1
        )
        return {row["_id"]: Organization(row["_id"], row["name"]) async for row in rows}

    async def put(self, user_id: str, role: str, name: str, version: int) -> None:
        """Keep a user unless a later version is known."""
        older = {"_id": user_id, "version": {"$lte": version}}
        row = {"role": role, "name": name, "version": version}
        await self._rows.update_one(older, {"$set": row}, session=mongo.session())
        if await self._rows.find_one({"_id": user_id}, session=mongo.session()) is None:
            await self._rows.insert_one({"_id": user_id, **row}, session=mongo.session())

    async def remove(self, user_id: str) -> None:
        """Forget a user."""
        await self._rows.delete_one({"_id": user_id}, session=mongo.session())
