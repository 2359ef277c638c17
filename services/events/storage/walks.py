"""Parts of a search that read one index in its order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.events.storage import filters
from services.events.storage.orders import Order
from services.kit.mongo import Collection, Document

DERIVED = {"terms": 0}


@dataclass(frozen=True)
class Hit:
    """An event that was found, where it stands in its part, and its document if it was read."""

    id: str
    position: list[Any]
    row: Document | None = None


class Part(Protocol):
    """A stretch of a search's results, with an order of its own."""

    async def read(self, after: Sequence[Any] | None, skip: int, limit: int) -> list[Hit]:
        """Return hits after a position, some skipped."""
        ...

    async def size(self, most: int) -> int:
        """Return how many hits there are, at most so many."""
        ...


@dataclass(frozen=True)
class Walk:
    """What fulfils one of the alternatives and all other conditions, in an index's order."""

    rows: Collection
    alternatives: Sequence[Document]
    conditions: Sequence[Document]
    order: Order
    fields: Document = field(default_factory=lambda: dict(DERIVED))

    async def read(self, after: Sequence[Any] | None, skip: int, limit: int) -> list[Hit]:
        """Return hits after a position."""
        found: list[Document] = []
        steps = [({}, self.order.sort)] if after is None else self.order.after(after)
        for onward, sort in steps:
            if len(found) < limit:
                found += await self._find(onward, sort, skip, limit - len(found))
        return [Hit(row["_id"], self.order.position(row), row) for row in found]

    async def size(self, most: int) -> int:
        """Return how many there are, at most so many."""
        query = filters.every([filters.some(self.alternatives), *self.conditions])
        return await self.rows.count_documents(query, limit=most)

    async def _find(
        self, onward: Document, sort: dict[str, int], skip: int, limit: int
    ) -> list[Document]:
        queries = [filters.every([one, *self.conditions, onward]) for one in self.alternatives]
        if len(queries) == 1:
            rows = self.rows.find(queries[0], self.fields).sort(sort)
            return await rows.skip(skip).limit(limit).to_list()
        most: list[Document] = [{"$sort": sort}, {"$limit": skip + limit}]
        first, *others = [[{"$match": one}, *most] for one in queries]
        stages: list[Document] = [
            {"$unionWith": {"coll": self.rows.name, "pipeline": other}} for other in others
        ]
        stages += [{"$sort": sort}, {"$skip": skip}, {"$limit": limit}, {"$project": self.fields}]
        cursor = await self.rows.aggregate([*first, *stages])
        return await cursor.to_list()
