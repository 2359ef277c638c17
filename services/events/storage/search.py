"""A search, page by page: parts that follow one another, and cursors that go on within them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions

from services.events.domain.criteria import Criteria
from services.events.domain.event import Event
from services.events.storage import documents, filters
from services.events.storage.levels import SOUND, TYPOS
from services.events.storage.nearest import Nearest
from services.events.storage.orders import EARLIEST, Order
from services.events.storage.places import Places
from services.events.storage.relevance import Words
from services.events.storage.vocabulary import Vocabulary
from services.events.storage.walks import DERIVED, Hit, Part, Walk
from services.kit.mongo import Collection, Document
from services.kit.paging import Page, Window

KEYS: Final = {"date": "date", "instant": "createdAt", "title": "titleKey", "price": "leastPrice"}
BY_DATE, NEWEST = Order("date"), Order("createdAt", descending=True)
MOST_VOTED: Final = Order("popularity", descending=True)
AWARE: Final = CodecOptions[Document](tz_aware=True)

Label = tuple[int, ...]


@dataclass(frozen=True)
class Start:
    """Where a page begins.

    Args:
        as_of: when the first page was read: what was to come then counts as to come on all.
        label: the part that the last page ended in.
        after: where in that part.
        rarities: of the words, as they were on the first page.
    """

    as_of: datetime
    label: Label | None = None
    after: list[Any] | None = None
    rarities: tuple[int, ...] = ()

    @classmethod
    def decode(cls, position: bytes) -> "Start":
        """Return what `encode` wrote."""
        row = bson.decode(position, AWARE)
        return cls(row["as_of"], tuple(row["label"]), row["after"], tuple(row["rarities"]))

    def encode(self) -> bytes:
        """Return it as bytes."""
        return bson.encode(vars(self))


class Search:
    """One search."""

    def __init__(
        self,
        rows: Collection,
        vocabulary: Vocabulary,
        places: Places,
        criteria: Criteria,
        now: datetime,
    ) -> None:
        self._rows = rows
        self._vocabulary = vocabulary
        self._places = places
        self._criteria = criteria
        self._now = now
        self._words: Words | None = None

    async def page(self, asked: Window, position: bytes | None) -> Page[Event]:
        """Return a page; ``position`` is where the last one said that it goes on."""
        start = Start.decode(position) if position else Start(self._now)
        wanted, skip = asked.limit + 1, asked.offset
        found: list[tuple[Label, Hit]] = []
        async for label, part in self._parts(start):
            after = start.after if label == start.label else None
            hits = await part.read(after, skip, wanted - len(found))
            found += [(label, hit) for hit in hits]
            if len(found) == wanted:
                break
            if skip:
                skip = 0 if hits else skip - await part.size(skip)
        return await self._page(found, asked, start.as_of)

    async def _page(
        self, found: list[tuple[Label, Hit]], asked: Window, as_of: datetime
    ) -> Page[Event]:
        shown = found[: asked.limit]
        rows = await self._rows_of([hit for _, hit in shown])
        has_more = len(found) > asked.limit
        position = b""
        if has_more:
            label, last = shown[-1]
            rarities = tuple(self._words.wish.rarities) if self._words else ()
            position = Start(as_of, label, last.position, rarities).encode()
        return Page([documents.event(row) for row in rows], asked, has_more, position)

    async def _rows_of(self, hits: list[Hit]) -> list[Document]:
        """Return the documents of hits; one that was removed meanwhile is left out."""
        missing = [hit.id for hit in hits if hit.row is None]
        read: dict[str, Document] = {hit.id: hit.row for hit in hits if hit.row is not None}
        if missing:
            rows = self._rows.find({"_id": {"$in": missing}}, DERIVED).limit(len(missing))
            read |= {row["_id"]: row async for row in rows}
        return [read[hit.id] for hit in hits if hit.id in read]

    async def _parts(self, start: Start) -> AsyncIterator[tuple[Label, Part]]:
        """Yield the parts of a search from where a page begins, each with its label."""
        async for label, part in self._all_parts(start):
            if start.label is None or label >= start.label:
                yield label, part

    async def _all_parts(self, start: Start) -> AsyncIterator[tuple[Label, Part]]:
        criteria = self._criteria
        words = await self._wished(start)
        if words and not (criteria.other or criteria.near or criteria.sort_by):
            async for labelled in self._by_relevance(words, start.label):
                yield labelled
            return
        for number, part in enumerate(await self._plain(start.as_of)):
            yield (number,), part

    async def _wished(self, start: Start) -> Words | None:
        """Return the words of the search, as they weighed on its first page."""
        if self._criteria.texts and self._words is None:
            self._words = await Words.read(
                self._rows, self._vocabulary, self._criteria, self._now, start.as_of
            )
            if start.rarities:
                self._words.wish = replace(self._words.wish, rarities=start.rarities)
        return self._words

    async def _by_relevance(
        self, words: Words, label: Label | None
    ) -> AsyncIterator[tuple[Label, Part]]:
        first = label[0] if label else SOUND
        for stage in (SOUND, TYPOS)[first:]:
            if stage == TYPOS and not await words.forgiving(surely=first == TYPOS):
                return
            mode = label[1] if label and first == stage else None
            async for labelled in words.parts(stage, mode):
                yield labelled

    async def _plain(self, as_of: datetime) -> list[Part]:
        """Return the parts of a search that has another order than relevance."""
        criteria = self._criteria
        conditions = await self.conditions()
        if criteria.other is not None:
            return self._named(conditions, as_of)
        order = Order(KEYS[criteria.sort_by or "date"], criteria.descending)
        if criteria.near is None:
            return [self._walk(order, conditions)]
        nearest = Nearest(self._walk(order, conditions), self._places, criteria.near)
        return [nearest, self._walk(order, [*conditions, {"spot": None}])]

    @property
    def alternatives(self) -> list[Document]:
        """Conditions on the status."""
        return filters.alternatives(self._criteria.statuses, self._now)

    async def conditions(self, *, but: str = "") -> list[Document]:
        """Return all conditions but the status; ``but`` is a part of the search to leave out."""
        words = await self._wished(Start(self._now))
        plain = filters.conditions(self._criteria, but=[but])
        return [*plain, await words.filter()] if words else plain

    async def query(self, *, but: str = "") -> Document:
        """Return the whole search as one condition, whatever its order."""
        conditions = await self.conditions(but=but)
        if self._criteria.other == "upcoming":
            conditions.append({"date": {"$gte": self._now}})
        return filters.every([filters.some(self.alternatives), *conditions])

    async def finds_any(self) -> bool:
        """Tell whether the search finds anything at all."""
        return await self._rows.find_one(await self.query(), {"_id": 1}) is not None

    def _walk(
        self,
        order: Order,
        conditions: list[Document],
        alternatives: list[Document] | None = None,
    ) -> Walk:
        return Walk(self._rows, alternatives or self.alternatives, conditions, order)

    def _named(self, conditions: list[Document], as_of: datetime) -> list[Part]:
        criteria = self._criteria
        coming: Document = {"date": {"$gte": as_of}}
        if criteria.other == "upcoming":
            return [self._walk(BY_DATE, [*conditions, coming])]
        if criteria.other == "recently_added":
            return [self._walk(NEWEST, conditions)]
        if criteria.other == "popular":
            return self._popular(conditions, as_of)
        if criteria.other == "feed" and criteria.tags:
            liked = list(criteria.tags)
            return [
                self._walk(BY_DATE, [*conditions, {"tags": {way: liked}}])
                for way in ("$in", "$nin")
            ]
        return [self._walk(BY_DATE, conditions)]

    def _popular(self, conditions: list[Document], as_of: datetime) -> list[Part]:
        """Return what is to come, then the rest.

        Completed events that are to come and published ones that are past hardly exist, but an
        index by votes would be walked to its end to find that out: they are read by date.
        """
        coming = filters.apart(self.alternatives, filters.COMPLETED)
        past = filters.apart(self.alternatives, filters.PUBLISHED)
        parts = [self._walk(MOST_VOTED, [*conditions, {"date": {"$gte": as_of}}], coming)]
        if self._criteria.statuses != filters.COMING_ONLY:
            spans: list[Document] = [{"date": {"$gte": EARLIEST, "$lt": as_of}}, {"date": None}]
            parts += [self._walk(MOST_VOTED, [*conditions, span], past) for span in spans]
        return list(parts)
