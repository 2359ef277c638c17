"""Words come and go with their events, and what an earlier version wrote is brought along."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pymongo import ASCENDING, IndexModel

from services.events.domain.criteria import Criteria, texts
from services.events.domain.event import Event, Location, Status
from services.events.storage import keeping, vocabulary
from services.events.storage.events import INDEXES, MongoEvents
from services.events.storage.places import Places
from services.events.storage.vocabulary import COUNTED_FOR, FRESH, KEPT, Vocabulary
from services.kit.clock import utc_now
from services.kit.mongo import Mongo
from services.kit.paging import Window
from stock import NOW

EVENT = Event(
    id="e1",
    creator_id="o",
    status=Status.PUBLISHED,
    created_at=NOW,
    title="Notte Elettronica",
    tags=("Club",),
    location=Location(name="Cocoricò", city="Riccione"),
    date=(NOW + timedelta(days=3)).replace(tzinfo=None),
)


@pytest.fixture
async def stored(database: Mongo) -> MongoEvents:
    await database.ensure_indexes(INDEXES)
    return MongoEvents(database)


async def finds(stored: MongoEvents, text: str) -> list[str]:
    criteria = Criteria(texts=texts({"query": text}))
    page = await stored.search(criteria, Window(20, 0), NOW)
    return [event.id for event in page.items]


async def known(database: Mongo) -> set[str]:
    rows = await database["words"].find({}).to_list()
    return {row["_id"] for row in rows}


def later(**ahead: float) -> Callable[[], datetime]:
    return lambda: utc_now() + timedelta(**ahead)


async def test_a_saved_event_is_found_by_its_new_words_only(stored: MongoEvents) -> None:
    await stored.insert(EVENT, 1.0)
    await stored.save(replace(EVENT, title="Serata Jazz", version=2))
    assert await finds(stored, "jaz") == ["e1"]
    assert await finds(stored, "elettronica") == []


async def test_a_word_goes_once_no_event_has_it_for_long(
    stored: MongoEvents, database: Mongo
) -> None:
    await stored.insert(EVENT, 1.0)
    await stored.insert(replace(EVENT, id="e2", title="Notte Jazz"), 1.0)
    await stored.remove("e1")
    for hours, there in ((1, True), (COUNTED_FOR / timedelta(hours=1) + 1, True), (13, False)):
        words = Vocabulary(database, database["events"], clock=later(hours=hours))
        await words.recount(100)
        assert ("elettronica" in await known(database)) is there
    assert {"notte", "jazz", "cocorico", "riccione", "Club"} <= await known(database)
    counted = await database["words"].find_one({"_id": "notte"})
    assert counted is not None
    assert counted["events"] == 1


async def test_a_word_is_not_forgotten_under_an_event_that_is_being_saved(
    stored: MongoEvents, database: Mongo
) -> None:
    """Whatever a save finds fresh enough to rely on is kept longer than any save takes."""
    await stored.insert(EVENT, 1.0)
    await stored.remove("e1")
    assert FRESH < KEPT
    saving = Vocabulary(database, database["events"], clock=later(hours=KEPT.seconds / 3600 + 1))
    await saving.learn([("t", "elettronica")])
    await Vocabulary(
        database, database["events"], clock=later(hours=KEPT.seconds / 3600 + 5)
    ).recount(100)
    assert "elettronica" in await known(database)
    assert "notte" not in await known(database)


async def test_a_place_goes_once_no_event_is_there_for_long(
    stored: MongoEvents, database: Mongo
) -> None:
    place = Location(name="Qui", lat=44.0, lon=12.0)
    await stored.insert(replace(EVENT, location=place), 1.0)
    await stored.insert(replace(EVENT, id="e2", location=replace(place, lat=45.0)), 1.0)
    await stored.remove("e1")
    for hours, there in ((1, 2), (5, 2), (17, 1)):
        places = Places(database, database["events"], clock=later(hours=hours))
        await places.recount(100)
        assert await database["places"].count_documents({}) == there
    page = await stored.search(Criteria(near=(44.0, 12.0)), Window(5, 0), NOW)
    assert [event.id for event in page.items] == ["e2"]


async def test_new_words_are_learnt_by_many_at_once(stored: MongoEvents) -> None:
    events = [replace(EVENT, id=f"e{n}", title=f"Mirabilia {n}") for n in range(20)]
    await asyncio.gather(*(stored.insert(event, 1.0) for event in events))
    assert len(await finds(stored, "mirabila")) == 20


async def test_events_without_their_words_are_found_as_soon_as_they_are_learnt_anew(
    stored: MongoEvents, database: Mongo
) -> None:
    await stored.insert(EVENT, 1.0)
    await database["words"].delete_many({})
    assert await finds(stored, "elettronica") == []
    await stored.keeper.prepare()
    assert await finds(stored, "eletronica") == ["e1"]


OLD_INDEXES = {
    "events": [
        IndexModel([("status", ASCENDING), ("titleKey", ASCENDING)], name="title"),
        IndexModel([("endings", ASCENDING)], name="endings"),
        IndexModel([("remainders", ASCENDING)], name="remainders"),
    ]
}
OLD_FIELDS = {"words": ["t:notte"], "endings": ["t:notte", "t:otte"], "remainders": ["t:ntte"]}


async def write_as_before(database: Mongo, number: int, **changes: Any) -> None:
    """Write an event as the version did that had endings and remainders in every event."""
    stored = MongoEvents(database)
    event = replace(EVENT, id=f"old{number}", title=f"Vecchia notte {number}")
    await stored.insert(event, 1.0)
    gone = {"terms": "", "cityKey": ""}
    change = {"$set": {**OLD_FIELDS, **changes}, "$unset": gone}
    await database["events"].update_one({"_id": event.id}, change)


async def test_what_an_earlier_version_wrote_is_brought_along(
    database: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "BATCH", 7)
    await database.ensure_indexes(OLD_INDEXES)
    for number in range(20):
        await write_as_before(database, number)
    await database["words"].drop()
    await database.ensure_indexes(INDEXES)
    stored = MongoEvents(database)
    assert await finds(stored, "vecchia") == []
    await asyncio.gather(*(MongoEvents(database).keeper.prepare() for _ in range(3)))
    assert len(await finds(stored, "vechia riccione")) == 20
    page = await stored.search(Criteria(cities=("riccione",)), Window(20, 0), NOW)
    assert len(page.items) == 20
    left = await database["events"].find_one({"endings": {"$exists": True}})
    assert left is None
    names = set(await database["events"].index_information())
    assert not names & set(keeping.RETIRED_INDEXES)


async def test_what_an_old_replica_still_writes_is_renewed_beside_the_requests(
    stored: MongoEvents, database: Mongo
) -> None:
    await stored.insert(EVENT, 1.0)
    change = {"$set": {**OLD_FIELDS, "title": "Un altro titolo", "version": 2}}
    await database["events"].update_one({"_id": "e1"}, change)
    assert await finds(stored, "altro titolo") == []
    await stored.keeper.look_after()
    assert await finds(stored, "altro titolo") == ["e1"]


async def test_a_change_under_the_hands_of_the_keeper_wins(
    stored: MongoEvents, database: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored.insert(EVENT, 1.0)
    await database["events"].update_one({"_id": "e1"}, {"$set": OLD_FIELDS})
    learn = vocabulary.Vocabulary.learn

    async def learn_while_somebody_saves(self: Vocabulary, spoken: Any) -> None:
        await learn(self, spoken)
        monkeypatch.undo()
        await stored.save(replace(EVENT, title="Serata Jazz", version=2))

    monkeypatch.setattr(vocabulary.Vocabulary, "learn", learn_while_somebody_saves)
    await stored.keeper.renew(keeping.OLD_SHAPE)
    assert await finds(stored, "jazz") == ["e1"]
    assert await finds(stored, "elettronica") == []
