"""Where pictures live and which are let in; no I/O."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from services.contracts.errors import InvalidError, NotFoundError

KINDS: Final = ("users", "events")
DEFAULTS: Final = ("default.png", "events/default.png", "users/default.png")
MAX_BYTES: Final = 5_000_000
MAX_PIXELS: Final = 40_000_000
FORMATS: Final = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
}
MAX_PATH: Final = 512

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_SEGMENT = re.compile(r"[^\x00-\x1f\x7f-\x9f\\/]+")


@dataclass(frozen=True)
class Owner:
    """Whom pictures belong to: a user or an event."""

    kind: str
    id: str

    @property
    def prefix(self) -> str:
        """The part of keys that all of them share."""
        return f"{self.kind}/{self.id}/"


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


def readable(path: str) -> str:
    """Return the key of a requested path.

    Raises:
        NotFoundError: the path cannot be a key.
    """
    wanted = unquote(path).strip("/")
    segments = wanted.split("/")
    plain = all(_SEGMENT.fullmatch(one) and one not in {".", ".."} for one in segments)
    if not plain or len(wanted) > MAX_PATH:
        raise NotFoundError("no such picture")
    return wanted


def fallback(wanted: str) -> str:
    """Return the key of the default picture for a missing one."""
    first = wanted.partition("/")[0]
    return f"{first}/default.png" if first in KINDS else "default.png"
