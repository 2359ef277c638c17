"""What the service asks of a bench, and what it is told; both travel as MessagePack."""

from typing import Final

import msgspec

from services.media.domain import Form

LENGTH: Final = 8  # bytes of the number before every message


class Clean(msgspec.Struct, frozen=True, tag="clean"):
    """Judge an uploaded file and strip it of all but pixels and colour."""

    content: bytes


class Size(msgspec.Struct, frozen=True, tag="size"):
    """Make a sized form of a stored picture; never wider than it is."""

    content: bytes
    width: int
    form: Form


class Done(msgspec.Struct, frozen=True, tag="done"):
    """A picture's bytes and their type."""

    content: bytes
    media_type: str


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The picture is not taken; the words are for its sender."""

    reason: str


class AsItIs(msgspec.Struct, frozen=True, tag="as-it-is"):
    """The picture moves, so there are no sized forms of it."""


Task = Clean | Size
Outcome = Done | Refused | AsItIs
