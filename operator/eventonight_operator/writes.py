"""Every write outside passes here: counted, fenced off when another replica may lead."""

import os
import signal
from collections.abc import Callable, Mapping

from eventonight_operator import metrics

CRASH_VARIABLE = "EVENTONIGHT_CRASH_AT"


class Gate:
    """Lets writes through, one by one.

    Args:
        environ: ``EVENTONIGHT_CRASH_AT`` in it is the number of the write, from 1, before which
            the process kills itself: how tests try every place a crash can happen at.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._crash_at = int(environ.get(CRASH_VARIABLE) or 0)
        self._fence: Callable[[], None] = _open
        self.written = 0

    def guard(self, fence: Callable[[], None]) -> None:
        """Ask this before every write from now on; it raises to refuse."""
        self._fence = fence

    def permit(self, system: str) -> None:
        """Let one write through, or raise what the fence raises."""
        self._fence()
        self.written += 1
        metrics.WRITES.labels(system).inc()
        if self.written == self._crash_at:
            os.kill(os.getpid(), signal.SIGKILL)


def _open() -> None:
    return


GATE = Gate()
permit = GATE.permit
