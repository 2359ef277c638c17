import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.contracts.errors import InvalidError
from services.events.domain import criteria, event
from services.events.domain.event import Draft, Event, Location, Status

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PLACE = Location(name="Piazza")


def make(status: Status = Status.DRAFT, **fields: Any) -> Event:
    whole: dict[str, Any] = {
        "title": "Notte",
        "location": PLACE,
        "date": datetime.fromisoformat("2026-07-01T22:00"),
    }
    return Event(id="e", creator_id="c", status=status, created_at=NOW, **{**whole, **fields})


@pytest.mark.parametrize("field", ["title", "location", "date"])
def test_nothing_incomplete_is_published(field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        make(Status.DRAFT, **{field: None}).moved(Status.PUBLISHED, NOW)
    assert caught.value.field == field


def test_nothing_past_is_published() -> None:
    with pytest.raises(InvalidError, match="future"):
        make(date=datetime.fromisoformat("2026-06-01T12:00")).moved(Status.PUBLISHED, NOW)


@pytest.mark.parametrize("old", list(Status))
@pytest.mark.parametrize("new", list(Status))
def test_moves_are_those_of_the_contract(old: Status, new: Status) -> None:
    allowed = {
        ("DRAFT", "DRAFT"),
        ("DRAFT", "PUBLISHED"),
        ("PUBLISHED", "PUBLISHED"),
        ("PUBLISHED", "CANCELLED"),
        ("PUBLISHED", "COMPLETED"),
        ("CANCELLED", "CANCELLED"),
    }
    if (old, new) in allowed:
        assert make(old).moved(new, NOW).status == new
    else:
        with pytest.raises(InvalidError):
            make(old).moved(new, NOW)


def test_a_published_event_is_completed_once_its_date_has_passed() -> None:
    published = make(Status.PUBLISHED)
    assert published.status_at(NOW) is Status.PUBLISHED
    assert published.status_at(NOW + timedelta(days=40)) is Status.COMPLETED
    with pytest.raises(InvalidError):
        Draft(status=Status.PUBLISHED).applied_to(published, NOW + timedelta(days=40))


def test_an_update_keeps_and_removes_as_the_contract_says() -> None:
    old = make(tags=("Party",), description="d", collaborator_ids=("x",))
    changed = Draft(status=Status.DRAFT).applied_to(old, NOW)
    assert (changed.title, changed.description, changed.location) == ("Notte", "d", PLACE)
    assert (changed.tags, changed.date, changed.collaborator_ids) == ((), None, ("x",))
    assert changed.version == old.version + 1


def test_tags_are_33_and_unknown_ones_are_dropped() -> None:
    assert len(event.TAG_BY_NAME) == 33
    assert event.tags([" live MUSIC", "nope", "Live Music"]) == ("Live Music",)


def test_coordinates_out_of_range_are_dropped_and_codes_upper_cased() -> None:
    place = event.location(Location(city=" Rimini ", country_code="it", lat=91, lon=3))
    assert place == Location(city="Rimini", country_code="IT")
    assert event.location(Location(name=" ")) is None
    with pytest.raises(InvalidError, match="name or a city"):
        event.location(Location(road="Via"))


def test_popularity_is_recency_until_there_are_votes() -> None:
    old, new = event.first_popularity(NOW), event.first_popularity(NOW + timedelta(days=1))
    assert new > old
    liked = old
    for _ in range(3):
        liked = event.voted(liked, NOW + timedelta(days=1))
    assert liked > new
    assert math.isclose(event.voted(old, NOW), old + 1)


@pytest.mark.parametrize("text", ["x", "1", "91,0", "0,181", "nan,0", "1,2,3"])
def test_a_wrong_position_is_named(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        criteria.near(text)
    assert caught.value.field == "near"


@pytest.mark.parametrize("text", ["x", "-1,2", "5,1", "nan,1", "inf,inf"])
def test_a_wrong_price_is_named(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        criteria.price(text)
    assert caught.value.field == "price"


def test_a_price_may_be_open() -> None:
    assert criteria.price("10,Infinity") == (10, math.inf)
    assert criteria.price("") is None
