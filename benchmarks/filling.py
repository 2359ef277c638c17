"""Writes made-up nights as the product writes events, but many at once."""

from collections.abc import Iterable
from itertools import islice

import pymongo

from benchmarks.corpus import Night
from services.events.storage import documents
from services.events.storage.events import COLLECTION, INDEXES, MongoEvents
from services.events.storage.places import COLLECTION as PLACES
from services.events.storage.vocabulary import COLLECTION as WORDS
from services.events.storage.vocabulary import COUNTED_FOR, Vocabulary
from services.kit.clock import utc_now
from services.kit.mongo import Document, Mongo

BATCH = 1_000
BATCH_SECONDS = 60.0


async def fill(database: Mongo, nights: Iterable[Night]) -> None:
    """Store nights in place of what there is, with their words, and count these."""
    rows = database[COLLECTION]
    await rows.drop()
    await database[WORDS].drop()
    await database[PLACES].drop()
    keeper = MongoEvents(database).keeper
    left = iter(nights)
    while batch := list(islice(left, BATCH)):
        with pymongo.timeout(BATCH_SECONDS):
            await keeper.learn([night.event for night in batch])
            await rows.insert_many([_document(night) for night in batch], ordered=False)
    await database.ensure_indexes(INDEXES)
    later = Vocabulary(database, rows, clock=lambda: utc_now() + 2 * COUNTED_FOR)
    while await later.recount(BATCH):
        pass


def _document(night: Night) -> Document:
    prices = [
        {"id": f"{night.event.id}-{number}", "price": price}
        for number, price in enumerate(night.prices)
    ]
    return documents.new(night.event, night.popularity, prices)
