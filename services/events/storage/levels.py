"""The words of a search as conditions: how well every word must do at least."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from services.events.domain.likeness import Kind
from services.events.domain.ranking import Wish
from services.events.domain.senses import LEAST_SOUND, TEXT_SPOTS, WEIGHTS, Sense
from services.events.storage import filters
from services.kit.mongo import Document

SOUND, TYPOS = 0, 1
# Of several words: all in the title; all as they are; as tags too; as parts of other words.
COARSE: Final = (WEIGHTS[Kind.EXACT]["t"], WEIGHTS[Kind.EXACT]["c"], WEIGHTS[Kind.EXACT]["g"])
# What has the small words too comes before what has not.
COMPLETE: Final = 100
TELLING_LENGTH: Final = 4
# Above so many terms an index's ranges cannot be merged in order any more.
MOST_MERGED: Final = 150


def matching(senses: Sequence[Sense], least: int) -> Document:
    """Select events in which each word is found with at least a weight.

    The rarest word is looked up in the index, the others are compared in what it finds: the
    database would try each of them in turn to find out the same.
    """
    rarest, *others = sorted(senses, key=lambda sense: (sense.wide, sense.events))
    compared = [_compared(_terms(sense, least)) for sense in others]
    return filters.every([_holding(rarest, least), *compared])


def levels(wish: Wish, stage: int) -> Iterator[tuple[int, Document]]:
    """Yield conditions that exclude each other, the best first, each with a number.

    The number is the weight of the weakest word, so that it stays the same while events come and
    go.
    """
    done = [matching(wish.needed, LEAST_SOUND)] if stage == TYPOS else []
    telling = [sense for sense in wish.welcome if len(sense.word) >= TELLING_LENGTH]
    if telling and stage == SOUND:
        welcome = matching(telling, WEIGHTS[Kind.EXACT]["c"])
        for level in (WEIGHTS[Kind.EXACT]["c"], WEIGHTS[Kind.PREFIX]["c"]):
            complete = filters.every([matching(wish.needed, level), welcome])
            yield COMPLETE + level, _but(complete, done)
            done.append(complete)
    better: list[Document] = []
    for level in _weights(wish.needed, stage):
        here = matching(wish.needed, level)
        yield level, _but(here, [*done, *better])
        better = [here]


def _weights(senses: Sequence[Sense], stage: int) -> list[int]:
    if stage == TYPOS:
        return sorted({one for sense in senses for one in sense.typos.values()}, reverse=True)
    if len(senses) > 1:
        best = min(_best(sense) for sense in senses)
        return [*(level for level in COARSE if level <= best), LEAST_SOUND]
    wide = {one for kind in (Kind.PREFIX, Kind.INFIX) for one in WEIGHTS[kind].values()}
    return sorted({*senses[0].sound.values(), *(wide if senses[0].wide else ())}, reverse=True)


def _best(sense: Sense) -> int:
    listed = max(sense.sound.values(), default=0)
    return max(listed, *WEIGHTS[Kind.PREFIX].values()) if sense.wide else listed


def _but(condition: Document, done: Sequence[Document]) -> Document:
    return filters.every([condition, {"$nor": list(done)}]) if done else condition


def _holding(sense: Sense, least: int) -> Document:
    """Select events with a term that does at least so well for a word, by index if it can be."""
    terms = _terms(sense, least)
    if len(terms) > MOST_MERGED or (sense.wide and _patterns(sense, least)):
        return _compared(terms)
    return {"terms": {"$in": terms}}


def _compared(terms: Sequence[Any]) -> Document:
    """Select events with one of some terms, in a form that no index is tried for."""
    return {"$nor": [{"terms": {"$nin": list(terms)}}]}


def _terms(sense: Sense, least: int) -> list[Any]:
    weights = {**sense.typos, **sense.sound} if least < LEAST_SOUND else sense.sound
    terms = [term for term, weight in weights.items() if weight >= least]
    return [*terms, *(_patterns(sense, least) if sense.wide else ())]


def _patterns(sense: Sense, least: int) -> list[re.Pattern[str]]:
    word = re.escape(sense.word)
    return [
        re.compile(f"^{spot}:{middle}{word}")
        for kind, middle in ((Kind.PREFIX, ""), (Kind.INFIX, ".*"))
        for spot in sense.spots
        if spot in TEXT_SPOTS and WEIGHTS[kind][spot] >= least
    ]
