"""Counts of what a search could be narrowed down by.

Each is counted over what the search finds without its own choice of that name, so that the count
beside another tag or city is what choosing it instead would find.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from services.events.domain import facets
from services.events.domain.criteria import Criteria
from services.events.domain.facets import PRICE_BANDS, Count, Facets, Span
from services.events.storage import filters
from services.events.storage.search import Search
from services.kit.mongo import Collection, Document

MOST_COUNTED: Final = 20_000
MOST_VALUES: Final = 40
TOTAL: Final = "total"
FIELDS: Final = dict.fromkeys(
    ("tags", "cityKey", "location.city", "prices.price", "leastPrice", "date"), 1
)


class Counter:
    """Counts one search's facets."""

    def __init__(self, rows: Collection, search: Search, criteria: Criteria, now: datetime) -> None:
        self._rows = rows
        self._search = search
        self._criteria = criteria
        self._now = now
        self._spans = facets.spans(now.astimezone(UTC).replace(tzinfo=None))

    async def count(self, names: Sequence[str]) -> Facets:
        """Return the total and the facets of these names."""
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for name in (TOTAL, *names):
            groups[name if name in self._chosen() else ""].append(name)
        found: dict[str, list[Document]] = {}
        for one in await asyncio.gather(*(self._group(*group) for group in groups.items())):
            found |= one
        total = found[TOTAL][0]["count"] if found[TOTAL] else 0
        counts = {name: self._counts(name, found[name]) for name in names}
        return Facets(min(total, MOST_COUNTED), total <= MOST_COUNTED, counts)

    def _chosen(self) -> set[str]:
        """Return the names that the search itself makes a choice of."""
        wished = self._criteria
        chosen = {
            "tags": bool(wished.tags) and wished.other != "feed",
            "cities": bool(wished.cities),
            "price": wished.price is not None,
            "date": wished.start is not None or wished.end is not None,
        }
        return {name for name, made in chosen.items() if made}

    async def _group(self, without: str, names: Sequence[str]) -> dict[str, list[Document]]:
        """Return what stages find per name, over the search without one of its choices."""
        query = await self._search.query(but=without)
        stages: dict[str, list[Document]] = {
            TOTAL: [{"$count": "count"}],
            "tags": [{"$unwind": "$tags"}, *_most("$tags")],
            "cities": [{"$match": {"cityKey": {"$gt": ""}}}, *_most("$cityKey")],
            "price": [_sums({facets.band_text(band): _within(*band) for band in PRICE_BANDS})],
            "date": [_sums({span.name: _during(span) for span in self._spans})],
        }
        wanted = {"$facet": {name: stages[name] for name in names}}
        cursor = await self._rows.aggregate([*self._soonest(query), {"$project": FIELDS}, wanted])
        return dict((await cursor.to_list())[0])

    def _soonest(self, query: Document) -> list[Document]:
        """Return stages that read what a query finds: what is to come before what is past."""
        coming, past = (
            filters.every([query, span])
            for span in ({"date": {"$gte": self._now}}, {"$nor": [{"date": {"$gte": self._now}}]})
        )
        most = {"$limit": MOST_COUNTED + 1}
        others = {"coll": self._rows.name, "pipeline": [{"$match": past}, most]}
        return [{"$match": coming}, most, {"$unionWith": others}, most]

    def _counts(self, name: str, found: Sequence[Document]) -> list[Count]:
        if name in {"tags", "cities"}:
            return [Count(row.get("name") or row["_id"], row["count"]) for row in found]
        sums = found[0] if found else {}
        if name == "price":
            texts = [facets.band_text(band) for band in PRICE_BANDS]
            return [Count(text, sums.get(_key(text), 0)) for text in texts]
        return [Count(span.name, sums.get(span.name, 0), span) for span in self._spans]


def _most(field: str) -> list[Document]:
    """Return stages that count a field's values, the most frequent first."""
    group = {"_id": field, "count": {"$sum": 1}, "name": {"$first": "$location.city"}}
    if field == "$tags":
        del group["name"]
    return [{"$group": group}, {"$sort": {"count": -1, "_id": 1}}, {"$limit": MOST_VALUES}]


def _sums(tests: dict[str, Any]) -> Document:
    counts = {_key(name): {"$sum": {"$cond": [test, 1, 0]}} for name, test in tests.items()}
    return {"$group": {"_id": None, **counts}}


def _key(name: str) -> str:
    """Return a name as a field's name, in which a dot would mean a path."""
    return name.replace(".", "_")


def _within(least: float, most: float) -> Any:
    """Tell whether the price parameter of two bounds would find an event."""
    if least == 0:
        return {"$lte": ["$leastPrice", most]}
    inside: list[Any] = [{"$gte": ["$$one.price", least]}, {"$lte": ["$$one.price", most]}]
    tests = {"$map": {"input": "$prices", "as": "one", "in": {"$and": inside}}}
    return {"$anyElementTrue": [tests]}


def _during(span: Span) -> Any:
    tests: list[Any] = [{"$gt": ["$date", None]}]
    if span.start is not None:
        tests.append({"$gte": ["$date", span.start.replace(tzinfo=UTC)]})
    if span.end is not None:
        tests.append({"$lte": ["$date", span.end.replace(tzinfo=UTC)]})
    return {"$and": tests}
