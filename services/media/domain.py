"""Where pictures live, which are let in and in which sizes they are shown; no I/O."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

from services.contracts.errors import InvalidError, NotFoundError

KINDS: Final = ("users", "events")
DEFAULTS: Final = ("default.png", "events/default.png", "users/default.png")
MAX_BYTES: Final = 5_000_000
MAX_PIXELS: Final = 40_000_000
MAX_SIDE: Final = 16_383  # what the narrowest of the formats, WebP, can hold
MAX_FRAMES: Final = 300
MAX_MOVING_PIXELS: Final = 120_000_000
FORMATS: Final = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
}
WIDTHS: Final = (320, 640, 1280)
MAX_PATH: Final = 512
# Kept beside the pictures and never shown by their keys.
VARIANTS: Final = "variants"
DEPARTED: Final = "departed"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_SEGMENT = re.compile(r"[^\x00-\x1f\x7f-\x9f\\/]+")


class Form(StrEnum):
    """How a sized picture is encoded; plain is JPEG, or PNG for what is see-through."""

    AVIF = "avif"
    WEBP = "webp"
    PLAIN = "plain"


@dataclass(frozen=True)
class Owner:
    """Whom pictures belong to: a user or an event."""

    kind: str
    id: str

    @property
    def prefix(self) -> str:
        """The part of keys that all of them share."""
        return f"{self.kind}/{self.id}/"

    @property
    def variants(self) -> str:
        """The part of keys that the sized forms of all of them share."""
        return f"{VARIANTS}/{self.prefix}"

    @property
    def farewell(self) -> str:
        """The key of what is remembered once they are gone; it does not tell who they were."""
        return f"{DEPARTED}/{self.kind}/{hashlib.sha256(self.id.encode()).hexdigest()}"


def owner(kind: str, entity_id: str) -> Owner:
    """Return a checked owner.

    Raises:
        InvalidError: an unknown kind or not an id.
    """
    if kind not in KINDS:
        raise InvalidError(f"type: expected one of {', '.join(KINDS)}", field="type")
    if not _ID.fullmatch(entity_id) or f"{kind}/{entity_id}" in DEFAULTS:
        raise InvalidError("entityId: expected letters, digits, '-' or '_'", field="entityId")
    return Owner(kind, entity_id)


def key(belongs_to: Owner, file_name: str) -> str:
    """Return the key of a file; its name is reduced to safe characters."""
    bare = file_name.replace("\\", "/").rpartition("/")[2]
    safe = _UNSAFE.sub("_", bare).lstrip(".")[-100:]
    if not safe:
        raise InvalidError("file: expected a file name", field="file")
    return belongs_to.prefix + safe


def variant(original: str, etag: str, width: int, form: Form) -> str:
    """Return the key of a sized form of one version of a picture."""
    return f"{VARIANTS}/{original}/{etag}/{width}.{form}"


def readable(path: str) -> str:
    """Return the key of a requested path.

    Raises:
        NotFoundError: the path cannot be a key, or is one that is not shown.
    """
    wanted = unquote(path).strip("/")
    segments = wanted.split("/")
    plain = all(_SEGMENT.fullmatch(one) and one not in {".", ".."} for one in segments)
    if not plain or len(wanted) > MAX_PATH or segments[0] in {VARIANTS, DEPARTED}:
        raise NotFoundError("no such picture")
    return wanted


def fallback(wanted: str) -> str:
    """Return the key of the default picture for a missing one."""
    first = wanted.partition("/")[0]
    return f"{first}/default.png" if first in KINDS else "default.png"


def check(width: int, height: int, frames: int) -> None:
    """Check a picture's size as its header tells it, before any pixel is decoded.

    Raises:
        InvalidError: says what is too much and what the limit is.
    """
    pixels = width * height
    if width < 1 or height < 1:
        raise InvalidError("file: a picture without pixels", field="file")
    if max(width, height) > MAX_SIDE:
        raise InvalidError(f"file: at most {MAX_SIDE} pixels wide or high", field="file")
    if pixels > MAX_PIXELS:
        raise InvalidError(f"file: at most {MAX_PIXELS} pixels", field="file")
    if frames > MAX_FRAMES:
        raise InvalidError(f"file: at most {MAX_FRAMES} frames", field="file")
    if frames > 1 and pixels * frames > MAX_MOVING_PIXELS:
        raise InvalidError(
            f"file: at most {MAX_MOVING_PIXELS} pixels in all frames together", field="file"
        )
