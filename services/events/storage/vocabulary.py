"""The words that events have, each once: what a typed word is looked up in.

A word is written before the event that has it, outside of that event's transaction: a word without
events does no harm, and two events with the same new word do not get in each other's way. In how
many events a word is gets counted now and then; the count only decides how a search is read. A
word that no event has any more is forgotten.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from pymongo import ASCENDING, IndexModel, UpdateOne

from services.events.domain import likeness
from services.events.domain.senses import Sense
from services.events.storage.familiar import Familiar
from services.kit.clock import Clock, utc_now
from services.kit.mongo import Collection, Document, Indexes, Mongo

COLLECTION = "words"
INDEXES: Indexes = {
    COLLECTION: [
        IndexModel([("ends", ASCENDING)], name="ends"),
        IndexModel([("rests", ASCENDING)], name="rests"),
        IndexModel([("countedAt", ASCENDING)], name="counted"),
    ]
}
MOST_WORDS: Final = 300
MOST_LIKE: Final = 1_000
SHORTEST: Final = 3
MOST_COUNTED: Final = 5_000
# A save relies on words seen since FRESH, and none is forgotten that was seen since KEPT.
FRESH, KEPT = timedelta(hours=6), timedelta(hours=12)
COUNTED_FOR = timedelta(hours=3)
TOTAL_FOR = timedelta(minutes=1)
SEEN: Final = {"spots": 1, "events": 1}


class Vocabulary:
    """Words in one collection."""

    def __init__(self, database: Mongo, events: Collection, *, clock: Clock = utc_now) -> None:
        self._words = database[COLLECTION]
        self._events = events
        self._clock = clock
        self._familiar = Familiar()
        self._total = 0
        self._totalled = datetime.fromtimestamp(0, tz=UTC)

    async def total(self) -> int:
        """Return about how many events there are."""
        if self._clock() - self._totalled > TOTAL_FOR:
            self._total = await self._events.estimated_document_count()
            self._totalled = self._clock()
        return self._total

    async def is_empty(self) -> bool:
        """Tell whether there is not a single word."""
        return await self._words.find_one({"_id": {"$gt": ""}}, {"_id": 1}) is None

    async def learn(self, spoken: Iterable[tuple[str, str]]) -> None:
        """Store what is not known of words, each with the spot where it stands."""
        spots: defaultdict[str, set[str]] = defaultdict(set)
        for spot, word in spoken:
            spots[word].add(spot)
        now = self._clock()
        fresh = await self._familiar.unknown(self._words, spots, now - FRESH)
        if fresh:
            changes = [_learned(word, spots[word], now) for word in fresh]
            await self._words.bulk_write(changes, ordered=False)

    async def needed(self, texts: Sequence[tuple[str, str]]) -> list[Sense]:
        """Return what wished words may stand for; one that nobody knows may be two unspaced."""
        found: list[Sense] = []
        for sense in await self.senses(texts):
            halves = [] if sense.sound or sense.wide else await self._halves(sense.word)
            apart = await self.senses([(half, sense.spots) for half in halves])
            found += apart if apart and all(half.sound for half in apart) else [sense]
        return found

    async def _halves(self, word: str) -> list[str]:
        """Return two stored words that make up a word, the shorter as long as can be; or none."""
        cuts = range(SHORTEST, len(word) - SHORTEST + 1)
        pairs = [[word[:at], word[at:]] for at in cuts]
        pairs.sort(key=lambda pair: -min(map(len, pair)))
        asked = {half for pair in pairs for half in pair}
        if not asked:
            return []
        rows = self._words.find({"_id": {"$in": sorted(asked)}}, {"_id": 1}).limit(len(asked))
        known = {row["_id"] async for row in rows}
        return next((pair for pair in pairs if known.issuperset(pair)), [])

    async def senses(self, texts: Sequence[tuple[str, str]]) -> list[Sense]:
        """Return what wished words may stand for, typos not counted."""
        found = [Sense(word, spots) for word, spots in texts]
        for sense, rows in zip(found, await asyncio.gather(*map(self._of, found)), strict=True):
            sense.wide = len(rows) > MOST_WORDS
            for row in rows:
                sense.take(row["_id"], row["spots"], row["events"])
        return found

    async def _of(self, sense: Sense) -> list[Document]:
        """Return stored words that hold a wished one; more than ``MOST_WORDS`` are cut off."""
        means = _named(sense.meant)
        begins: Document = {"_id": {"$regex": f"^{re.escape(likeness.stem(sense.word))}"}}
        holds: Document = {"ends": {"$regex": f"^{re.escape(sense.word)}"}}
        rows = self._words.find({"$or": [*means, begins, holds]}, SEEN)
        return await rows.limit(MOST_WORDS + 1).to_list()

    async def forgive(self, senses: Sequence[Sense]) -> None:
        """Add to senses what their words may be typos of."""
        rests = sorted({rest for sense in senses for rest in sense.remainders()})
        means = _named(term for sense in senses for term in sense.meant_by_typo)
        query = {"$or": [{"rests": {"$in": rests}}, *means]}
        rows = await self._words.find(query, SEEN).limit(MOST_LIKE).to_list()
        for sense in senses:
            for row in rows if sense.forgiven else ():
                sense.forgive(row["_id"], row["spots"], row["events"])

    async def recount(self, limit: int) -> int:
        """Count the events of the words that were counted longest ago; return how many words.

        One without events is forgotten, unless an event that is being saved may rely on it.
        """
        now = self._clock()
        due = {"countedAt": {"$lt": now - COUNTED_FOR}}
        rows = self._words.find(due, {"spots": 1, "seenAt": 1}).sort("countedAt").limit(limit)
        return sum([await self._recount(row, now) async for row in rows])

    async def _recount(self, row: Document, now: datetime) -> int:
        terms = [f"{spot}:{row['_id']}" for spot in row["spots"]]
        count = await self._events.count_documents({"terms": {"$in": terms}}, limit=MOST_COUNTED)
        same = {"_id": row["_id"], "seenAt": row["seenAt"]}
        if count == 0 and row["seenAt"] < now - KEPT:
            await self._words.delete_one(same)
        else:
            await self._words.update_one(same, {"$set": {"events": count, "countedAt": now}})
        return 1


def _learned(word: str, spots: set[str], now: datetime) -> UpdateOne:
    change = {
        "$set": {
            "seenAt": now,
            "ends": likeness.endings(word),
            "rests": sorted(likeness.remainders(word)),
        },
        "$setOnInsert": {"events": 1, "countedAt": now},
        "$addToSet": {"spots": {"$each": sorted(spots)}},
    }
    return UpdateOne({"_id": word}, change, upsert=True)


def _named(terms: Iterable[str]) -> list[Document]:
    names = sorted({term[2:] for term in terms})
    return [{"_id": {"$in": names}}] if names else []
