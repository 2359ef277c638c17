"""What is known here of users: who is an organization, and its name."""

from collections.abc import Mapping, Sequence

from services.contracts.roles import ORGANIZATION
from services.events.application.ports import Organization
from services.kit import mongo
from services.kit.departed import Departed
from services.kit.mongo import Mongo

COLLECTION = "organizations"


class MongoOrganizations:
    """Replica of organizations, fed by user events."""

    def __init__(self, database: Mongo) -> None:
        self._rows = database[COLLECTION]
        self._departed = Departed(database)

    async def known(self, ids: Sequence[str]) -> Mapping[str, Organization]:
        """Return the organizations among ids."""
        if not ids:
            return {}
        rows = self._rows.find({"_id": {"$in": list(ids)}, "role": ORGANIZATION}).limit(len(ids))
        return {row["_id"]: Organization(row["_id"], row["name"]) async for row in rows}

    async def copy(self, user_id: str) -> Organization | None:
        """Return what is known of a user, organization or not."""
        row = await self._rows.find_one({"_id": user_id})
        return None if row is None else Organization(row["_id"], row["name"])

    async def put(self, user_id: str, role: str, name: str, version: int) -> None:
        """Keep a user unless a later version is known, or they have left."""
        older = {"_id": user_id, "version": {"$lte": version}}
        row = {"role": role, "name": name, "version": version}
        await self._rows.update_one(older, {"$set": row}, session=mongo.session())
        known = await self._rows.find_one({"_id": user_id}, session=mongo.session())
        if known is None and not await self._departed.has_left(user_id):
            await self._rows.insert_one({"_id": user_id, **row}, session=mongo.session())

    async def has_left(self, user_id: str) -> bool:
        """Tell whether a user has been forgotten."""
        return await self._departed.has_left(user_id)

    async def forget(self, user_id: str) -> int:
        """Forget a user for good and return how many copies there were."""
        await self._departed.remember(user_id)
        done = await self._rows.delete_one({"_id": user_id}, session=mongo.session())
        return done.deleted_count
