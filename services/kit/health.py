"""Health: alive is the process, ready is everything it needs by name, serving is what may come."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from services.kit import metrics

Check = Callable[[], Awaitable[object]]

CHECK_SECONDS = 2.0
FRESH_SECONDS = 0.5


class Health:
    """Asks the dependencies of one service, at most once per half second.

    Args:
        service: label of the measures.
        checks: a coroutine function per dependency that raises when it is not usable.
    """

    def __init__(self, service: str, checks: Mapping[str, Check]) -> None:
        self._service = service
        self._checks = dict(checks)
        self._lock = asyncio.Lock()
        self._verdict: dict[str, str | None] = {}
        self._checked_at = float("-inf")
        self._joined = False
        self.prepared = False
        self.draining = False

    @property
    def standing(self) -> str:
        """What the process itself says: ``starting`` until it is prepared, ``draining`` at last."""
        if self.draining:
            return "draining"
        return "OK" if self.prepared else "starting"

    async def serving(self) -> bool:
        """Tell whether requests should come to this process.

        Everything it needs has to have answered once, so that a wrong setting stops a rollout. What
        is away later is away for all replicas: to take them all out would make of a part's absence
        the absence of the whole. It is asked for all the same, as alerts are about its measure.
        """
        away = any((await self.dependencies()).values())
        if self.standing == "OK" and not away:
            self._joined = True
        return self._joined and not self.draining

    async def dependencies(self) -> dict[str, str | None]:
        """Return per dependency ``None`` when it answers, else why not."""
        async with self._lock:
            if time.monotonic() - self._checked_at > FRESH_SECONDS:
                names = list(self._checks)
                errors = await asyncio.gather(*(self._ask(name) for name in names))
                self._verdict = dict(zip(names, errors, strict=True))
                self._checked_at = time.monotonic()
            return self._verdict

    async def _ask(self, name: str) -> str | None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self._checks[name]()
        except TimeoutError:
            error: str | None = f"no answer within {CHECK_SECONDS:g} s"
        except Exception as failure:  # noqa: BLE001 - whatever a dependency raises, it is not usable
            error = f"{type(failure).__name__}: {failure}"[:200]
        else:
            error = None
        metrics.DEPENDENCY_UP.labels(self._service, name).set(error is None)
        return error
