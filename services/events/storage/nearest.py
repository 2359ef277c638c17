"""A search by distance: the nearest first; what is equally far in the order of the search.

Places come from the nearest outwards, and with each the events there. One place, or several that
are equally far, is a walk over an index; of many at once all that fits is read and sorted, as long
as that is little.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cmp_to_key
from typing import Any, Final

from services.events.storage import filters
from services.events.storage.places import Places, Position, groups
from services.events.storage.walks import Hit, Walk
from services.kit.mongo import Document

FIRST_PLACES, MOST_PLACES = 16, 1_024
MOST_SORTED: Final = 200

Group = tuple[float, list[str]]


@dataclass(frozen=True)
class Nearest:
    """What a walk would find that has coordinates, by distance in metres."""

    walk: Walk
    places: Places
    here: Position

    async def read(self, after: Sequence[Any] | None, skip: int, limit: int) -> list[Hit]:
        """Return hits after a position: distance, value and id."""
        wanted = skip + limit
        found: list[Hit] = []
        far, more, asked = -1.0, True, FIRST_PLACES
        if after is not None:
            far = after[0]
            found = await self._at((far, await self.places.at(self.here, far)), after[1:], wanted)
        while more and len(found) < wanted:
            read, more = await self.places.beyond(self.here, far, asked)
            around = groups(read)
            for part in (around[:1], around[1:]):
                found += await self._among(part, wanted - len(found))
            far = around[-1][0] if around else far
            asked = min(asked * 4, MOST_PLACES)
        return found[skip:wanted]

    async def size(self, most: int) -> int:
        """Return how many there are, at most so many."""
        return await self._walk({"spot": {"$gt": ""}}).size(most)

    def _walk(self, condition: Document) -> Walk:
        return replace(self.walk, conditions=[*self.walk.conditions, condition])

    async def _among(self, around: Sequence[Group], limit: int) -> list[Hit]:
        """Return the first hits of several places, the nearest place first."""
        if limit <= 0 or not around:
            return []
        if len(around) == 1:
            return await self._at(around[0], None, limit)
        hits = await self._all(around)
        if len(hits) <= MOST_SORTED:
            return self._sorted(hits)[:limit]
        middle = len(around) // 2
        found = await self._among(around[:middle], limit)
        return found + await self._among(around[middle:], limit - len(found))

    async def _at(self, group: Group, after: Sequence[Any] | None, limit: int) -> list[Hit]:
        """Return hits at one distance, in the order of the search."""
        far, names = group
        hits = await self._walk({"spot": {"$in": names}}).read(after, 0, limit)
        return [replace(hit, position=[far, *hit.position]) for hit in hits]

    async def _all(self, around: Sequence[Group]) -> list[Hit]:
        """Return all hits of several places in no order, or one too many."""
        far = {name: distance for distance, names in around for name in names}
        walk, order = self._walk({"spot": {"$in": list(far)}}), self.walk.order
        query = filters.every([filters.some(walk.alternatives), *walk.conditions])
        rows = walk.rows.find(query, {"spot": 1, order.key: 1}).limit(MOST_SORTED + 1)
        return [Hit(row["_id"], [far[row["spot"]], *order.position(row)]) async for row in rows]

    def _sorted(self, hits: Iterable[Hit]) -> list[Hit]:
        def compare(one: Hit, other: Hit) -> int:
            (far, *left), (away, *right) = one.position, other.position
            if far != away:
                return -1 if far < away else 1
            lower, upper = _comparable(left), _comparable(right)
            way = -1 if self.walk.order.descending else 1
            return 0 if lower == upper else -way if lower < upper else way

        return sorted(hits, key=cmp_to_key(compare))


def _comparable(position: Sequence[Any]) -> tuple[Any, ...]:
    value, last = position
    return (value is not None, value, last)
