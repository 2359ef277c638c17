"""Texts as words, whatever the case, the accents and the signs between them."""

import re
import unicodedata
from typing import Final

MAX_WORDS: Final = 100
MAX_WORD: Final = 40
MAX_QUERY_WORDS: Final = 8
SHORT: Final = 2
# Letters that Unicode does not take apart into a letter and an accent.
WHOLE_LETTERS: Final = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    }
)
RUN: Final = re.compile(r"[^\W_]+")


def folded(text: str) -> str:
    """Return a text without case and accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold()).translate(WHOLE_LETTERS)
    return "".join(one for one in decomposed if not unicodedata.combining(one))


def words(text: str | None, limit: int = MAX_WORDS) -> list[str]:
    """Return the folded words of a text, once each, at most so many, each cut to a bound."""
    runs = (run[:MAX_WORD] for run in RUN.findall(folded(text or "")))
    return list(dict.fromkeys(runs))[:limit]


def wished(text: str, limit: int) -> list[str]:
    """Return the words that a query asks for; R&B and the like are one."""
    found: list[str] = []
    for chunk in folded(text).split():
        runs = [run[:MAX_WORD] for run in RUN.findall(chunk)]
        together = "".join(runs)
        short = len(runs) > 1 and max(map(len, runs)) <= SHORT and len(together) <= MAX_WORD
        found += [together] if short else runs
    return list(dict.fromkeys(found))[:limit]


def joined(text: str | None) -> list[str]:
    """Return what words become without the signs inside them: rocknroll of Rock'n'Roll."""
    chunks = (RUN.findall(chunk) for chunk in folded(text or "").split()[:MAX_WORDS])
    together = ("".join(runs) for runs in chunks if len(runs) > 1)
    return [word for word in dict.fromkeys(together) if len(word) <= MAX_WORD]
