"""PNG, still and moving: chunks with a checksum each."""

import zlib

from services.media.gateways.formats import icc
from services.media.gateways.formats.anatomy import (
    UPRIGHT,
    Anatomy,
    BrokenError,
    Reader,
    orientation,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB sBIT cICP mDCV cLLI bKGD pHYs acTL fcTL fdAT".split()
)


def dissect(data: bytes) -> Anatomy:
    """Take a PNG apart; what follows its end is cut away.

    Raises:
        BrokenError: not a whole PNG.
    """
    reader = Reader(data, len(SIGNATURE))
    kept: list[bytes] = [SIGNATURE]
    size, turned, announced, controls = None, UPRIGHT, 1, 0
    name = b""
    while name != b"IEND":
        name, payload, whole = _chunk(reader)
        if size is None:
            size = _size(name, payload)
        if name == b"acTL":
            announced = Reader(payload).number(4)
        elif name == b"fcTL":
            controls += 1
        elif name == b"eXIf":
            turned = orientation(payload)
        elif name == b"iCCP":
            kept.append(_profile(payload))
        if name in KEPT:
            kept.append(whole)
    width, height = size or (0, 0)
    return Anatomy(
        width=width,
        height=height,
        frames=max(announced, controls),
        bare=b"".join(kept),
        orientation=turned,
    )


def _chunk(reader: Reader) -> tuple[bytes, bytes, bytes]:
    length = reader.take(4)
    name = reader.take(4)
    payload = reader.take(int.from_bytes(length, "big"))
    return name, payload, length + name + payload + reader.take(4)


def _size(name: bytes, payload: bytes) -> tuple[int, int]:
    if name != b"IHDR":
        raise BrokenError("no header where it belongs")
    reader = Reader(payload)
    return reader.number(4), reader.number(4)


def _profile(payload: bytes) -> bytes:
    """Return the chunk of a reduced colour profile, nothing for one that cannot be read."""
    packed = payload.partition(b"\0")[2][1:]
    try:
        profile = icc.bare(zlib.decompressobj().decompress(packed, icc.MAX_BYTES))
    except zlib.error:
        return b""
    if profile is None:
        return b""
    body = b"iCCP" + b"colour\0\0" + zlib.compress(profile)
    return (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
