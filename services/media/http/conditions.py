"""What a request's headers ask for: a picture unless it is known, a part of it, a form of it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from services.kit.clock import parse_instant
from services.media.application.ports import Facts, Span
from services.media.domain import Form

_TAG = re.compile(r'(?:W/)?"([^"]*)"')
_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The headers that matter, empty where absent."""

    if_none_match: str = ""
    if_modified_since: str = ""
    if_range: str = ""
    range: str = ""


@dataclass(frozen=True)
class Verdict:
    """How to answer: 200, 206 with a span of bytes, 304 or 416."""

    status: HTTPStatus
    span: Span | None = None


def judge(asked: Asked, found: Facts, *, is_default: bool) -> Verdict:
    """Return how to answer a request for a picture.

    Args:
        asked: its headers.
        found: the picture.
        is_default: it stands in for one that may have been there before, and later than this one
            was stored, so a date says nothing unless it is this one's own.
    """
    if _is_known(asked, found, is_default=is_default):
        return Verdict(HTTPStatus.NOT_MODIFIED)
    if asked.range and _is_same(asked.if_range, found):
        return _part(asked.range, found.size)
    return Verdict(HTTPStatus.OK)


def _is_known(asked: Asked, found: Facts, *, is_default: bool) -> bool:
    if asked.if_none_match:
        known = _TAG.findall(asked.if_none_match)
        return asked.if_none_match.strip() == "*" or found.etag in known
    since = _date(asked.if_modified_since)
    if since is None:
        return False
    modified = found.modified.replace(microsecond=0)
    return modified == since if is_default else modified <= since


def _is_same(if_range: str, found: Facts) -> bool:
    if not if_range:
        return True
    if '"' in if_range:
        return if_range.strip() == f'"{found.etag}"'
    return _date(if_range) == found.modified.replace(microsecond=0)


def _part(wanted: str, size: int) -> Verdict:
    """Return the verdict on a range; one that cannot be read, or several, are no range."""
    match = _RANGE.fullmatch(wanted)
    if match is None or match.groups() == ("", ""):
        return Verdict(HTTPStatus.OK)
    first, last = match.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), size if not last else min(int(last) + 1, size)
        if last and int(last) < int(first):
            return Verdict(HTTPStatus.OK)
    if start >= end:
        return Verdict(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    return Verdict(HTTPStatus.PARTIAL_CONTENT, (start, end))


def _date(text: str) -> datetime | None:
    try:
        return parse_instant(parsedate_to_datetime(text).isoformat()) if text else None
    except (ValueError, OverflowError):
        return None


def form(accept: str) -> Form:
    """Return the form of a sized picture that suits a client best.

    AVIF has to be named: clients that accept anything at all often cannot show it.
    """
    wishes = dict(_wishes(accept.split(","))) or {"*/*": 1.0}
    anything = wishes.get("image/*", wishes.get("*/*", 0.0))
    plain = max(wishes.get("image/jpeg", anything), wishes.get("image/png", anything))
    offers = (
        (wishes.get("image/avif", 0.0), Form.AVIF),
        (wishes.get("image/webp", anything), Form.WEBP),
        (plain, Form.PLAIN),
    )
    best, chosen = max(offers, key=lambda offer: offer[0])
    return chosen if best > 0 else Form.PLAIN


def _wishes(parts: Iterable[str]) -> Iterable[tuple[str, float]]:
    for part in parts:
        name, *parameters = (one.strip().lower() for one in part.split(";"))
        weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        if name:
            yield name, float(weight) if re.fullmatch(r"[01](\.\d{0,3})?", weight) else 0.0
