"""A search without its words, as conditions on events."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from math import inf
from typing import Final

from services.events.domain.criteria import Criteria
from services.events.domain.event import Status
from services.kit.mongo import Document

PUBLISHED, COMPLETED = Status.PUBLISHED.value, Status.COMPLETED.value
EVERY: Final = frozenset(Status)
# What of published events is past counts as completed, so these are all to come.
COMING_ONLY: Final = frozenset({Status.PUBLISHED})


def alternatives(wished: frozenset[Status] | None, now: datetime) -> list[Document]:
    """Return conditions of which one must hold, so that a status is that of now.

    A published event counts as completed once its date has passed. Each condition is the beginning
    of an index's range, and no event fulfils two.
    """
    names = {status.value for status in wished or EVERY}
    if {PUBLISHED, COMPLETED} <= names or not {PUBLISHED, COMPLETED} & names:
        return [_among(names)]
    if PUBLISHED in names:
        coming = {"status": PUBLISHED, "date": {"$gt": now}}
        others = names - {PUBLISHED}
        return [coming, _among(others)] if others else [coming]
    return [_among(names), {"status": PUBLISHED, "date": {"$lte": now}}]


def apart(options: Sequence[Document], status: str) -> list[Document]:
    """Return alternatives with one status in a condition of its own."""
    found: list[Document] = []
    for option in options:
        names = option["status"].get("$in", []) if isinstance(option["status"], dict) else []
        if status in names and len(names) > 1:
            found += [{**option, **_among(set(names) - {status})}, {**option, "status": status}]
        else:
            found.append(option)
    return found


def conditions(criteria: Criteria, *, but: Iterable[str] = ()) -> list[Document]:
    """Return what must hold besides the status and the words.

    Args:
        criteria: the search.
        but: parts of it to leave out: tags, cities, price or date.
    """
    parts: dict[str, list[Document]] = {
        "tags": _tags(criteria),
        "cities": [{"cityKey": {"$in": list(criteria.cities)}}] if criteria.cities else [],
        "price": [_price(*criteria.price)] if criteria.price is not None else [],
        "date": _dates(criteria.start, criteria.end),
        "organization": [{"organizations": criteria.organization_id}]
        if criteria.organization_id is not None
        else [],
    }
    left_out = set(but)
    return [one for name, found in parts.items() if name not in left_out for one in found]


def every(parts: Sequence[Document]) -> Document:
    """Return the conjunction of conditions."""
    wanted = [part for part in parts if part]
    return wanted[0] if len(wanted) == 1 else {"$and": wanted} if wanted else {}


def some(options: Sequence[Document]) -> Document:
    """Return the disjunction of alternatives."""
    return options[0] if len(options) == 1 else {"$or": list(options)}


def _among(names: Iterable[str]) -> Document:
    return {"status": {"$in": sorted(names)}}


def _tags(criteria: Criteria) -> list[Document]:
    wanted = criteria.tags and criteria.other != "feed"
    return [{"tags": {"$in": list(criteria.tags)}}] if wanted else []


def _dates(start: datetime | None, end: datetime | None) -> list[Document]:
    found: list[Document] = []
    if start is not None:
        found.append({"date": {"$gte": start.replace(tzinfo=UTC)}})
    if end is not None:
        found.append({"date": {"$lte": end.replace(tzinfo=UTC)}})
    return found


def _price(least: float, most: float) -> Document:
    """Select events with a ticket in a range; a range from zero takes the free ones in."""
    if least == 0:
        return {"leastPrice": {"$gte": 0}} if most == inf else {"leastPrice": {"$lte": most}}
    bounds: Document = {"$gte": least} if most == inf else {"$gte": least, "$lte": most}
    return {"prices": {"$elemMatch": {"price": bounds}}}
