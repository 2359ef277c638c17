"""Time as one port, and the only date texts that existing clients can read.

Clients revive ``YYYY-MM-DDTHH:MM:SS[.mmm][Z]``: never microseconds, never an offset.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]

_LOCAL = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?", re.ASCII)


def utc_now() -> datetime:
    """Return the present instant in UTC, cut to milliseconds as databases keep it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def instant_text(moment: datetime) -> str:
    """Return an instant as ``YYYY-MM-DDTHH:MM:SS[.mmm]Z``; naive input counts as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return local_text(aware.astimezone(UTC).replace(tzinfo=None)) + "Z"


def local_text(moment: datetime) -> str:
    """Return a date-time without zone as ``YYYY-MM-DDTHH:MM:SS[.mmm]``."""
    naive = moment.replace(tzinfo=None)
    spec = "milliseconds" if naive.microsecond // 1000 else "seconds"
    return naive.isoformat(timespec=spec)


def parse_instant(text: str) -> datetime:
    """Return the UTC instant of an ISO 8601 text; without zone it counts as UTC.

    Raises:
        ValueError: not an ISO 8601 date-time of the years 1 to 9999.
    """
    moment = datetime.fromisoformat(text)
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("expected a year from 1 to 9999") from error


def parse_local(text: str) -> datetime:
    """Return the naive date-time of ``YYYY-MM-DDTHH:MM[:SS[.mmm]]``.

    Raises:
        ValueError: any other form, one with a zone among them.
    """
    if not _LOCAL.fullmatch(text):
        raise ValueError("expected YYYY-MM-DDTHH:MM:SS without a zone")
    return datetime.fromisoformat(text)
