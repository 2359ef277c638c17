"""A search by words: first what holds them all, then what they may be typos of, the best first.

Few matches are read and scored one by one (`Ranked`). Where there are many, reading them all would
take longer than anybody waits: they come in levels, each a walk over an index, from what has every
word in its title down to what has one as a part of another word.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Self

from services.events.domain import meanings, ranking
from services.events.domain.criteria import Criteria
from services.events.domain.ranking import Wish
from services.events.domain.senses import LEAST_SOUND, Sense
from services.events.storage import filters, levels
from services.events.storage.levels import TYPOS
from services.events.storage.orders import EARLIEST, Order
from services.events.storage.vocabulary import MOST_COUNTED, Vocabulary
from services.events.storage.walks import Hit, Part, Walk
from services.kit.mongo import Collection, Document

RANKED, WALKED = 0, 1
UPCOMING, PAST, UNDATED = 0, 1, 2
FORGIVE_BELOW: Final = 20
FEW, MOST_RANKED = 300, 400
# With more matches than this among frequent words, a page fills soon enough level by level.
MANY_EXPECTED = 200
FILTERED_SHARE = 0.2

Label = tuple[int, ...]
BY_DATE, LATEST_FIRST = Order("date"), Order("date", descending=True)


@dataclass
class Words:
    """The words of a search as the database is asked for them."""

    rows: Collection
    vocabulary: Vocabulary
    wish: Wish
    criteria: Criteria
    now: datetime
    as_of: datetime
    _forgiving: bool | None = None

    @classmethod
    async def read(
        cls,
        rows: Collection,
        vocabulary: Vocabulary,
        criteria: Criteria,
        now: datetime,
        as_of: datetime,
    ) -> Self:
        """Look a search's words up."""
        must = meanings.needed(criteria.texts)
        needed = await vocabulary.needed([one for one in criteria.texts if one in must])
        welcome = [_as_it_is(*one) for one in criteria.texts if one not in must]
        rarities = tuple(ranking.rarity(sense.events) for sense in needed)
        return cls(rows, vocabulary, Wish(needed, welcome, rarities), criteria, now, as_of)

    async def forgiving(self, *, surely: bool = False) -> bool:
        """Tell whether typos count: only where hardly any event holds the words as they are.

        Filters are left out of it, so that a search means the same words with and without them.

        Args:
            surely: an earlier page had typos already.
        """
        if self._forgiving is None:
            self._forgiving = surely or await self._few_hold_them()
            if self._forgiving:
                await self.vocabulary.forgive(self.wish.needed)
        return self._forgiving

    async def _few_hold_them(self) -> bool:
        if any(not one.wide and one.events < FORGIVE_BELOW for one in self.wish.needed):
            return True
        sound = self.matching(LEAST_SOUND)
        return await self.rows.count_documents(sound, limit=FORGIVE_BELOW) < FORGIVE_BELOW

    async def filter(self) -> Document:
        """Return the words as a condition, for a search that has another order."""
        return self.matching(1 if await self.forgiving() else LEAST_SOUND)

    @cached_property
    def alternatives(self) -> list[Document]:
        """Conditions on the status."""
        return filters.alternatives(self.criteria.statuses, self.now)

    @cached_property
    def conditions(self) -> list[Document]:
        """All conditions but status and words."""
        return filters.conditions(self.criteria)

    async def parts(self, stage: int, mode: int | None) -> AsyncIterator[tuple[Label, Part]]:
        """Yield the parts of a stage; ``mode`` is the one that an earlier page was read in."""
        if stage == TYPOS and not any(sense.typos for sense in self.wish.needed):
            return
        if mode != WALKED and (mode == RANKED or await self._few()):
            ranked = Ranked(self, stage)
            if mode == RANKED or not await ranked.overflows():
                yield (stage, RANKED, 0, 0, 0), ranked
                return
        steps = list(levels.levels(self.wish, stage))
        for undated in (False, True):
            for level, condition in steps:
                for when, part in self._walks(condition, undated=undated):
                    yield (stage, WALKED, int(undated), -level, when), part

    async def _few(self) -> bool:
        """Tell whether matches are likely few enough to be scored one by one."""
        counts = [MOST_COUNTED if sense.wide else sense.events for sense in self.wish.needed]
        if min(counts) <= FEW:
            return True
        if min(counts) >= MOST_COUNTED or (len(counts) == 1 and not self.conditions):
            return False
        total = max(await self.vocabulary.total(), 1)
        expected = total * FILTERED_SHARE ** len(self.conditions)
        for count in counts:
            expected *= min(count / total, 1)
        return expected < MANY_EXPECTED

    def matching(self, least: int) -> Document:
        """Select events in which each needed word is found with at least a weight."""
        return levels.matching(self.wish.needed, least)

    def _walks(self, condition: Document, *, undated: bool) -> Iterator[tuple[int, Part]]:
        """Yield what is to come, soonest first, then what is past, latest first."""
        whens: list[tuple[Document, Order]] = [
            ({"date": {"$gte": self.as_of}}, BY_DATE),
            ({"date": {"$gte": EARLIEST, "$lt": self.as_of}}, LATEST_FIRST),
        ]
        if self.criteria.statuses == filters.COMING_ONLY:
            del whens[1:]
        if undated:
            whens = [({"date": None}, BY_DATE)] if len(whens) > 1 else []
        for when, (span, order) in enumerate(whens):
            conditions = [condition, span, filters.some(self.alternatives), *self.conditions]
            yield when, Walk(self.rows, [{}], conditions, order)


@dataclass
class Ranked:
    """All matches, scored one by one."""

    words: Words
    stage: int
    _hits: list[Hit] = field(default_factory=list)
    _found: list[Document] | None = None

    @property
    def whole(self) -> bool:
        """Whether so few are likely that their documents are read at once."""
        return min(sense.events for sense in self.words.wish.needed) <= FORGIVE_BELOW

    async def overflows(self) -> bool:
        """Tell whether there are too many."""
        return len(await self._read()) > MOST_RANKED

    async def read(self, after: Sequence[Any] | None, skip: int, limit: int) -> list[Hit]:
        """Return the best after a position."""
        hits = await self._scored()
        left = hits if after is None else [hit for hit in hits if hit.position > list(after)]
        return left[skip : skip + limit]

    async def size(self, most: int) -> int:
        """Return how many there are, at most so many."""
        return min(len(await self._scored()), most)

    async def _read(self) -> list[Document]:
        if self._found is None:
            words = self.words
            least = 1 if self.stage == TYPOS else LEAST_SOUND
            parts = [words.matching(least), filters.some(words.alternatives), *words.conditions]
            fields = {} if self.whole else {"terms": 1, "date": 1}
            rows = words.rows.find(filters.every(parts), fields)
            most = MOST_RANKED + 1
            self._found = await rows.batch_size(most).limit(most).to_list()
        return self._found

    async def _scored(self) -> list[Hit]:
        if not self._hits:
            for row in await self._read():
                score = self.words.wish.score(row["terms"], typos=self.stage == TYPOS)
                if score is not None:
                    place = [-score, *self._closeness(row), row["_id"]]
                    self._hits.append(Hit(row["_id"], place, row if self.whole else None))
            self._hits.sort(key=lambda hit: hit.position)
        return self._hits

    def _closeness(self, row: Document) -> list[float]:
        if row["date"] is None:
            return [UNDATED, 0]
        ahead = (row["date"] - self.words.as_of).total_seconds()
        return [UPCOMING, ahead] if ahead >= 0 else [PAST, -ahead]


def _as_it_is(word: str, spots: str) -> Sense:
    """Return the sense of a small word, which nobody looks up."""
    sense = Sense(word, spots, wide=True)
    sense.take(word, spots, 0)
    return sense
