"""The stored events: by id, by search, and as time changes them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, GEOSPHERE, IndexModel, ReturnDocument

from services.events.domain.criteria import Criteria
from services.events.domain.event import Event, Status
from services.events.storage import documents, queries
from services.events.storage.queries import Segment
from services.kit import departed, inbox, mongo, outbox
from services.kit import intents as unfinished
from services.kit.mongo import Document, Indexes, Mongo
from services.kit.paging import Page, Window, cut

COLLECTION = "events"
ORGANIZATIONS = "organizations"
DERIVED = {"words": 0, "endings": 0, "remainders": 0}

INDEXES: Indexes = {
    COLLECTION: [
        IndexModel([("status", ASCENDING), ("date", ASCENDING), ("_id", ASCENDING)], name="date"),
        IndexModel([("status", ASCENDING), ("createdAt", DESCENDING)], name="created"),
        IndexModel([("status", ASCENDING), ("popularity", DESCENDING)], name="popular"),
        IndexModel([("status", ASCENDING), ("titleKey", ASCENDING)], name="title"),
        IndexModel([("status", ASCENDING), ("leastPrice", ASCENDING)], name="price"),
        IndexModel([("organizations", ASCENDING), ("date", ASCENDING)], name="organizations"),
        IndexModel([("creatorId", ASCENDING), ("status", ASCENDING)], name="creator"),
        IndexModel([("collaboratorIds", ASCENDING)], name="collaborators"),
        IndexModel([("tags", ASCENDING), ("date", ASCENDING)], name="tags"),
        IndexModel([("endings", ASCENDING)], name="endings"),
        IndexModel([("remainders", ASCENDING)], name="remainders"),
        IndexModel([("prices.price", ASCENDING)], name="prices"),
        IndexModel([("prices.id", ASCENDING)], name="ticket_types"),
        IndexModel([("geo", GEOSPHERE)], name="geo"),
    ],
    **outbox.INDEXES,
    **inbox.INDEXES,
    **departed.INDEXES,
    **unfinished.INDEXES,
}


class MongoEvents:
    """Events in one collection."""

    def __init__(self, database: Mongo) -> None:
        self._rows = database[COLLECTION]

    async def get(self, event_id: str) -> Event | None:
        """Return an event, ``None`` where there is none."""
        row = await self._rows.find_one({"_id": event_id}, DERIVED, session=mongo.session())
        return None if row is None else documents.event(row)

    async def insert(self, event: Event, popularity: float) -> None:
        """Store a new event."""
        first = {"_id": event.id, "prices": [], "leastPrice": 0.0, "isFree": True}
        row = {**first, "popularity": popularity, **documents.document(event)}
        await self._rows.insert_one(row, session=mongo.session())

    async def save(self, event: Event) -> None:
        """Store an event's new version; prices and popularity are not its own."""
        await self._rows.update_one(
            {"_id": event.id}, {"$set": documents.document(event)}, session=mongo.session()
        )

    async def remove(self, event_id: str) -> None:
        """Forget an event."""
        await self._rows.delete_one({"_id": event_id}, session=mongo.session())

    async def newest(self, limit: int) -> Page[Event]:
        """Return published events, newest first."""
        rows = self._rows.find({"status": "PUBLISHED"}, DERIVED).sort("createdAt", DESCENDING)
        found = await rows.limit(limit + 1).to_list()
        return cut([documents.event(row) for row in found], Window(limit, 0))

    async def search(self, criteria: Criteria, asked: Window, now: datetime) -> Page[Event]:
        """Return a page over the segments of a search, one after the other."""
        found: list[Document] = []
        skip = asked.offset
        for segment in queries.segments(criteria, now):
            wanted = asked.limit + 1 - len(found)
            if wanted <= 0:
                break
            rows = await self._read(segment, skip, wanted)
            found += rows
            if skip and not rows:
                skip -= min(skip, await self._rows.count_documents(segment.query))
            else:
                skip = 0
        return cut([documents.event(row) for row in found], asked)

    async def _read(self, segment: Segment, skip: int, limit: int) -> list[Document]:
        if segment.near is None and segment.score is None:
            rows = self._rows.find(segment.query, DERIVED).sort(segment.order)
            return await rows.skip(skip).limit(limit).to_list()
        cursor = await self._rows.aggregate(pipeline(segment, skip, limit), allowDiskUse=True)
        return await cursor.to_list()

    async def past(self, now: datetime, limit: int) -> Sequence[str]:
        """Return ids of published events whose date has passed, oldest first."""
        query = {"status": "PUBLISHED", "date": {"$lte": now}}
        rows = self._rows.find(query, {"_id": 1}).sort("date", ASCENDING).limit(limit)
        return [row["_id"] async for row in rows]

    async def move(self, event_id: str, old: Status, new: Status) -> Event | None:
        """Change a status if it is still the old one, and return the event then."""
        row = await self._rows.find_one_and_update(
            {"_id": event_id, "status": old.value},
            {"$set": {"status": new.value}, "$inc": {"version": 1}},
            DERIVED,
            return_document=ReturnDocument.AFTER,
            session=mongo.session(),
        )
        return None if row is None else documents.event(row)

    async def set_price(self, event_id: str | None, ticket_type_id: str, price: float) -> None:
        """Keep the price of a ticket type; without the event's id of one that is known."""
        query = {"prices.id": ticket_type_id} if event_id is None else {"_id": event_id}
        others = _without(ticket_type_id)
        prices = {"$concatArrays": [others, [{"id": ticket_type_id, "price": price}]]}
        await self._rows.update_one(query, _priced(prices), session=mongo.session())

    async def drop_price(self, ticket_type_id: str) -> None:
        """Forget a ticket type; an event without any is free again."""
        await self._rows.update_one(
            {"prices.id": ticket_type_id},
            _priced(_without(ticket_type_id)),
            session=mongo.session(),
        )

    async def popularity(self, event_id: str) -> float | None:
        """Return an event's popularity."""
        row = await self._rows.find_one(
            {"_id": event_id}, {"popularity": 1}, session=mongo.session()
        )
        return None if row is None else float(row["popularity"])

    async def set_popularity(self, event_id: str, popularity: float) -> None:
        """Keep an event's popularity."""
        await self._rows.update_one(
            {"_id": event_id}, {"$set": {"popularity": popularity}}, session=mongo.session()
        )


def pipeline(segment: Segment, skip: int, limit: int) -> list[Document]:
    """Return the stages of a segment that is ordered by distance or relevance."""
    stages: list[Document] = []
    first: Document = {}
    if segment.near is not None:
        lat, lon = segment.near
        stages.append(
            {
                "$geoNear": {
                    "near": {"type": "Point", "coordinates": [lon, lat]},
                    "key": "geo",
                    "distanceField": "distance",
                    "query": segment.query,
                    "spherical": True,
                }
            }
        )
        first = {"distance": 1}
    else:
        stages += [{"$match": segment.query}, {"$addFields": {"score": segment.score}}]
        first = {"score": -1}
    stages += [{"$sort": {**first, **dict(segment.order)}}, {"$skip": skip}, {"$limit": limit}]
    return [*stages, {"$project": DERIVED}]


def _without(ticket_type_id: str) -> Any:
    differs = {"$ne": ["$$one.id", ticket_type_id]}
    return {"$filter": {"input": "$prices", "as": "one", "cond": differs}}


def _priced(prices: Any) -> list[Document]:
    none_left = {"$eq": [{"$size": "$prices"}, 0]}
    return [
        {"$set": {"prices": prices}},
        {
            "$set": {
                "isFree": none_left,
                "leastPrice": {"$cond": [none_left, 0.0, {"$min": "$prices.price"}]},
            }
        },
    ]
