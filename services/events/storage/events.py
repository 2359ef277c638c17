"""The stored events: by id, by search, and as time changes them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pymongo
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument

from services.events.domain.criteria import Criteria
from services.events.domain.event import Event, Status
from services.events.domain.facets import Facets
from services.events.storage import documents, places, vocabulary
from services.events.storage.facets import Counter
from services.events.storage.keeping import Keeper
from services.events.storage.places import Places
from services.events.storage.search import Search
from services.events.storage.vocabulary import Vocabulary
from services.events.storage.walks import DERIVED
from services.kit import departed, inbox, mongo, outbox
from services.kit import intents as unfinished
from services.kit.mongo import Document, Indexes, Mongo
from services.kit.paging import Page, Window, cut

COLLECTION = "events"
SEARCH_SECONDS = 3.0


def _index(name: str, *keys: str) -> IndexModel:
    return IndexModel([(key, ASCENDING) for key in keys], name=name)


INDEXES: Indexes = {
    COLLECTION: [
        _index("dated", "status", "date", "_id"),
        _index("made", "status", "createdAt", "_id"),
        _index("voted", "status", "popularity", "_id", "date"),
        _index("titled", "status", "titleKey", "_id"),
        _index("priced", "status", "leastPrice", "_id"),
        _index("owned", "organizations", "status", "date", "_id"),
        _index("tagged", "tags", "status", "date", "_id"),
        _index("placed", "cityKey", "status", "date", "_id"),
        _index("spoken", "terms", "date", "_id"),
        _index("creator", "creatorId", "status"),
        _index("collaborators", "collaboratorIds"),
        _index("prices", "prices.price"),
        _index("ticket_types", "prices.id"),
        _index("at", "spot", "status", "date", "_id"),
        IndexModel([("words", ASCENDING)], name="old_shape", sparse=True),
    ],
    **vocabulary.INDEXES,
    **places.INDEXES,
    **outbox.INDEXES,
    **inbox.INDEXES,
    **departed.INDEXES,
    **unfinished.INDEXES,
}


class MongoEvents:
    """Events in one collection, and the words that they are found by in another."""

    def __init__(self, database: Mongo) -> None:
        self._rows = database[COLLECTION]
        self._vocabulary = Vocabulary(database, self._rows)
        self._places = Places(database, self._rows)
        self.keeper = Keeper(database, self._rows, self._vocabulary, self._places)

    async def get(self, event_id: str) -> Event | None:
        """Return an event, ``None`` where there is none."""
        row = await self._rows.find_one({"_id": event_id}, DERIVED, session=mongo.session())
        return None if row is None else documents.event(row)

    async def insert(self, event: Event, popularity: float) -> None:
        """Store a new event."""
        await self.keeper.learn([event])
        await mongo.insert(self._rows, [documents.new(event, popularity)])

    async def save(self, event: Event) -> None:
        """Store an event's new version; prices and popularity are not its own."""
        await self.keeper.learn([event])
        change = {"$set": documents.document(event), "$unset": documents.RETIRED}
        await self._rows.update_one({"_id": event.id}, change, session=mongo.session())

    async def remove(self, event_id: str) -> None:
        """Forget an event."""
        await self._rows.delete_one({"_id": event_id}, session=mongo.session())

    async def newest(self, limit: int) -> Page[Event]:
        """Return published events, newest first."""
        rows = self._rows.find({"status": "PUBLISHED"}, DERIVED).sort("createdAt", DESCENDING)
        found = await rows.limit(limit + 1).to_list()
        return cut([documents.event(row) for row in found], Window(limit, 0))

    async def search(
        self, criteria: Criteria, asked: Window, now: datetime, position: bytes | None = None
    ) -> Page[Event]:
        """Return a page of a search; ``position`` is that of the page before."""
        with pymongo.timeout(SEARCH_SECONDS):
            return await self._search(criteria, now).page(asked, position)

    async def facets(self, criteria: Criteria, names: Sequence[str], now: datetime) -> Facets:
        """Return how many events a search finds, and how many narrower ones would."""
        with pymongo.timeout(SEARCH_SECONDS):
            search = self._search(criteria, now)
            return await Counter(self._rows, search, criteria, now).count(names)

    async def finds_any(self, criteria: Criteria, now: datetime) -> bool:
        """Tell whether a search finds anything."""
        with pymongo.timeout(SEARCH_SECONDS):
            return await self._search(criteria, now).finds_any()

    def _search(self, criteria: Criteria, now: datetime) -> Search:
        return Search(self._rows, self._vocabulary, self._places, criteria, now)

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
