"""Limits and offsets, in the page shapes of the contract."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from services.contracts.errors import InvalidError

T = TypeVar("T")

MAX_OFFSET = 1_000_000
MOST_DIGITS = 12


class Window(msgspec.Struct, frozen=True):
    """Which part of a list is asked for."""

    limit: int
    offset: int


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list, whether more follows, and from where, in the words of its storage."""

    items: Sequence[T]
    window: Window
    has_more: bool
    position: bytes = b""


def window(limit: str | None, offset: str | None, *, default: int, maximum: int) -> Window:
    """Return the window that a query names; a limit above the maximum is clamped.

    Raises:
        InvalidError: not whole numbers, a limit below 1 or an offset below 0.
    """
    return Window(
        limit=min(_whole("limit", limit, default, least=1), maximum),
        offset=_whole("offset", offset, 0, least=0),
    )


def cut(found: Sequence[T], asked: Window) -> Page[T]:
    """Return the page of rows that were read with ``limit + 1``."""
    return Page(found[: asked.limit], asked, len(found) > asked.limit)


def _whole(name: str, text: str | None, default: int, *, least: int) -> int:
    if text is None or text == "":
        return default
    plain = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    number = int(text) if plain else least - 1
    if not least <= number <= MAX_OFFSET:
        raise InvalidError(
            f"{name}: expected a whole number from {least} to {MAX_OFFSET}", field=name
        )
    return number
