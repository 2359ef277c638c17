import random
from dataclasses import replace
from datetime import timedelta

import pytest

from benchmarks.corpus import Night
from services.events.domain.criteria import Criteria
from services.events.domain.event import Event, Location, first_popularity
from services.events.storage import nearest as distances
from services.events.storage.events import INDEXES, MongoEvents
from services.events.storage.places import Places, metres
from services.kit.mongo import Mongo
from services.kit.paging import Window
from stock import NOW, Spot, Stocked, coming, nearest, realistic

QUERIES = 300
DICE = random.Random(20261124)  # noqa: S311 - not a secret


def somewhere(spots: dict[Spot, list[Event]]) -> Spot:
    """In Europe, anywhere, or exactly where an event is."""
    choice = DICE.random()
    if choice < 0.2:
        return DICE.choice(sorted(spots))
    if choice < 0.3:
        return DICE.uniform(-90, 90), DICE.uniform(-180, 180)
    return DICE.uniform(36, 60), DICE.uniform(-9, 25)


async def test_near_is_what_brute_force_finds(stocked: Stocked) -> None:
    events = coming(stocked.nights, NOW)
    for _ in range(QUERIES):
        here, by_title = somewhere(events), DICE.random() < 0.3
        limit = DICE.choice((1, 5, 20))
        criteria = Criteria(near=here, sort_by="title" if by_title else None)
        page = await stocked.events.search(criteria, Window(limit, 0), NOW)
        expected = nearest(events, here, limit, by_title=by_title)
        assert [event.id for event in page.items] == expected, here


async def test_pages_by_distance_go_on_within_one_place(stocked: Stocked) -> None:
    events = coming(stocked.nights, NOW)
    for _ in range(3):
        here = somewhere(events)
        found: list[str] = []
        position: bytes = b""
        while len(found) < 300:
            page = await stocked.events.search(Criteria(near=here), Window(20, 0), NOW, position)
            found += [event.id for event in page.items]
            position = page.position
        assert found == nearest(events, here, len(found))


@pytest.mark.parametrize("descending", [False, True])
async def test_what_is_equally_far_comes_in_the_order_asked_for(
    database: Mongo, *, descending: bool
) -> None:
    """East and west are equally far; more events than a page are at one of the places."""
    await database.ensure_indexes(INDEXES)
    events = MongoEvents(database)
    for number in range(60):
        place = Location(name="x", lat=44.0, lon=12.1 if number % 3 else 11.9)
        event = replace(realistic()[0].event, id=f"e{number:02}", location=place)
        title = f"Title {(number * 7) % 60:02}"
        await events.insert(replace(event, title=title), first_popularity(NOW))
    criteria = Criteria(near=(44.0, 12.0), sort_by="title", descending=descending)
    found: list[str | None] = []
    position: bytes | None = b""
    while position is not None:
        page = await events.search(criteria, Window(7, 0), NOW, position)
        found += [event.title for event in page.items]
        position = page.position if page.has_more else None
    assert found == sorted((f"Title {n:02}" for n in range(60)), reverse=descending)


async def test_a_page_has_to_go_on_at_the_place_where_the_last_one_ended(
    stocked: Stocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without the rest of that place, events would be lost."""

    async def nowhere(*_: object) -> list[str]:
        return []

    monkeypatch.setattr(Places, "at", nowhere)
    events = coming(stocked.nights, NOW)
    here = max(events, key=lambda spot: len(events[spot]))
    first = await stocked.events.search(Criteria(near=here), Window(3, 0), NOW)
    page = await stocked.events.search(Criteria(near=here), Window(3, 0), NOW, first.position)
    assert len(events[here]) > 3
    assert [event.id for event in page.items] != nearest(events, here, 6)[3:]


async def test_many_at_one_distance_and_many_places_in_a_batch(
    database: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small bounds, so that chunks are split and batches end among what is equally far."""
    monkeypatch.setattr(distances, "FIRST_PLACES", 2)
    monkeypatch.setattr(distances, "MOST_SORTED", 3)
    await database.ensure_indexes(INDEXES)
    events = MongoEvents(database)
    nights = []
    for number in range(80):
        lat, lon = 44 + DICE.randint(-2, 2) / 4, 12 + DICE.randint(-2, 2) / 4
        event = replace(
            realistic()[0].event,
            id=f"e{number:02}",
            location=Location(name="x", lat=lat, lon=lon),
            date=(NOW + timedelta(hours=DICE.randint(1, 9))).replace(tzinfo=None),
        )
        nights.append(Night(event, 1.0, ()))
        await events.insert(event, 1.0)
    for limit in (1, 4, 20):
        found: list[str] = []
        position: bytes | None = b""
        while position is not None:
            window = Window(limit, 0)
            page = await events.search(Criteria(near=(44.0, 12.0)), window, NOW, position)
            found += [event.id for event in page.items]
            position = page.position if page.has_more else None
        assert len(found) == len(set(found)) == 80
        rounded = [
            (metres((44.0, 12.0), (place.lat or 0, place.lon or 0)), event.date, event.id)
            for event in (next(n.event for n in nights if n.event.id == one) for one in found)
            if (place := event.location)
        ]
        assert rounded == sorted(rounded)
