"""What a query asks for, what may be left out of it, and what narrows it down."""

from datetime import datetime, timedelta
from math import inf

import pytest

from refusals import refusal
from services.events.domain import criteria, facets
from services.events.domain.criteria import Criteria
from services.events.domain.event import Status
from services.events.domain.facets import Span
from services.events.domain.relaxed import relaxations

NEAR = ("near", "near: expected lat,lon in degrees, like 44.14,12.24")
PRICE = ("price", "price: expected min,max, like 0,20 or 10,Infinity")
START = datetime.fromisoformat("2026-06-01T00:00")


def test_the_same_search_is_the_same_bytes() -> None:
    one = Criteria(statuses=frozenset({Status.PUBLISHED, Status.CANCELLED}), tags=("Rock",))
    assert (
        one.scope()
        == Criteria(
            tags=("Rock",), statuses=frozenset({Status.CANCELLED, Status.PUBLISHED})
        ).scope()
    )
    others = [Criteria(), Criteria(statuses=None), Criteria(tags=("Rock",)), one]
    assert len({other.scope() for other in others}) == len(others)


def test_known_statuses_are_read_whatever_their_case() -> None:
    assert criteria.statuses("published, Draft,x,") == {Status.PUBLISHED, Status.DRAFT}
    assert criteria.statuses(None) == frozenset()


def test_words_may_stand_where_their_parameter_says() -> None:
    given = {"title": "Notte", "query": "jazz live", "city": "Forlì", "location_name": None}
    assert criteria.texts(given) == (
        ("notte", "t"),
        ("jazz", "tncg"),
        ("live", "tncg"),
        ("forli", "c"),
    )
    assert criteria.texts({}) == ()
    assert criteria.texts({"location_name": "x"}) == (("x", "n"),)


def test_a_search_has_at_most_twelve_words_of_at_most_200_characters_of_text() -> None:
    many = " ".join(f"w{n}" for n in range(9))
    assert criteria.texts({"title": many}) == tuple((f"w{n}", "t") for n in range(8))
    assert len(criteria.texts({"title": many, "query": many})) == 12
    assert criteria.texts({"city": "x" + " " * 199}) == (("x", "c"),)
    assert refusal(lambda: criteria.texts({"city": "x" * 201})) == (
        "city",
        "city: at most 200 characters",
    )


def test_naming_only_unknown_tags_finds_nothing() -> None:
    assert criteria.tags("rock, nope") == (("Rock",), False)
    assert criteria.tags("nope") == ((), True)
    assert criteria.tags(" , ") == ((), False)
    assert criteria.tags(None) == ((), False)


def test_cities_are_folded_and_named_once() -> None:
    assert criteria.cities(" Forlì ,FORLI,, Cesena") == ("forli", "cesena")
    assert criteria.cities(None) == ()
    assert len(criteria.cities(",".join(f"c{n}" for n in range(20)))) == 20
    assert refusal(lambda: criteria.cities(",".join(f"c{n}" for n in range(21)))) == (
        "cities",
        "cities: at most 20",
    )
    assert criteria.cities("a" * 2_000 + ",b") == ("a" * 2_000,)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90,180", (90, 180)),
        ("-90,-180", (-90, -180)),
        (" 1.5 , +.5e1", (1.5, 5)),
        ("", None),
        (None, None),
    ],
)
def test_a_position_is_in_degrees(text: str | None, expected: tuple[float, float] | None) -> None:
    assert criteria.near(text) == expected


@pytest.mark.parametrize("text", ["90.5,0", "0,180.5", "1;2", "1 2", "1_0,2", "0x1,2", "1,2,3"])
def test_what_is_no_position_says_what_is_one(text: str) -> None:
    assert refusal(lambda: criteria.near(text)) == NEAR


def test_a_price_has_two_ends() -> None:
    assert criteria.price("0,0") == (0, 0)
    assert criteria.price("0.5,20") == (0.5, 20)
    assert criteria.price("5, Infinity ") == (5, inf)
    assert criteria.price(None) is None


@pytest.mark.parametrize("text", ["5", "x,y", "2,1", "-1,2", "Infinity,Infinity", "1,infinity"])
def test_what_is_no_price_says_what_is_one(text: str) -> None:
    assert refusal(lambda: criteria.price(text)) == PRICE


ASKED = Criteria(
    price=(0, 5),
    start=START,
    end=START,
    tags=("Rock",),
    cities=("roma",),
    texts=(("jazz", "tncg"), ("live", "tncg"), ("notte", "t")),
)


def test_one_thing_less_is_asked_at_a_time() -> None:
    changes = [change for change, _ in relaxations(ASKED)]
    assert changes == [
        {"price": ""},
        {"startDate": "", "endDate": ""},
        {"tags": ""},
        {"cities": ""},
        {"title": ""},
        {"query": "jazz"},
        {"query": "live"},
    ]
    searches = [search for _, search in relaxations(ASKED)]
    assert [search.price for search in searches].count(None) == 1
    assert (searches[1].start, searches[1].end) == (None, None)
    assert [search.tags for search in searches].count(()) == 1
    assert [search.cities for search in searches].count(()) == 1
    assert [search.texts for search in searches[4:]] == [
        (("jazz", "tncg"), ("live", "tncg")),
        (("jazz", "tncg"), ("notte", "t")),
        (("live", "tncg"), ("notte", "t")),
    ]
    assert all(search.price == (0, 5) for search in searches[1:])


def test_the_only_word_is_never_left_out() -> None:
    assert list(relaxations(Criteria(texts=(("jazz", "t"),)))) == []
    assert list(relaxations(Criteria())) == []


def test_one_end_of_time_is_enough_to_leave_it_out() -> None:
    for given in (Criteria(start=START), Criteria(end=START)):
        assert list(relaxations(given)) == [({"startDate": "", "endDate": ""}, Criteria())]


def test_unknown_tags_are_left_out_first_and_a_feed_s_tags_never() -> None:
    impossible = Criteria(impossible=True, price=(0, 5))
    assert list(relaxations(impossible)) == [({"tags": ""}, Criteria(price=(0, 5)))]
    assert list(relaxations(Criteria(other="feed", tags=("Rock",)))) == []


def test_facets_are_named_in_one_order() -> None:
    assert facets.names(" date,tags,,tags ") == ("tags", "date")
    assert facets.names("price,cities") == ("cities", "price")
    assert facets.names(None) == ()
    assert refusal(lambda: facets.names("tags,x")) == (
        "facets",
        "facets: expected some of tags, cities, price, date",
    )


def test_the_stretches_of_time_seen_from_a_wednesday() -> None:
    now = datetime.fromisoformat("2026-11-25T21:30:15.5")
    days = {
        "today": ("25", "25"),
        "tomorrow": ("26", "26"),
        "weekend": ("28", "29"),
    }
    found = {span.name: span for span in facets.spans(now)}
    for name, (first, last) in days.items():
        assert found[name] == Span(
            name,
            datetime.fromisoformat(f"2026-11-{first}T00:00"),
            datetime.fromisoformat(f"2026-11-{last}T23:59:59"),
        )
    midnight = datetime.fromisoformat("2026-11-25T00:00")
    for name, length in (("week", 7), ("month", 30)):
        end = midnight + timedelta(days=length, seconds=-1)
        assert found[name] == Span(name, midnight, end)
    second = datetime.fromisoformat("2026-11-25T21:30:15")
    assert found["upcoming"] == Span("upcoming", second, None)
    assert found["past"] == Span("past", None, second)
    assert list(found) == ["today", "tomorrow", "weekend", "week", "month", "upcoming", "past"]


def test_a_band_is_the_price_parameter_that_finds_it() -> None:
    texts = [facets.band_text(band) for band in facets.PRICE_BANDS]
    assert texts == ["0,0", "0,10", "10,20", "20,50", "50,Infinity"]
    assert [criteria.price(text) for text in texts] == list(facets.PRICE_BANDS)
