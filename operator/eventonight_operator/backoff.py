"""How long to leave a system alone that failed: 2 s, doubling to a minute, never in step."""

import random
from collections.abc import Callable

FIRST_SECONDS = 2.0
LONGEST_SECONDS = 60.0
LEAST_SHARE = 0.85


def pause(failures: int, dice: Callable[[], float] = random.random) -> float:
    """Return the seconds to wait after so many failures in a row, 0 after none.

    The jitter only shortens, by at most 15 %, so that no wait exceeds a minute and a system that
    is away is asked at most 12 times in 5 minutes.
    """
    if failures <= 0:
        return 0.0
    whole = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures - 1, 10))
    return whole * (LEAST_SHARE + (1 - LEAST_SHARE) * dice())
