"""Receipts of deleted accounts: what each service removed or kept, and who has yet to say.

A receipt names nobody. Whoever deleted the account got its unguessable id, and it ends by itself.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from services.contracts.errors import InvalidError, NotFoundError
from services.contracts.events import Kept, UserErased
from services.kit.clock import Clock, utc_now
from services.kit.departed import mark

VALID = timedelta(days=90)
MOST_KINDS = 50


class Report(msgspec.Struct, frozen=True):
    """What one service removed, by kind, and what it kept."""

    service: str
    reported_at: datetime
    removed: dict[str, int]
    kept: list[Kept]


class Receipt(msgspec.Struct, frozen=True):
    """A receipt; ``subject`` is the mark of who it is about."""

    id: str
    subject: str
    requested_at: datetime
    expires_at: datetime
    expected: Sequence[str]
    reports: Sequence[Report] = ()

    @property
    def waiting_for(self) -> list[str]:
        """The services that have not reported."""
        told = {report.service for report in self.reports}
        return [name for name in self.expected if name not in told]


class StoredReceipts(Protocol):
    """The stored receipts."""

    async def insert(self, receipt: Receipt) -> None:
        """Store a new one."""
        ...

    async def get(self, receipt_id: str) -> Receipt | None:
        """Return one, ``None`` where there is none."""
        ...

    async def add(self, subject: str, report: Report) -> None:
        """Add the first report of an expected service."""
        ...


class Receipts:
    """The use cases, on ports.

    Args:
        stored: where they are kept.
        expected: the services that will report.
    """

    def __init__(
        self, stored: StoredReceipts, expected: Sequence[str], *, clock: Clock = utc_now
    ) -> None:
        self._stored = stored
        self._expected = expected
        self._clock = clock

    async def open(self, user_id: str) -> str:
        """Begin the receipt of a user who leaves, in the caller's transaction; return its id."""
        now = self._clock()
        receipt = Receipt(
            id=secrets.token_urlsafe(24),
            subject=mark(user_id),
            requested_at=now,
            expires_at=now + VALID,
            expected=self._expected,
        )
        await self._stored.insert(receipt)
        return receipt.id

    async def collect(self, erased: UserErased) -> None:
        """Add what a service reports; its first word stands.

        Raises:
            InvalidError: it reports more kinds than any service has.
        """
        if len(erased.removed) + len(erased.kept) > MOST_KINDS:
            raise InvalidError(f"removed: at most {MOST_KINDS} kinds", field="removed")
        report = Report(erased.service, self._clock(), erased.removed, erased.kept)
        await self._stored.add(mark(erased.user_id), report)

    async def get(self, receipt_id: str) -> Receipt:
        """Return a receipt.

        Raises:
            NotFoundError: there is none, or no longer.
        """
        found = await self._stored.get(receipt_id)
        if found is None or found.expires_at <= self._clock():
            raise NotFoundError("no such receipt, or no longer")
        return found
