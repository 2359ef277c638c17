"""The written queries, and what typing does to them."""

import random

from services.events.domain.criteria import Criteria, texts
from services.events.domain.event import Event, Status
from services.events.domain.words import folded, words
from services.kit.paging import Window
from stock import NOW, Stocked, first_hit_fits, table

QUERIES = table("queries.tsv")
LEAST_SHARE = 0.9
LETTERS = "abcdefghilmnoprstuvz"


async def test_the_expected_hit_comes_first(stocked: Stocked) -> None:
    missed = [row for row in QUERIES if not await first_hit_fits(stocked.events, row, NOW)]
    assert len(QUERIES) >= 60
    assert len(missed) <= (1 - LEAST_SHARE) * len(QUERIES), missed


def mistyped(word: str, dice: random.Random) -> str:
    place = dice.randrange(1, len(word))
    before, letter, after = word[:place], word[place], word[place + 1 :]
    return dice.choice(
        (
            before + after,
            before + dice.choice(LETTERS) + letter + after,
            before + dice.choice(LETTERS) + after,
            before[:-1] + letter + before[-1] + after,
        )
    )


async def test_titles_are_found_however_they_are_typed(stocked: Stocked) -> None:
    """A typo in each long word, the order mixed with the city, the last word unfinished."""
    dice = random.Random(5)  # noqa: S311 - not a secret
    events = [
        night.event for night in stocked.nights if night.event.status_at(NOW) is Status.PUBLISHED
    ]
    asked = found = 0
    for event in dice.sample(events, 60):
        title = words(event.title)
        mixed = dice.sample(title, len(title))
        city = folded(event.location.city or "") if event.location else ""
        for typed in (
            [mistyped(word, dice) if len(word) > 4 else word for word in title],
            [*mixed, "a", city],
            [*title[:-1], title[-1][: max(3, len(title[-1]) - 2)]],
        ):
            asked += 1
            found += await _is_among_the_first(stocked, event, " ".join(typed))
    assert found >= 0.95 * asked, (found, asked)


async def _is_among_the_first(stocked: Stocked, event: Event, text: str) -> bool:
    page = await stocked.events.search(Criteria(texts=texts({"query": text})), Window(5, 0), NOW)
    return event.title in {one.title for one in page.items}
