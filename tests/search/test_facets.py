"""Facets against counting one by one."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.events.domain import criteria as wishes
from services.events.domain import facets
from services.events.domain.criteria import Criteria, texts
from services.events.domain.event import Event, Status
from services.events.domain.facets import NAMES, Count, Span
from services.events.domain.words import folded, words
from services.events.storage import facets as counting
from stock import NOW, Stocked

TODAY = NOW.replace(tzinfo=None)
EXPLORED = frozenset({Status.PUBLISHED, Status.COMPLETED, Status.CANCELLED})

SEARCHES: dict[str, dict[str, Any]] = {
    "everything": {},
    "to come": {"statuses": frozenset({Status.PUBLISHED})},
    "tags": {"tags": ("Rock", "Halloween")},
    "cities": {"cities": ("bologna", "cesena")},
    "price": {"price": (10.0, 20.0)},
    "free": {"price": (0.0, 0.0)},
    "dates": {"start": TODAY, "end": TODAY + timedelta(days=7)},
    "all at once": {
        "tags": ("Electronic",),
        "cities": ("milano", "roma", "bologna"),
        "price": (0.0, 30.0),
        "start": TODAY,
    },
    "upcoming": {"other": "upcoming", "tags": ("Pop",)},
    "feed": {"other": "feed", "tags": ("Pop",)},
    "word": {"texts": texts({"query": "jazz"})},
    "near": {"near": (44.0, 12.0), "cities": ("rimini",)},
}
CHOICES: dict[str, dict[str, Any]] = {
    "tags": {"tags": ()},
    "cities": {"cities": ()},
    "price": {"price": None},
    "date": {"start": None, "end": None},
}


def prices_of(stocked: Stocked) -> dict[str, tuple[float, ...]]:
    return {night.event.id: night.prices for night in stocked.nights}


def within(prices: tuple[float, ...], band: tuple[float, float]) -> bool:
    return any(band[0] <= one <= band[1] for one in prices) or (band[0] == 0 and not prices)


def during(event: Event, span: Span) -> bool:
    return (
        event.date is not None
        and (span.start is None or event.date >= span.start)
        and (span.end is None or event.date <= span.end)
    )


def found_by(stocked: Stocked, wished: Criteria) -> list[Event]:
    prices = prices_of(stocked)
    feed = wished.other == "feed"
    return [
        night.event
        for night in stocked.nights
        if night.event.status_at(NOW) in (wished.statuses or set(Status))
        and (feed or not wished.tags or set(wished.tags) & set(night.event.tags))
        and (not wished.cities or folded(city(night.event)) in wished.cities)
        and (wished.price is None or within(prices[night.event.id], wished.price))
        and during(night.event, Span("", wished.start, wished.end))
        and (wished.other != "upcoming" or during(night.event, Span("", TODAY, None)))
        and (not wished.texts or "jazz" in words(night.event.title))
    ]


def city(event: Event) -> str:
    return (event.location.city if event.location else None) or ""


def expected(stocked: Stocked, wished: dict[str, Any], name: str) -> dict[str, int]:
    left_out = {} if name == "tags" and wished.get("other") == "feed" else CHOICES[name]
    events = found_by(stocked, Criteria(**{"statuses": EXPLORED, **wished, **left_out}))
    prices = prices_of(stocked)
    if name == "tags":
        return dict(Counter(tag for event in events for tag in event.tags))
    if name == "cities":
        return dict(Counter(city(event) for event in events if city(event)))
    if name == "price":
        return {
            facets.band_text(band): sum(within(prices[event.id], band) for event in events)
            for band in facets.PRICE_BANDS
        }
    return {span.name: sum(during(event, span) for event in events) for span in facets.spans(TODAY)}


@pytest.mark.parametrize("search", SEARCHES)
async def test_facets_are_what_counting_one_by_one_finds(stocked: Stocked, search: str) -> None:
    wished = SEARCHES[search]
    criteria = Criteria(**{"statuses": EXPLORED, **wished})
    counted = await stocked.events.facets(criteria, NAMES, NOW)
    assert counted.exact
    assert counted.total == len(found_by(stocked, criteria))
    for name in NAMES:
        found = {one.value: one.count for one in counted.counts[name]}
        right = expected(stocked, wished, name)
        if name in {"tags", "cities"}:
            assert len(found) == min(len(right), counting.MOST_VALUES)
            assert list(found.values()) == sorted(found.values(), reverse=True)
            assert sorted(found.values()) == sorted(right.values())[-len(found) :]
            right = {value: right[value] for value in found}
        assert found == right, name


async def test_choosing_a_value_finds_as_many_as_were_told(stocked: Stocked) -> None:
    base: dict[str, Any] = {"statuses": EXPLORED, "tags": ("Rock",), "price": (0.0, 50.0)}
    told = await stocked.events.facets(Criteria(**base), NAMES, NOW)
    for name, counts in told.counts.items():
        for one in counts[:8]:
            narrower = Criteria(**{**base, **chosen(name, one)})
            narrowed = await stocked.events.facets(narrower, (), NOW)
            assert narrowed.total == one.count, (name, one)


def chosen(name: str, one: Count) -> dict[str, Any]:
    if name == "date":
        assert one.span is not None
        return {"start": one.span.start, "end": one.span.end}
    if name == "price":
        return {"price": wishes.price(one.value)}
    return {name: wishes.cities(one.value) if name == "cities" else (one.value,)}


async def test_many_are_counted_in_part_and_said_so(
    stocked: Stocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "MOST_COUNTED", 100)
    counted = await stocked.events.facets(Criteria(statuses=EXPLORED), ("date",), NOW)
    assert (counted.total, counted.exact) == (100, False)
    by_name = {one.value: one.count for one in counted.counts["date"]}
    assert by_name["past"] == 0
    assert by_name["upcoming"] == 101


@pytest.mark.parametrize("day", range(7))
def test_the_weekend_is_the_coming_one_or_that_of_today(day: int) -> None:
    now = datetime(2026, 11, 23, 22, tzinfo=UTC).replace(tzinfo=None) + timedelta(days=day)
    weekend = next(span for span in facets.spans(now) if span.name == "weekend")
    assert weekend.end == datetime.fromisoformat("2026-11-29T23:59:59")
    assert weekend.start == datetime.fromisoformat(f"2026-11-{29 if day == 6 else 28}T00:00:00")
