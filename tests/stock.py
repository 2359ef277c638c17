"""Realistic events among made-up ones, for tests that only read them."""

import csv
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.corpus import Night
from services.events.domain import words
from services.events.domain.criteria import Criteria, texts
from services.events.domain.event import Event, Location, Status, first_popularity
from services.events.storage.events import MongoEvents
from services.kit.mongo import Mongo
from services.kit.paging import Window

FOLDER = Path(__file__).parent / "search"
NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
COUNT = 3_000


@dataclass
class Stocked:
    """A filled database."""

    database: Mongo
    events: MongoEvents
    nights: list[Night]


def table(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8") as text:
        return list(csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE))


def realistic(now: datetime = NOW) -> list[Night]:
    return [_night(number, row, now) for number, row in enumerate(table("events.tsv"))]


def _night(number: int, row: dict[str, str], now: datetime) -> Night:
    made = now - timedelta(days=30)
    event = Event(
        id=f"real-{number:03}",
        creator_id="somebody",
        status=Status.PUBLISHED,
        created_at=made,
        title=row["title"],
        tags=tuple(row["tags"].split(",")),
        location=Location(name=row["place"], city=row["city"]),
        date=(now + timedelta(days=int(row["days"]))).replace(tzinfo=None),
    )
    return Night(event, first_popularity(made), ())


async def first_hit_fits(events: MongoEvents, row: dict[str, str], now: datetime) -> bool:
    """Tell whether a written query finds first what it should; ``-`` for nothing."""
    criteria = Criteria(texts=texts({"query": row["query"]}))
    found = (await events.search(criteria, Window(1, 0), now)).items
    if row["first hit"] == "-" or not found:
        return row["first hit"] == "-" and not found
    return fits(found[0], row["first hit"])


def fits(event: Event, expected: str) -> bool:
    """Tell whether an event is as ``name=value;name=value`` says."""
    wished = dict(part.split("=", 1) for part in expected.split(";"))
    place = event.location or Location()
    return all(
        {
            "title": event.title == value,
            "place": place.name == value,
            "city": place.city == value,
            "tag": value in event.tags,
            "word": value in words.words(event.title),
        }[name]
        for name, value in wished.items()
    )


Spot = tuple[float, float]


def coming(nights: Sequence[Night], now: datetime) -> dict[Spot, list[Event]]:
    """Return the published events that are to come, by where they are."""
    found: defaultdict[Spot, list[Event]] = defaultdict(list)
    for night in nights:
        event, place = night.event, night.event.location
        if event.status_at(now) is not Status.PUBLISHED or place is None:
            continue
        if place.lat is not None and place.lon is not None:
            found[place.lat, place.lon].append(event)
    return dict(found)


def nearest(
    events: dict[Spot, list[Event]], here: Spot, limit: int, *, by_title: bool = False
) -> list[str]:
    """Return ids by the contract's rule, by brute force: by distance, ties by sortBy."""

    def second(event: Event) -> tuple[object, str]:
        return (words.folded(event.title or "") if by_title else event.date), event.id

    by_distance: defaultdict[float, list[Event]] = defaultdict(list)
    for spot, there in events.items():
        by_distance[haversine(here, spot)] += there
    found: list[str] = []
    for far in sorted(by_distance):
        if len(found) >= limit:
            break
        found += [event.id for event in sorted(by_distance[far], key=second)]
    return found[:limit]


def haversine(one: Spot, other: Spot) -> float:
    """The textbook's, on a sphere of radius one."""
    (la, lo), (lb, lp) = (map(math.radians, place) for place in (one, other))
    half = math.sin((lb - la) / 2) ** 2
    half += math.cos(la) * math.cos(lb) * math.sin((lp - lo) / 2) ** 2
    return 2 * math.asin(min(math.sqrt(half), 1.0))
