"""JPEG: segments between markers, then the scans."""

import re

from services.media.gateways.formats import icc
from services.media.gateways.formats.anatomy import (
    UPRIGHT,
    Anatomy,
    BrokenError,
    Reader,
    orientation,
)

SIGNATURE = b"\xff\xd8\xff"
START, SCAN, END = 0xD8, 0xDA, 0xD9
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Tables without which the scans cannot be read.
TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDD}) | FRAMES
JFIF, EXIF, PROFILE, ADOBE = b"JFIF\0", b"Exif\0\0", b"ICC_PROFILE\0", b"Adobe"
APP0, APP1, APP2, APP14 = 0xE0, 0xE1, 0xE2, 0xEE
PROFILE_HEADER = 14  # its name, its number and how many there are
PROFILE_PART = 65_000

# Within a scan a marker is 0xFF and a byte that is neither stuffing, nor a restart, nor fill.
_NEXT = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def dissect(data: bytes) -> Anatomy:
    """Take a JPEG apart; pictures that follow the first one are cut away.

    Raises:
        BrokenError: not a whole JPEG.
    """
    reader = Reader(data, 2)
    kept: list[bytes] = []
    profile: dict[int, bytes] = {}
    size, turned, scans = None, UPRIGHT, 0
    while (marker := _marker(reader)) != END:
        payload = reader.take(reader.number(2) - 2)
        if marker in FRAMES:
            if size is not None:
                raise BrokenError("two frames")
            size = _size(payload)
        elif marker == APP1 and payload.startswith(EXIF):
            turned = orientation(payload)
        elif marker == APP2 and payload.startswith(PROFILE) and len(payload) > PROFILE_HEADER:
            profile[payload[12]] = payload[PROFILE_HEADER:]
        if (shown := _shown(marker, payload)) is not None:
            kept.append(shown)
        if marker == SCAN:
            scans += 1
            kept.append(_scan(data, reader))
    if size is None or not scans:
        raise BrokenError("no picture in it")
    body = b"".join([b"\xff\xd8", *kept[:1], *_profile(profile), *kept[1:], b"\xff\xd9"])
    return Anatomy(width=size[0], height=size[1], frames=1, bare=body, orientation=turned)


def _marker(reader: Reader) -> int:
    if reader.number(1) != 0xFF:  # noqa: PLR2004 - every marker's first byte
        raise BrokenError("no marker where one belongs")
    while (found := reader.number(1)) == 0xFF:  # noqa: PLR2004 - fill
        pass
    if found in {0, 1, START} or 0xD0 <= found <= 0xD7:  # noqa: PLR2004 - restarts
        raise BrokenError("a marker out of place")
    return found


def _size(payload: bytes) -> tuple[int, int]:
    reader = Reader(payload, 1)
    height = reader.number(2)
    return reader.number(2), height


def _shown(marker: int, payload: bytes) -> bytes | None:
    """Return a segment as it is kept; the thumbnail of JFIF and the rest of Adobe's go."""
    if marker == APP0 and payload.startswith(JFIF):
        payload = payload[:12] + b"\0\0"
    elif marker == APP14 and payload.startswith(ADOBE):
        payload = payload[:12]
    elif marker not in TABLES and marker != SCAN:
        return None
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


def _scan(data: bytes, reader: Reader) -> bytes:
    found = _NEXT.search(data, reader.position)
    if found is None:
        raise BrokenError("cut off")
    return reader.take(found.start() - reader.position)


def _profile(parts: dict[int, bytes]) -> list[bytes]:
    """Return the segments of a reduced colour profile."""
    whole = icc.bare(b"".join(parts[number] for number in sorted(parts)))
    if whole is None:
        return []
    cut = [whole[at : at + PROFILE_PART] for at in range(0, len(whole), PROFILE_PART)]
    segments = [PROFILE + bytes((at + 1, len(cut))) + part for at, part in enumerate(cut)]
    return [b"\xff\xe2" + (len(one) + 2).to_bytes(2, "big") + one for one in segments]
