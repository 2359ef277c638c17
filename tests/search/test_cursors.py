"""Pages by cursor: the same as by offset, and whole whatever happens between two of them."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.errors import InvalidError
from services.events.domain.criteria import Criteria, texts
from services.events.domain.event import Event, Location, Status, first_popularity
from services.events.storage import relevance
from services.events.storage.events import INDEXES, MongoEvents
from services.kit.cursors import Cursors
from services.kit.mongo import Mongo
from services.kit.paging import Page, Window
from stock import NOW, Stocked

EXPLORED = frozenset({Status.PUBLISHED, Status.COMPLETED, Status.CANCELLED})
LONGEST_WALK = 120


def words(text: str, **more: Any) -> Criteria:
    return Criteria(statuses=EXPLORED, texts=texts({"query": text}), **more)


WALKS: dict[str, Criteria] = {
    "date": Criteria(statuses=EXPLORED),
    "date, latest first": Criteria(statuses=EXPLORED, descending=True),
    "completed by title": Criteria(statuses=frozenset({Status.COMPLETED}), sort_by="title"),
    "price, many free": Criteria(sort_by="price"),
    "price, highest first": Criteria(sort_by="price", descending=True),
    "instant": Criteria(sort_by="instant"),
    "popular": Criteria(statuses=EXPLORED, other="popular", cities=("riccione",)),
    "upcoming": Criteria(other="upcoming"),
    "recently added": Criteria(other="recently_added"),
    "feed": Criteria(other="feed", tags=("Halloween",), cities=("bologna",)),
    "near": Criteria(near=(44.06, 12.57)),
    "near and unplaced": Criteria(near=(44.06, 12.57), cities=("cesena",)),
    "words, ranked": words("jazz rimini"),
    "words, walked": words("musica"),
    "words, walked, several": words("bar party"),
    "words with typos": words("bolonga"),
    "words by price": words("festa", sort_by="price"),
    "beginning of a word": words("ro"),
    "tags and price": Criteria(tags=("Rock", "Pop"), price=(5.0, 30.0)),
    "drafts": Criteria(statuses=None, organization_id="organization-3"),
}


async def by_cursor(
    events: MongoEvents, criteria: Criteria, limits: Sequence[int], most: int
) -> list[str]:
    found: list[str] = []
    position, number = b"", 0
    while len(found) < most:
        limit = min(limits[number % len(limits)], most - len(found))
        page = await events.search(criteria, Window(limit, 0), NOW, position)
        assert page.has_more == bool(page.position)
        found += [event.id for event in page.items]
        position, number = page.position, number + 1
        if not page.has_more:
            break
        assert len(page.items) == limit
    return found


@pytest.mark.parametrize("name", WALKS)
async def test_pages_by_cursor_are_those_by_offset(stocked: Stocked, name: str) -> None:
    criteria = WALKS[name]
    offsets: list[str] = []
    page: Page[Event] | None = None
    while (page is None or page.has_more) and len(offsets) < LONGEST_WALK:
        page = await stocked.events.search(criteria, Window(20, len(offsets)), NOW)
        offsets += [event.id for event in page.items]
    assert len(set(offsets)) == len(offsets) > 0
    cursors = await by_cursor(stocked.events, criteria, (7, 1, 20, 3), len(offsets))
    assert cursors == offsets


async def test_both_ways_of_answering_words_were_walked(
    stocked: Stocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few matches are ranked and many walked in levels: the walks above have both."""
    ranked: list[str] = []

    async def overflows(part: relevance.Ranked) -> bool:
        ranked.extend(sense.word for sense in part.words.wish.needed)
        return False

    monkeypatch.setattr(relevance.Ranked, "overflows", overflows)
    for name in ("words, ranked", "words, walked", "words, walked, several"):
        await stocked.events.search(WALKS[name], Window(5, 0), NOW)
    assert ranked == ["jazz", "rimini"]


class Night:
    """A small night life that goes on while somebody pages through it."""

    def __init__(self, events: MongoEvents, dice: random.Random) -> None:
        self.events, self.dice, self.number = events, dice, 0
        self.there: dict[str, Event] = {}
        self.untouched: set[str] = set()
        self.removed: set[str] = set()

    async def add(self) -> None:
        dice = self.dice
        self.number += 1
        day = (NOW + timedelta(days=dice.randint(-3, 3))).replace(tzinfo=None)
        status = Status.PUBLISHED if day > NOW.replace(tzinfo=None) else Status.COMPLETED
        spot = dice.choice(((44.0, 12.0), (44.0, 12.1), (45.0, 9.0)))
        place = Location(name="Rock Bar", city="Cesena", lat=spot[0], lon=spot[1])
        event = Event(
            id=f"{dice.randrange(16**6):06x}-{self.number}",
            creator_id="o",
            status=status,
            created_at=NOW - timedelta(hours=dice.randint(0, 5)),
            title=dice.choice(("Rock", "Rocks", "Bedrock night", "Rick", "A night of rock")),
            tags=(dice.choice(("Rock", "Pop")),),
            location=dice.choice((place, place, None)),
            date=day,
        )
        await self.events.insert(event, first_popularity(event.created_at))
        if dice.random() < 0.5:
            await self.events.set_price(event.id, event.id, float(dice.choice((5, 10, 20))))
        self.there[event.id] = event

    async def remove(self) -> None:
        gone = self.dice.choice(sorted(self.there))
        await self.events.remove(gone)
        del self.there[gone]
        self.untouched.discard(gone)
        self.removed.add(gone)

    async def go_on(self) -> None:
        for _ in range(self.dice.randint(0, 3)):
            await self.add()
        for _ in range(self.dice.randint(0, 2)):
            await self.remove()


LIVELY: dict[str, Criteria] = {
    "date": Criteria(statuses=EXPLORED),
    "latest first": Criteria(statuses=EXPLORED, descending=True),
    "price": Criteria(statuses=EXPLORED, sort_by="price"),
    "title": Criteria(statuses=EXPLORED, sort_by="title", descending=True),
    "popular": Criteria(statuses=EXPLORED, other="popular"),
    "feed": Criteria(statuses=EXPLORED, other="feed", tags=("Pop",)),
    "near": Criteria(statuses=EXPLORED, near=(44.0, 12.02)),
    "words": words("rock"),
    "completed": Criteria(statuses=frozenset({Status.COMPLETED}), sort_by="instant"),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", LIVELY)
async def test_what_stays_is_seen_once_while_others_come_and_go(
    database: Mongo, monkeypatch: pytest.MonkeyPatch, name: str, seed: int
) -> None:
    monkeypatch.setattr(relevance, "FEW", 300 if seed else 0)
    await database.ensure_indexes(INDEXES)
    dice = random.Random(f"{name} {seed}")  # noqa: S311 - not a secret
    night = Night(MongoEvents(database), dice)
    for _ in range(50):
        await night.add()
    criteria = LIVELY[name]
    whole = await by_cursor(night.events, criteria, (20,), 1_000)
    night.untouched = set(whole)
    seen: list[str] = []
    position: bytes | None = b""
    moment = NOW
    while position is not None:
        window = Window(dice.randint(1, 6), 0)
        page = await night.events.search(criteria, window, moment, position)
        seen += [event.id for event in page.items]
        position = page.position if page.has_more else None
        moment += timedelta(seconds=1)
        await night.go_on()
    assert len(seen) == len(set(seen))
    assert night.untouched <= set(seen)


async def test_time_passing_between_pages_moves_nothing(database: Mongo) -> None:
    """What was to come on the first page is not found again among what is past on the last."""
    await database.ensure_indexes(INDEXES)
    events = MongoEvents(database)
    for number in range(12):
        date = (NOW + timedelta(minutes=10 * (number - 4))).replace(tzinfo=None)
        event = Event(
            id=f"e{number:02}",
            creator_id="o",
            status=Status.PUBLISHED,
            created_at=NOW,
            title="Rock",
            date=date,
        )
        await events.insert(event, float(number))
    for criteria in (words("rock"), Criteria(statuses=EXPLORED, other="popular")):
        seen: list[str] = []
        position, moment = b"", NOW
        for _ in range(4):
            page = await events.search(criteria, Window(3, 0), moment, position)
            seen += [event.id for event in page.items]
            position, moment = page.position, moment + timedelta(minutes=25)
        assert len(seen) == len(set(seen)) == 12


OURS = Cursors("secret")


@given(st.binary(max_size=40), st.binary(max_size=200))
def test_a_cursor_opens_to_what_was_sealed(asked: bytes, position: bytes) -> None:
    assert OURS.open(asked, OURS.seal(asked, position)) == position


@given(st.data())
def test_a_changed_cursor_is_refused(data: st.DataObject) -> None:
    cursor = OURS.seal(b"asked", b"a position")
    place = data.draw(st.integers(0, len(cursor) - 1))
    letter = data.draw(st.sampled_from("ABCXYZabcxyz019-_"))
    changed = cursor[:place] + letter + cursor[place + 1 :]
    if changed != cursor:
        with pytest.raises(InvalidError) as caught:
            OURS.open(b"asked", changed)
        assert caught.value.field == "cursor"


@pytest.mark.parametrize("cursor", ["x", "AAAA", "é", "=" * 10, "A" * 5_000, "a b", "\x00"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidError, match="nextCursor"):
        OURS.open(b"asked", cursor)


def test_a_cursor_of_another_search_or_secret_is_refused() -> None:
    one, other = Criteria(tags=("Rock",)), Criteria(tags=("Pop",))
    assert one.scope() == replace(other, tags=("Rock",)).scope()
    cursor = OURS.seal(one.scope(), b"position")
    assert OURS.open(one.scope(), cursor)
    for cursors, scope in ((OURS, other.scope()), (Cursors("another"), one.scope())):
        with pytest.raises(InvalidError):
            cursors.open(scope, cursor)
