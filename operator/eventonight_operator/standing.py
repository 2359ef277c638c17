"""How an outside system fares, whether or not anything differs from the resource."""

import msgspec

from eventonight_operator.spec.status import Reason


class Standing(msgspec.Struct, frozen=True):
    """How an outside system fares.

    Args:
        ready: how many of its parts work.
        wanted: how many there should be.
        reason: ``AllReady``, or what is wrong.
        message: for people.
        working: whether it does its work all the same.
        parts: name, working and wished number of each part that is counted on its own.
    """

    ready: int = 0
    wanted: int = 0
    reason: Reason = "AllReady"
    message: str = ""
    working: bool = True
    parts: tuple[tuple[str, int, int], ...] = ()
