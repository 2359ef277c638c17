"""What a search can be narrowed down by: each value with the parameters that choose it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from math import inf
from typing import Final

from services.contracts.errors import InvalidError

NAMES: Final = ("tags", "cities", "price", "date")
# In major units; a band is what the price parameter of the same two numbers finds.
PRICE_BANDS: Final = ((0.0, 0.0), (0.0, 10.0), (10.0, 20.0), (20.0, 50.0), (50.0, inf))
SATURDAY: Final = 5
LAST_MOMENT: Final = time(23, 59, 59)


@dataclass(frozen=True)
class Span:
    """A named stretch of time, both ends included; naive UTC, ``None`` for open."""

    name: str
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True)
class Count:
    """A value and how many events have it; ``span`` where it is a stretch of time."""

    value: str
    count: int
    span: Span | None = None


@dataclass(frozen=True)
class Facets:
    """How many events a search finds, and how many each narrower one would.

    Args:
        total: of the search itself.
        exact: false where there are so many that only a part was counted.
        counts: per name, without what the search itself chose of that name.
    """

    total: int
    exact: bool
    counts: Mapping[str, Sequence[Count]] = field(default_factory=dict)


def names(text: str | None) -> tuple[str, ...]:
    """Return the known names of a CSV.

    Raises:
        InvalidError: an unknown one.
    """
    wished = [name.strip() for name in (text or "").split(",") if name.strip()]
    if not set(wished) <= set(NAMES):
        raise InvalidError(f"facets: expected some of {', '.join(NAMES)}", field="facets")
    return tuple(name for name in NAMES if name in wished)


def spans(now: datetime) -> list[Span]:
    """Return the stretches of time that people choose from; ``now`` is naive UTC."""
    today = now.date()
    saturday = today + timedelta(days=max(SATURDAY - today.weekday(), 0))
    sunday = today + timedelta(days=6 - today.weekday())
    days = {
        "today": (today, today),
        "tomorrow": (today + timedelta(days=1), today + timedelta(days=1)),
        "weekend": (saturday, sunday),
        "week": (today, today + timedelta(days=6)),
        "month": (today, today + timedelta(days=29)),
    }
    coming = [
        Span(name, datetime.combine(first, time()), datetime.combine(last, LAST_MOMENT))
        for name, (first, last) in days.items()
    ]
    second = now.replace(microsecond=0)
    return [*coming, Span("upcoming", second, None), Span("past", None, second)]


def band_text(band: tuple[float, float]) -> str:
    """Return a band as the price parameter that chooses it."""
    return ",".join("Infinity" if end == inf else f"{end:g}" for end in band)
