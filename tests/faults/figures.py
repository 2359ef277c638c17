"""What was measured, printed at the end of the run."""

import statistics
from collections import defaultdict

_measured: defaultdict[str, list[float]] = defaultdict(list)
_notes: list[str] = []


def measure(what: str, seconds: float) -> None:
    """Keep one measurement."""
    _measured[what].append(seconds)


def note(words: str) -> None:
    """Keep a line that is not a time."""
    _notes.append(words)


def lines() -> list[str]:
    """Return every measurement's count, least, median and most, then the notes."""
    found = []
    for what, values in sorted(_measured.items()):
        least, middle, most = min(values), statistics.median(values), max(values)
        spread = f"least {least:6.2f} s  median {middle:6.2f} s  most {most:6.2f} s"
        found.append(f"{what:<58} n={len(values):<3} {spread}")
    return [*found, *_notes]
