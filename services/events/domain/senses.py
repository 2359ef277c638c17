"""What a wished word may stand for among the words that are stored, and how well each would do.

A term is a word with the spot where it stands: ``t:`` title, ``n:`` place, ``c:`` city; ``g:`` is a
tag's name as a whole.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from services.events.domain import likeness
from services.events.domain.likeness import Kind
from services.events.domain.meanings import CITIES_BY_WORD, TAGS_BY_WORD

WEIGHTS: Final[Mapping[Kind, Mapping[str, int]]] = {
    Kind.EXACT: {"t": 20, "n": 18, "c": 17, "g": 11},
    Kind.INFLECTED: {"t": 16, "n": 15, "c": 14, "g": 10},
    Kind.PREFIX: {"t": 13, "n": 12, "c": 12, "g": 8},
    Kind.INFIX: {"t": 7, "n": 6, "c": 6},
    Kind.TYPO: {"t": 5, "n": 4, "c": 4, "g": 3},
    Kind.TWO_TYPOS: {"t": 2, "n": 1, "c": 1, "g": 1},
}
LEAST_SOUND: Final = 6
TEXT_SPOTS: Final = "tnc"


def _lexicon() -> dict[str, tuple[str, ...]]:
    """Return the terms that a word means by itself: tags and cities in other languages."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for word, tags in TAGS_BY_WORD.items():
        found[word] += [f"g:{tag}" for tag in tags]
    for word, names in CITIES_BY_WORD.items():
        found[word] += [f"c:{name}" for name in names]
    return {word: tuple(terms) for word, terms in found.items()}


LEXICON: Final = _lexicon()
LEXICON_ORDER: Final = sorted(LEXICON)


def _by_remainder() -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for word in LEXICON:
        for rest in likeness.remainders(word):
            found[rest].append(word)
    return dict(found)


LEXICON_BY_REMAINDER: Final = _by_remainder()


@dataclass
class Sense:
    """One wished word.

    Args:
        word: folded.
        spots: where it may stand.
        sound: weights of stored terms that hold it, or that it means.
        typos: weights of stored terms that it may be a typo of.
        wide: so many stored words hold it that they are not listed.
        events: in about how many events they are, at most.
    """

    word: str
    spots: str
    sound: dict[str, int] = field(default_factory=dict)
    typos: dict[str, int] = field(default_factory=dict)
    wide: bool = False
    events: int = 0

    @cached_property
    def meant(self) -> dict[str, Kind]:
        """Terms of tags and cities that the word means by itself, or begins to."""
        root, found = likeness.stem(self.word), dict[str, Kind]()
        for known in LEXICON_ORDER[bisect_left(LEXICON_ORDER, root) :]:
            if not known.startswith(root):
                break
            _better(found, LEXICON[known], likeness.kind(self.word, known))
        return found

    @cached_property
    def meant_by_typo(self) -> dict[str, Kind]:
        """Terms of tags and cities that the word means but for typos."""
        found = dict[str, Kind]()
        known = {one for rest in self.remainders() for one in LEXICON_BY_REMAINDER.get(rest, ())}
        for word in known:
            _better(found, LEXICON[word], likeness.typo_kind(self.word, word, self.forgiven))
        return found

    @property
    def forgiven(self) -> int:
        """How many typos are forgiven: more where nothing stored is like the word."""
        return likeness.typos_forgiven(self.word, lost=not (self.sound or self.wide))

    def remainders(self) -> set[str]:
        """Return what the word shares with those that it may be a typo of."""
        return likeness.remainders(self.word, self.forgiven) if self.forgiven else set()

    def take(self, stored: str, spots: Iterable[str], events: int) -> None:
        """Take a stored word or tag, if it holds the wished one or is what that means."""
        kind = likeness.kind(self.word, stored)
        if self._note(self.sound, stored, spots, kind, self.meant):
            self.events += events

    def forgive(self, stored: str, spots: Iterable[str], events: int) -> None:
        """Take a stored word or tag, if the wished one may be a typo of it."""
        kind = likeness.typo_kind(self.word, stored, self.forgiven)
        if self._note(self.typos, stored, spots, kind, self.meant_by_typo):
            self.events += events

    def weight(self, term: str) -> int:
        """Return how well a term that holds the word does; 0 for not at all."""
        found = self.sound.get(term, 0)
        if found or not self.wide or term[0] not in self.spots or term[0] not in TEXT_SPOTS:
            return found
        kind = likeness.kind(self.word, term[2:])
        return 0 if kind is None else WEIGHTS[kind][term[0]]

    def best(self, terms: Sequence[str]) -> int:
        """Return how well the best of an event's terms does, typos not counted."""
        return max((self.weight(term) for term in terms), default=0)

    def best_typo(self, terms: Sequence[str]) -> int:
        """Return how well the best of an event's terms does as what was meant by a typo."""
        return max((self.typos.get(term, 0) for term in terms), default=0)

    def _note(
        self,
        into: dict[str, int],
        stored: str,
        spots: Iterable[str],
        kind: Kind | None,
        meant: Mapping[str, Kind],
    ) -> bool:
        found = False
        for spot in spots:
            term = f"{spot}:{stored}"
            told = max(kind if spot in TEXT_SPOTS and kind else 0, meant.get(term, 0))
            weight = WEIGHTS[Kind(told)].get(spot, 0) if told and spot in self.spots else 0
            if weight and term not in self.sound:
                into[term] = weight
                found = True
        return found


def _better(found: dict[str, Kind], terms: Iterable[str], kind: Kind | None) -> None:
    if kind is not None:
        found |= {term: max(kind, found.get(term, kind)) for term in terms}
