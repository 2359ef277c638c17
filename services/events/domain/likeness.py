"""How like two words are: the same, one a part of the other, or the same but for a typo or two.

A stored word is found by its endings (a part of a word is the beginning of one of them) and by what
is left of it when letters are deleted: words that differ by a typo share such a remainder. Sharing
one is not enough, so the distance is counted before a word is taken.
"""

from enum import IntEnum
from itertools import combinations
from typing import Final

TYPO_PREFIX: Final = 8
ONE_TYPO_FROM, TWO_TYPOS_FROM = 4, 8
# Where a word is like nothing that is stored, more is forgiven.
LOST_ONE_FROM, LOST_TWO_FROM = 3, 6
MOST_TYPOS: Final = 2
INFLECTED_FROM: Final = 5


class Kind(IntEnum):
    """How a wished word and a stored one are alike, the better the greater."""

    TWO_TYPOS = 1
    TYPO = 2
    INFIX = 3
    PREFIX = 4
    INFLECTED = 5
    EXACT = 6


def endings(word: str) -> list[str]:
    """Return the endings of a word, itself not among them."""
    return [word[start:] for start in range(1, len(word))]


def remainders(word: str, most: int = MOST_TYPOS) -> set[str]:
    """Return the beginning of a word with up to so many letters deleted."""
    head = word[:TYPO_PREFIX]
    kept = range(max(len(head) - most, 1), len(head) + 1)
    return {"".join(letters) for count in kept for letters in combinations(head, count)}


def typos_forgiven(word: str, *, lost: bool) -> int:
    """Return how many typos a wished word may have; figures are never mistyped."""
    if any(one.isdigit() for one in word):
        return 0
    one, two = (LOST_ONE_FROM, LOST_TWO_FROM) if lost else (ONE_TYPO_FROM, TWO_TYPOS_FROM)
    return (len(word) >= one) + (len(word) >= two)


def stem(word: str) -> str:
    """Return what the forms of a word have in common: concert of concerto and concerti."""
    return word[:-1] if len(word) >= INFLECTED_FROM and word.isalpha() else word


def kind(wished: str, stored: str) -> Kind | None:
    """Return how a stored word holds a wished one, ``None`` if only a typo can explain it."""
    if stored == wished:
        return Kind.EXACT
    if _inflected(wished, stored):
        return Kind.INFLECTED
    if stored.startswith(wished):
        return Kind.PREFIX
    return Kind.INFIX if wished in stored else None


def _inflected(wished: str, stored: str) -> bool:
    root = stem(wished)
    if root == wished or not stored.startswith(root):
        return False
    return len(stored) <= len(wished) or (
        stored.startswith(wished) and len(stored) == len(wished) + 1
    )


def distance(one: str, other: str, most: int) -> int:
    """Return how many letters to add, drop, change or swap with the next turn one into the other.

    Returns:
        ``most + 1`` for anything above ``most``.
    """
    one, other = _core(one, other)
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        oldest, before, row = before, row, [i]
        for j, right in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                cost = min(cost, oldest[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def _core(one: str, other: str) -> tuple[str, str]:
    """Return two words without the beginning and the end that they share."""
    start, shorter = 0, min(len(one), len(other))
    while start < shorter and one[start] == other[start]:
        start += 1
    end = 0
    while end < shorter - start and one[-1 - end] == other[-1 - end]:
        end += 1
    return one[start : len(one) - end], other[start : len(other) - end]


def typo_kind(wished: str, stored: str, most: int) -> Kind | None:
    """Return the kind of a stored word that a wished one may be a typo of."""
    found = distance(wished, stored, most)
    return None if found > most else Kind.TYPO if found <= 1 else Kind.TWO_TYPOS
