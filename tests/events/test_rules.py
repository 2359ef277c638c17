"""Bounds of what an event holds, and what is said where they are broken."""

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from refusals import refusal
from services.events.domain import event
from services.events.domain.event import Draft, Event, Location, Status

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = datetime.fromisoformat("2026-07-01T22:00")
CONTROL = "must not contain control characters"
NIGHT = Event(
    id="e",
    creator_id="c",
    status=Status.DRAFT,
    created_at=NOW,
    title="Notte",
    location=Location(name="Piazza"),
    date=LATER,
    collaborator_ids=("x",),
)
PUBLISHED = NIGHT.moved(Status.PUBLISHED, NOW)


def test_who_made_an_event_or_collaborates_may_edit_it() -> None:
    assert [NIGHT.may_edit(one) for one in ("c", "x", "e", None)] == [True, True, False, False]


def test_a_draft_is_seen_by_its_editors_only() -> None:
    assert [NIGHT.seen_by(one) for one in ("c", "x", "e", None)] == [True, True, False, False]
    assert PUBLISHED.seen_by(None)


def test_refused_moves_say_why() -> None:
    ended = LATER.replace(tzinfo=UTC)
    completed = ("status", "status: COMPLETED cannot become CANCELLED")
    assert refusal(lambda: PUBLISHED.moved(Status.CANCELLED, ended)) == completed
    assert PUBLISHED.moved(Status.CANCELLED, NOW).status is Status.CANCELLED
    assert refusal(lambda: NIGHT.moved(Status.PUBLISHED, ended)) == (
        "date",
        "date: must be in the future to publish",
    )
    bare = Draft(status=Status.DRAFT).applied_to(NIGHT, NOW)
    assert refusal(lambda: bare.moved(Status.PUBLISHED, NOW)) == (
        "date",
        "date: is needed to publish",
    )


def test_an_update_sets_what_it_gives_on_top_of_the_present_status() -> None:
    soon = LATER + timedelta(hours=1)
    draft = Draft(
        status=Status.PUBLISHED,
        title="Altra",
        description="d",
        location=Location(city="Cesena"),
        tags=("Rock",),
        date=soon,
        collaborator_ids=("y",),
    )
    changed = draft.applied_to(PUBLISHED, NOW)
    assert (changed.title, changed.description, changed.location) == ("Altra", "d", draft.location)
    assert (changed.tags, changed.date, changed.collaborator_ids) == (("Rock",), soon, ("y",))
    over = draft.applied_to
    assert refusal(lambda: over(PUBLISHED, LATER.replace(tzinfo=UTC)))[0] == "status"


def test_dates_are_compared_in_utc() -> None:
    rome = timezone(timedelta(hours=2))
    assert event.naive(datetime(2026, 6, 1, 14, tzinfo=rome)) == NOW.replace(tzinfo=None)
    assert event.naive(LATER) == LATER


def test_collaborators_are_trimmed_and_named_once() -> None:
    assert event.collaborators([" a ", "b", "", " ", "a"]) == ("a", "b")
    assert event.collaborators(None) == ()
    assert len(event.collaborators([str(n) for n in range(50)])) == 50
    assert event.collaborators(["i" * 100]) == ("i" * 100,)
    assert refusal(lambda: event.collaborators([str(n) for n in range(51)])) == (
        "collaboratorIds",
        "collaboratorIds: at most 50",
    )
    assert refusal(lambda: event.collaborators(["a", "i" * 101])) == (
        "collaboratorIds",
        "collaboratorIds: expected ids of at most 100 characters",
    )


def test_titles_are_of_3_to_200_characters() -> None:
    assert [event.title(one) for one in (None, " ", " abc ", "a" * 200)] == [
        None,
        None,
        "abc",
        "a" * 200,
    ]
    for wrong in ("ab", "a" * 201):
        found = refusal(lambda wrong=wrong: event.title(wrong))  # type: ignore[misc]
        assert found == ("title", "title: expected 3 to 200 characters")
    assert refusal(lambda: event.title("a\x00b")) == ("title", f"title: {CONTROL}")


def test_descriptions_may_have_lines_and_5000_characters() -> None:
    kept = (None, " a\n\r\tb ", "a" * 5_000)
    assert tuple(event.description(one) for one in kept) == kept
    assert event.description(" ") is None
    assert refusal(lambda: event.description("a" * 5_001)) == (
        "description",
        "description: at most 5000 characters",
    )
    for sign in ("\x00", "\x7f", "\ud800"):
        found = refusal(lambda sign=sign: event.description(sign + "a"))  # type: ignore[misc]
        assert found == ("description", f"description: {CONTROL}")
    assert event.description("X") == "X"


def test_no_tags_are_none() -> None:
    assert event.tags(None) == ()


@pytest.mark.parametrize(
    ("place", "field", "message"),
    [
        (Location(road="Via"), "location", "needs a name or a city"),
        (Location(lat=1, lon=2), "location", "needs a name or a city"),
        (Location(lat=1), "location", "needs a name or a city"),
        (Location(lon=1), "location", "needs a name or a city"),
        (Location(name="n", link="java script:x"), "location.link", "expected a web address"),
        (Location(city="n", link="DATA:x"), "location.link", "expected a web address"),
        (Location(name="n" * 501), "location.name", "at most 500 characters"),
        (Location(name="n", road="\x00"), "location.road", CONTROL),
    ],
)
def test_a_refused_place_says_why(place: Location, field: str, message: str) -> None:
    assert refusal(lambda: event.location(place)) == (field, f"{field}: {message}")


@pytest.mark.parametrize(
    "place",
    [
        Location(name="n", lat=90, lon=180),
        Location(city="n", lat=-90, lon=-180),
        Location(name="n" * 500, link="https://x.org", house_number="1/a", postcode="47521"),
        Location(name="n", link="http://x/javascript:"),
    ],
)
def test_a_sound_place_is_kept_as_it_is(place: Location) -> None:
    assert event.location(place) == place


@pytest.mark.parametrize(
    ("lat", "lon"),
    [(90.5, 0), (0, 180.5), (math.nan, 0), (0, math.nan), (math.inf, 0), (None, 0), (0, None)],
)
def test_coordinates_are_both_inside_or_both_left_out(lat: float | None, lon: float | None) -> None:
    assert event.location(Location(name="n", lat=lat, lon=lon)) == Location(name="n")


def test_a_place_may_be_missing() -> None:
    assert event.location(None) is None
    assert event.location(Location()) is None


def test_a_vote_weighs_and_time_halves_it_every_week() -> None:
    week = timedelta(days=7)
    old = event.first_popularity(NOW)
    assert math.isclose(event.first_popularity(NOW + week), old + 1)
    assert math.isclose(event.voted(old, NOW, weight=3.0), old + 2)
    assert math.isclose(event.voted(old, NOW + week), old + math.log2(3))
    assert math.isclose(event.voted(old + 1, NOW), old + math.log2(3))
