"""Turns between things to compare, so that what the machine does meanwhile falls on all alike."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

T = TypeVar("T")

ROUNDS = 7


async def interleaved(
    sides: Mapping[str, Callable[[], Awaitable[T]]], rounds: int = ROUNDS
) -> dict[str, list[T]]:
    """Measure each side in turn, so many rounds after one that does not count.

    Returns:
        per side what it measured in each round, in order.
    """
    found: dict[str, list[T]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, side in sides.items():
            measured = await side()
            if turn:
                found[name].append(measured)
    return found
