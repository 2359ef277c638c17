"""What a search asks for, read from the query the way the contract says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf, isfinite
from typing import Final

from services.contracts.errors import InvalidError
from services.events.domain import event, words
from services.events.domain.event import Status

MAX_TEXT: Final = 200
MAX_WORDS: Final = 12
MAX_CITIES, MAX_CSV = 20, 2_000
SORTS: Final = ("date", "instant", "title", "price")
TEXTS: Final = {"title": "t", "query": "tncg", "city": "c", "location_name": "n"}

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """A search; empty fields do not filter.

    Args:
        statuses: any of; ``None`` for all, drafts included.
        texts: per wished word the fields it may stand in: t title, n place, c city.
        tags: any of.
        cities: any of, folded, each a city's whole name.
        start: not before, naive UTC.
        end: not after, naive UTC.
        organization_id: creator or collaborator.
        sort_by: ``None`` for relevance where there are texts, else by date.
        descending: the other way round.
        near: latitude and longitude.
        price: least and most, in major units.
        other: upcoming, popular, recently_added or feed.
    """

    statuses: frozenset[Status] | None = frozenset({Status.PUBLISHED})
    texts: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()
    impossible: bool = False
    start: datetime | None = None
    end: datetime | None = None
    organization_id: str | None = None
    sort_by: str | None = None
    descending: bool = False
    near: tuple[float, float] | None = None
    price: tuple[float, float] | None = None
    other: str | None = None

    def scope(self) -> bytes:
        """Return the search as bytes, the same for the same search in every process."""
        statuses = None if self.statuses is None else sorted(self.statuses)
        return repr({**vars(self), "statuses": statuses}).encode()


def statuses(text: str | None) -> frozenset[Status]:
    """Return the known statuses of a CSV."""
    known = {status.value: status for status in Status}
    names = (name.strip().upper() for name in (text or "").split(","))
    return frozenset(known[name] for name in names if name in known)


def texts(given: Mapping[str, str | None]) -> tuple[tuple[str, str], ...]:
    """Return the wished words with the fields that each may stand in.

    Raises:
        InvalidError: a text longer than 200 characters.
    """
    found = []
    for name, fields in TEXTS.items():
        text = given.get(name) or ""
        if len(text) > MAX_TEXT:
            raise InvalidError(f"{name}: at most {MAX_TEXT} characters", field=name)
        found += [(word, fields) for word in words.wished(text, words.MAX_QUERY_WORDS)]
    return tuple(found)[:MAX_WORDS]


def tags(text: str | None) -> tuple[tuple[str, ...], bool]:
    """Return the known tags of a CSV, and whether only unknown ones were named."""
    named = [name for name in (text or "").split(",") if name.strip()]
    known = event.tags(named)
    return known, bool(named) and not known


def cities(text: str | None) -> tuple[str, ...]:
    """Return the folded names of a CSV of cities.

    Raises:
        InvalidError: more than 20.
    """
    named = [words.folded(name.strip()) for name in (text or "")[:MAX_CSV].split(",")]
    found = tuple(dict.fromkeys(name for name in named if name))
    if len(found) > MAX_CITIES:
        raise InvalidError(f"cities: at most {MAX_CITIES}", field="cities")
    return found


def near(text: str | None) -> tuple[float, float] | None:
    """Return a position.

    Raises:
        InvalidError: not ``lat,lon`` in degrees.
    """
    if not text:
        return None
    try:
        lat, lon = (_number(part) for part in text.split(","))
    except ValueError:
        lat, lon = inf, inf
    if not (abs(lat) <= 90 and abs(lon) <= 180):  # noqa: PLR2004 - degrees
        raise InvalidError("near: expected lat,lon in degrees, like 44.14,12.24", field="near")
    return lat, lon


def price(text: str | None) -> tuple[float, float] | None:
    """Return a range of prices; the upper end may be the word Infinity.

    Raises:
        InvalidError: not ``min,max``, negative, or the wrong way round.
    """
    if not text:
        return None
    try:
        low, high = text.split(",")
        least, most = _number(low), inf if high.strip() == "Infinity" else _number(high)
    except ValueError:
        least, most = -1.0, -1.0
    if not (isfinite(least) and 0 <= least <= most):
        raise InvalidError("price: expected min,max, like 0,20 or 10,Infinity", field="price")
    return least, most


def _number(text: str) -> float:
    """Return a decimal number; `float` alone takes much more for one."""
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError("expected a decimal number")
    return float(text)
