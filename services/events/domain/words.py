"""The words that an event is found by, whatever the case, the accents and a typo or two.

A word is indexed by its suffixes (a substring is the beginning of one) and by what is left when
letters are deleted: two words that differ by a typo share such a remainder (symmetric deletion).
"""

import unicodedata
from itertools import combinations
from typing import Final

MAX_WORDS: Final = 40
MAX_WORD: Final = 40
MAX_QUERY_WORDS: Final = 8
ONE_TYPO_FROM: Final = 4
TWO_TYPOS_FROM: Final = 9
TWO_TYPOS_TO: Final = 20  # beyond, pairs of letters are too many to leave out


def folded(text: str) -> str:
    """Return a text without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in decomposed if not unicodedata.combining(one))


def words(text: str | None, limit: int = MAX_WORDS) -> list[str]:
    """Return the folded words of a text, once each, at most so many, each cut to a bound."""
    spaced = "".join(one if one.isalnum() else " " for one in folded(text or ""))
    return list(dict.fromkeys(word[:MAX_WORD] for word in spaced.split()))[:limit]


def suffixes(word: str) -> list[str]:
    """Return the endings of a word, itself first, down to two letters."""
    return [word, *(word[start:] for start in range(1, len(word) - 1))]


def remainders(word: str) -> set[str]:
    """Return a word with up to as many letters deleted as typos are forgiven in it."""
    if len(word) < ONE_TYPO_FROM:
        return set()
    allowed = 2 if TWO_TYPOS_FROM <= len(word) <= TWO_TYPOS_TO else 1
    places = range(len(word))
    return {
        "".join(letter for place, letter in enumerate(word) if place not in gone)
        for count in range(allowed + 1)
        for gone in combinations(places, count)
    }
