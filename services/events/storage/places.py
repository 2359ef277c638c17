"""The places where events are, each once: what a search by distance walks.

There are far fewer places than events, and what is near does not depend on what is searched for. A
place is written before the first event there and forgotten like a word (`vocabulary`).
"""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from pymongo import ASCENDING, GEOSPHERE, IndexModel, UpdateOne

from services.events.storage.familiar import Familiar
from services.events.storage.vocabulary import COUNTED_FOR, FRESH, KEPT
from services.kit.clock import Clock, utc_now
from services.kit.mongo import Collection, Document, Indexes, Mongo

COLLECTION = "places"
INDEXES: Indexes = {
    COLLECTION: [
        IndexModel([("geo", GEOSPHERE)], name="geo"),
        IndexModel([("countedAt", ASCENDING)], name="counted"),
    ]
}
EARTH_METRES: Final = 6_378_100.0
# What the database's distances and ours may differ by, with room.
DOUBT_METRES: Final = 0.1

Position = tuple[float, float]
Far = tuple[float, str]


def name(point: Document) -> str:
    """Return the name of a place by its point."""
    lat, lon = _position(point)
    return f"{lat!r},{lon!r}"


def metres(one: Position, other: Position) -> float:
    """Return the haversine distance of two positions in degrees of latitude and longitude.

    It is rounded to the micrometre: what is as far to the east as to the west is equally far.
    """
    (la, lo), (lb, lp) = ((math.radians(a), math.radians(b)) for a, b in (one, other))
    half = math.sin((lb - la) / 2) ** 2
    half += math.cos(la) * math.cos(lb) * math.sin((lp - lo) / 2) ** 2
    return round(2 * EARTH_METRES * math.asin(min(math.sqrt(half), 1.0)), 6)


class Places:
    """Places in one collection."""

    def __init__(self, database: Mongo, events: Collection, *, clock: Clock = utc_now) -> None:
        self._places = database[COLLECTION]
        self._events = events
        self._clock = clock
        self._familiar = Familiar()

    async def learn(self, points: Iterable[Document]) -> None:
        """Store the places that are not known; points are GeoJSON."""
        now = self._clock()
        named = {name(point): point for point in points}
        wanted = dict.fromkeys(named, ())
        fresh = await self._familiar.unknown(self._places, wanted, now - FRESH)
        if fresh:
            changes = [_learned(named[place], now) for place in fresh]
            await self._places.bulk_write(changes, ordered=False)

    async def at(self, here: Position, distance: float) -> list[str]:
        """Return the places that are exactly so far away."""
        found = await self._near(here, distance - DOUBT_METRES, distance + DOUBT_METRES, 0)
        return [place for far, place in found if far == distance]

    async def beyond(self, here: Position, distance: float, limit: int) -> tuple[list[Far], bool]:
        """Return the nearest of what is further than a distance, and whether more follows.

        What is as far as the last that was read may not have been read, and is left to the next
        call.
        """
        read = await self._near(here, distance - DOUBT_METRES, None, limit)
        more = len(read) == limit
        edge = read[-1][0] - DOUBT_METRES if more else math.inf
        found = sorted(one for one in read if distance < one[0] <= edge)
        return (found, more) if found or not more else await self.beyond(here, distance, 2 * limit)

    async def _near(
        self, here: Position, least: float, most: float | None, limit: int
    ) -> list[Far]:
        lat, lon = here
        point: Document = {"$geometry": {"type": "Point", "coordinates": [lon, lat]}}
        point |= {"$minDistance": max(least, 0.0)}
        point |= {} if most is None else {"$maxDistance": most}
        rows = self._places.find({"geo": {"$near": point}}, {"geo.coordinates": 1}).limit(limit)
        return [(metres(here, _position(row["geo"])), row["_id"]) async for row in rows]

    async def recount(self, limit: int) -> int:
        """Look at the places that were looked at longest ago, forget those without events."""
        now = self._clock()
        due = {"countedAt": {"$lt": now - COUNTED_FOR}}
        rows = self._places.find(due, {"seenAt": 1}).sort("countedAt").limit(limit)
        return sum([await self._recount(row, now) async for row in rows])

    async def _recount(self, row: Document, now: datetime) -> int:
        used = await self._events.find_one({"spot": row["_id"]}, {"_id": 1}) is not None
        if not used and row["seenAt"] < now - KEPT:
            await self._places.delete_one(row)
        else:
            await self._places.update_one(row, {"$set": {"countedAt": now}})
        return 1


def _position(point: Document) -> Position:
    lon, lat = point["coordinates"]
    return lat, lon


def _learned(point: Document, now: datetime) -> UpdateOne:
    change = {"$set": {"seenAt": now, "geo": point}, "$setOnInsert": {"countedAt": now}}
    return UpdateOne({"_id": name(point)}, change, upsert=True)


def groups(found: Sequence[Far]) -> list[tuple[float, list[str]]]:
    """Return places that are equally far together, the nearest first."""
    together: dict[float, list[str]] = {}
    for far, place in found:
        together.setdefault(far, []).append(place)
    return sorted(together.items())
