"""A search as queries: segments that follow one another, each with its own order."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from typing import Any

from services.events.domain import words
from services.events.domain.criteria import Criteria
from services.events.domain.event import Status
from services.kit.mongo import Document

Order = list[tuple[str, int]]

KEYS = {"date": "date", "instant": "createdAt", "title": "titleKey", "price": "leastPrice"}
EXACT, PREFIX, SUBSTRING = 8, 5, 3
TITLE_BONUS = 1


@dataclass(frozen=True)
class Segment:
    """A query with its order; ``near`` orders by distance first, ``score`` by relevance first."""

    query: Document
    order: Order
    near: tuple[float, float] | None = None
    score: Any = field(default=None)


def segments(criteria: Criteria, now: datetime) -> list[Segment]:
    """Return the segments of a search, in order."""
    query = _filter(criteria, now)
    order = _order(criteria)
    if criteria.other is not None:
        return _named(criteria, query, now)
    if criteria.near is not None:
        located: Document = {"$and": [query, {"geo": {"$ne": None}}]}
        return [
            Segment(located, order, near=criteria.near),
            Segment({"$and": [query, {"geo": None}]}, order),
        ]
    if criteria.texts and criteria.sort_by is None:
        return [Segment(query, order, score=_score(criteria.texts))]
    return [Segment(query, order)]


def _named(criteria: Criteria, query: Document, now: datetime) -> list[Segment]:
    upcoming: Document = {"date": {"$gte": now}}
    by_date: Order = [("date", 1), ("_id", 1)]
    if criteria.other == "upcoming":
        return [Segment({"$and": [query, upcoming]}, by_date)]
    if criteria.other == "recently_added":
        return [Segment(query, [("createdAt", -1), ("_id", 1)])]
    if criteria.other == "popular":
        by_votes: Order = [("popularity", -1), ("_id", 1)]
        past: Document = {"$nor": [upcoming]}
        return [Segment({"$and": [query, part]}, by_votes) for part in (upcoming, past)]
    if criteria.other == "feed" and criteria.tags:
        liked: Document = {"tags": {"$in": list(criteria.tags)}}
        rest: Document = {"tags": {"$nin": list(criteria.tags)}}
        return [Segment({"$and": [query, part]}, by_date) for part in (liked, rest)]
    return [Segment(query, by_date)]


def _order(criteria: Criteria) -> Order:
    key = KEYS[criteria.sort_by or "date"]
    return [(key, -1 if criteria.descending else 1), ("_id", 1)]


def _filter(criteria: Criteria, now: datetime) -> Document:
    parts: list[Document] = []
    if criteria.statuses is not None:
        parts.append(_status(criteria.statuses, now))
    parts += [_word(word, spots) for word, spots in criteria.texts]
    if criteria.tags and criteria.other != "feed":
        parts.append({"tags": {"$in": list(criteria.tags)}})
    if criteria.organization_id is not None:
        parts.append({"organizations": criteria.organization_id})
    if criteria.start is not None:
        parts.append({"date": {"$gte": criteria.start.replace(tzinfo=UTC)}})
    if criteria.end is not None:
        parts.append({"date": {"$lte": criteria.end.replace(tzinfo=UTC)}})
    if criteria.price is not None:
        parts.append(_price(*criteria.price))
    return {"$and": parts} if parts else {}


def _status(wished: frozenset[Status], now: datetime) -> Document:
    """Select statuses as of now: published counts as completed once its date has passed."""
    both = {Status.PUBLISHED, Status.COMPLETED}
    plain = [one.value for one in wished if one not in both or both <= wished]
    options: list[Document] = [{"status": {"$in": plain}}] if plain else []
    if not both <= wished:
        if Status.PUBLISHED in wished:
            options.append({"status": "PUBLISHED", "date": {"$gt": now}})
        if Status.COMPLETED in wished:
            options.append({"status": "COMPLETED"})
            options.append({"status": "PUBLISHED", "date": {"$lte": now}})
    return options[0] if len(options) == 1 else {"$or": options}


def _word(word: str, spots: str) -> Document:
    """Select events in which a word stands as a part of another, or with typos."""
    begins = [re.compile(f"^{spot}:{re.escape(word)}") for spot in spots]
    options: list[Document] = [{"endings": {"$in": begins}}]
    rests = [f"{spot}:{rest}" for spot in spots for rest in sorted(words.remainders(word))]
    if rests:
        options.append({"remainders": {"$in": rests}})
    return {"$or": options}


def _price(least: float, most: float) -> Document:
    bounds: Document = {"$gte": least} if most == inf else {"$gte": least, "$lte": most}
    ticket: Document = {"prices": {"$elemMatch": {"price": bounds}}}
    return {"$or": [ticket, {"isFree": True}]} if least == 0 else ticket


def _score(texts: tuple[tuple[str, str], ...]) -> Any:
    """Return an expression that is the greater the better an event fits the words."""
    return {"$add": [_best(word, spots) for word, spots in texts]}


def _best(word: str, spots: str) -> Any:
    return {"$max": [_fit(word, spot) for spot in spots]}


def _fit(word: str, spot: str) -> Any:
    bonus = TITLE_BONUS if spot == "t" else 0
    tagged = re.escape(f"{spot}:{word}")
    return {
        "$switch": {
            "branches": [
                {"case": {"$in": [f"{spot}:{word}", "$words"]}, "then": EXACT + bonus},
                {"case": _any("$words", f"^{tagged}"), "then": PREFIX + bonus},
                {"case": _any("$endings", f"^{tagged}"), "then": SUBSTRING + bonus},
            ],
            "default": _typo(word, spot, bonus),
        }
    }


def _typo(word: str, spot: str, bonus: int) -> Any:
    rests = [f"{spot}:{rest}" for rest in sorted(words.remainders(word))]
    shared = {"$setIntersection": [rests, "$remainders"]}
    return {"$cond": [{"$gt": [{"$size": shared}, 0]}, 1 + bonus, 0]} if rests else 0


def _any(values: str, pattern: str) -> Any:
    matches = {"$regexMatch": {"input": "$$one", "regex": pattern}}
    return {"$anyElementTrue": [{"$map": {"input": values, "as": "one", "in": matches}}]}
