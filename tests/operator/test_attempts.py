"""What an attempt makes of credentials that change while it is under way."""

from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

from eventonight_operator.attempts import Attempts
from eventonight_operator.plan import Action, Objects
from eventonight_operator.standing import Standing


class Idle:
    """A system that is as it should be."""

    name = "x"

    async def desired(self) -> Objects:
        return {}

    observe = desired

    def plan(self, *_: object) -> list[Action]:
        return []

    def claims(self) -> frozenset[str]:
        return frozenset()

    def foreign(self, *_: object) -> frozenset[str]:
        return frozenset()

    def root(self, _: Action) -> None:
        return None

    def standing(self, _: Objects) -> Standing:
        return Standing()


class NoLedger:
    async def entries(self) -> frozenset[str]:
        return frozenset()


async def test_credentials_that_change_amid_an_attempt_are_no_drift_either() -> None:
    # As read before and after each of four attempts: they change within the second.
    marks = iter(["old", "old", "old", "new", "new", "new", "new", "new"])

    async def mark() -> str:
        return next(marks)

    policies = SimpleNamespace(adoption_policy="Always")
    resource = SimpleNamespace(spec=SimpleNamespace(reconciliation=policies))
    now: Any = SimpleNamespace(resource=resource, credentials=None, credentials_mark=mark)
    system: Any = Idle()
    books: Any = NoLedger()
    attempts = Attempts(lambda: 0.0, AsyncMock())
    fresh = [(await attempts._tried(system, now, books, reporting=False))[1] for _ in range(4)]
    assert fresh == [False, True, True, False]
