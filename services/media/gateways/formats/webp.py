"""WebP: RIFF chunks; a moving one has frames that hold chunks again."""

from collections.abc import Iterator

from services.media.gateways.formats import icc
from services.media.gateways.formats.anatomy import (
    UPRIGHT,
    Anatomy,
    BrokenError,
    Reader,
    orientation,
)

SIGNATURE, KIND = b"RIFF", b"WEBP"
PIXELS = (b"VP8 ", b"VP8L")
FRAME_HEADER = 16
HAS_PROFILE, HAS_EXIF, HAS_XMP = 0x20, 0x08, 0x04


def dissect(data: bytes) -> Anatomy:
    """Take a WebP apart.

    Raises:
        BrokenError: not a whole WebP.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise BrokenError("cut off")
    sizes: list[tuple[int, int]] = []
    kept: list[tuple[bytes, bytes]] = []
    frames, turned = 0, UPRIGHT
    for name, payload in _chunks(data[12:end]):
        if name in {b"VP8X", *PIXELS}:
            sizes.append(_size(name, payload))
        if name == b"ANMF":
            frames += 1
            sizes += [_size(*chunk) for chunk in _pixels(payload)]
            kept.append((name, _frame(payload)))
        elif name == b"EXIF":
            turned = orientation(payload)
        elif name == b"ICCP":
            profile = icc.bare(payload)
            kept += [(name, profile)] if profile is not None else []
        elif name in {b"VP8X", b"ANIM", b"ALPH", *PIXELS}:
            kept.append((name, payload))
    if not sizes:
        raise BrokenError("no picture in it")
    return Anatomy(
        width=max(width for width, _ in sizes),
        height=max(height for _, height in sizes),
        frames=max(frames, 1),
        bare=_file(kept),
        orientation=turned,
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    reader = Reader(data)
    while reader.left:
        name = reader.take(4)
        size = reader.little(4)
        yield name, reader.take(size)
        reader.take(min(size % 2, reader.left))


def _pixels(frame: bytes) -> list[tuple[bytes, bytes]]:
    return [chunk for chunk in _chunks(frame[FRAME_HEADER:]) if chunk[0] in PIXELS]


def _size(name: bytes, payload: bytes) -> tuple[int, int]:
    if name == b"VP8X":
        reader = Reader(payload, 4)
        return reader.little(3) + 1, reader.little(3) + 1
    if name == b"VP8L":
        bits = Reader(payload, 1).little(4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    reader = Reader(payload, 6)
    return reader.little(2) & 0x3FFF, reader.little(2) & 0x3FFF


def _frame(payload: bytes) -> bytes:
    if len(payload) < FRAME_HEADER:
        raise BrokenError("cut off")
    parts = (
        _packed(*one) for one in _chunks(payload[FRAME_HEADER:]) if one[0] in {b"ALPH", *PIXELS}
    )
    return payload[:FRAME_HEADER] + b"".join(parts)


def _file(kept: list[tuple[bytes, bytes]]) -> bytes:
    profiled = any(name == b"ICCP" for name, _ in kept)
    body = b""
    for name, payload in kept:
        if name == b"VP8X":
            flags = payload[0] & ~(HAS_EXIF | HAS_XMP | (0 if profiled else HAS_PROFILE))
            payload = bytes((flags,)) + payload[1:]  # noqa: PLW2901 - the same chunk, corrected
        body += _packed(name, payload)
    return SIGNATURE + (len(body) + 4).to_bytes(4, "little") + KIND + body


def _packed(name: bytes, payload: bytes) -> bytes:
    return name + len(payload).to_bytes(4, "little") + payload + bytes(len(payload) % 2)
