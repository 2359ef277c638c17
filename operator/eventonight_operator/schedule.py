"""When each system is looked at next: at its interval, sooner when woken, later when it fails."""

import math
from collections.abc import Callable, Iterable

import msgspec

from eventonight_operator import backoff
from eventonight_operator.reconcile import Outcome

SOON_SECONDS = 3.0
# States that pass within seconds, so that a whole interval would be long.
PASSING_SOON = frozenset({"ScalingInProgress", "NoPrimary", "MemberNotSynced"})


class Turn(msgspec.Struct):
    """When a system is due, how often it failed in a row, and if it was woken since it began."""

    due: float = -math.inf
    failures: int = 0
    woken: bool = False


class Schedule:
    """The turns of a resource's systems.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._turns: dict[str, Turn] = {}

    def due(self, name: str) -> bool:
        """Tell whether a system is to be looked at now."""
        return self._clock() >= self._turn(name).due

    def begin(self, name: str) -> None:
        """Note that a look begins: what wakes the system from now on asks for another."""
        self._turn(name).woken = False

    def wake(self, names: Iterable[str]) -> None:
        """Look at systems at once, those apart that are left alone because they failed."""
        for name in names:
            turn = self._turn(name)
            turn.woken = True
            if not turn.failures:
                turn.due = -math.inf

    def reset(self) -> None:
        """Look at every system at once: what they failed on may have been mended."""
        for turn in self._turns.values():
            turn.due, turn.failures, turn.woken = -math.inf, 0, True

    def note(self, outcome: Outcome, interval: float) -> None:
        """Set a system's next turn after an attempt."""
        turn = self._turn(outcome.system)
        unfinished = any(one.doable for one in outcome.left)
        turn.failures = turn.failures + 1 if outcome.fault or unfinished else 0
        if turn.woken and not turn.failures:
            turn.due = -math.inf
        else:
            turn.due = self._clock() + (backoff.pause(turn.failures) or _usual(outcome, interval))

    def _turn(self, name: str) -> Turn:
        return self._turns.setdefault(name, Turn())

    def next_in(self, names: Iterable[str]) -> float:
        """Return the seconds until the first of these systems is due."""
        turns = [self._turn(name).due for name in names]
        return max(0.0, min(turns, default=math.inf) - self._clock())


def _usual(outcome: Outcome, interval: float) -> float:
    waiting = any(one.verb == "waiting" for one in outcome.left)
    standing = outcome.standing.reason if outcome.standing else "AllReady"
    return min(SOON_SECONDS, interval) if waiting or standing in PASSING_SOON else interval
