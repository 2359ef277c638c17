"""How well an event answers the words of a search, as one number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.events.domain.likeness import Kind
from services.events.domain.meanings import QUIET
from services.events.domain.senses import WEIGHTS, Sense

PHRASE, WHOLE_TITLE = 8, 6
WELCOME_SHARE: Final = 4
BEGINNING: Final = WEIGHTS[Kind.PREFIX]["c"]
SAME_WORD: Final = WEIGHTS[Kind.INFLECTED]["c"]
# Up to so many events a word counts as rare, and weighs more than its neighbours.
RARE, UNCOMMON = 30, 600


def rarity(count: int) -> int:
    """Return how much a word weighs that so many events have."""
    return 3 if count <= RARE else 2 if count <= UNCOMMON else 1


@dataclass(frozen=True)
class Wish:
    """The words of a search.

    Args:
        needed: an event must have all of them.
        welcome: small words, which only make an event better.
        rarities: of the needed, in their order.
    """

    needed: Sequence[Sense]
    welcome: Sequence[Sense] = ()
    rarities: Sequence[int] = ()

    def score(self, terms: Sequence[str], *, typos: bool) -> int | None:
        """Return an event's score, ``None`` if a needed word is missing.

        Args:
            terms: the event's.
            typos: score what is found by typos only; ``None`` then also for what needs none.
        """
        sound = [sense.best(terms) for sense in self.needed]
        if typos == all(sound):
            return None
        each = [
            found or (sense.best_typo(terms) if typos else 0)
            for found, sense in zip(sound, self.needed, strict=True)
        ]
        if not all(each):
            return None
        total = sum(one * rare for one, rare in zip(each, self.rarities, strict=True))
        return total + self._besides(terms) + self._title(terms)

    def _besides(self, terms: Sequence[str]) -> int:
        """Return what the small words add, of which the last may still be being typed."""
        found = [sense.best(terms) for sense in self.welcome]
        return sum(one // WELCOME_SHARE for one in found if one >= BEGINNING)

    def _title(self, terms: Sequence[str]) -> int:
        title = [term[2:] for term in terms if term.startswith("t:")]
        telling = [word for word in title if word not in QUIET] or title
        wished = [sense.word for sense in self.needed]
        bonus = PHRASE if len(wished) > 1 and " ".join(wished) in " ".join(telling) else 0
        whole = telling and all(self._says(f"t:{word}") for word in telling)
        return bonus + (WHOLE_TITLE if whole else 0)

    def _says(self, term: str) -> bool:
        return any(sense.weight(term) >= SAME_WORD for sense in self.needed)
