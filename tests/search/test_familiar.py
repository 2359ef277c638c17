"""What a save knows to be stored, and when it asks all the same."""

from datetime import UTC, datetime, timedelta

from services.events.storage.familiar import Familiar
from services.events.storage.vocabulary import FRESH, Vocabulary
from services.kit.mongo import Mongo

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def test_a_name_is_familiar_with_the_facts_that_were_seen_and_no_others() -> None:
    known = Familiar()
    known.keep("notte", NOW, ["t", "n"])
    assert known.has("notte", NOW - FRESH, ["t"])
    assert not known.has("notte", NOW - FRESH, ["t", "c"])
    assert not known.has("notte", NOW)
    assert not known.has("alba", NOW - FRESH)


def test_the_names_asked_for_longest_ago_make_room() -> None:
    known = Familiar(most=2)
    for name in ("a", "b", "a", "c"):
        known.keep(name, NOW)
    assert [known.has(name, NOW - FRESH) for name in "abc"] == [True, False, True]


async def test_a_word_that_is_not_fresh_any_more_is_stored_anew(database: Mongo) -> None:
    now = [NOW]
    words = Vocabulary(database, database["events"], clock=lambda: now[0])
    for passed in (timedelta(0), timedelta(minutes=1), FRESH + timedelta(minutes=2)):
        now[0] = NOW + passed
        await words.learn([("t", "notte")])
        await words.learn([("t", "notte")])
        row = await database["words"].find_one({"_id": "notte"})
        assert row is not None
        assert row["seenAt"] == (NOW if passed < FRESH else now[0])
    await words.learn([("c", "notte")])
    row = await database["words"].find_one({"_id": "notte"})
    assert row is not None
    assert sorted(row["spots"]) == ["c", "t"]
