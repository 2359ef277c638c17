"""GIF: blocks, each a chain of parts of at most 255 bytes."""

from services.media.gateways.formats.anatomy import Anatomy, BrokenError, Reader

SIGNATURES = (b"GIF87a", b"GIF89a")
IMAGE, EXTENSION, TRAILER = 0x2C, 0x21, 0x3B
CONTROL, APPLICATION = 0xF9, 0xFF
LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
TABLE, TABLE_SIZE = 0x80, 0x07


def dissect(data: bytes) -> Anatomy:
    """Take a GIF apart; comments, texts and what applications add go, but how often it plays.

    Raises:
        BrokenError: not a whole GIF.
    """
    reader = Reader(data, 6)
    width, height, packed = reader.little(2), reader.little(2), reader.number(1)
    reader.take(2)
    _colours(reader, packed)
    kept = [data[: reader.position]]
    frames = 0
    while (block := reader.number(1)) != TRAILER:
        start = reader.position - 1
        if block == IMAGE:
            frames += 1
            left, top = reader.little(2), reader.little(2)
            width, height = max(width, left + reader.little(2)), max(height, top + reader.little(2))
            _colours(reader, reader.number(1))
            reader.take(1)
            _skip(reader)
            kept.append(data[start : reader.position])
        elif block == EXTENSION:
            kept.append(_extension(reader))
        else:
            raise BrokenError("a block of no known kind")
    if not frames:
        raise BrokenError("no picture in it")
    bare = b"".join([*kept, bytes((TRAILER,))])
    return Anatomy(width=width, height=height, frames=frames, bare=bare)


def _colours(reader: Reader, packed: int) -> None:
    if packed & TABLE:
        reader.take(3 << ((packed & TABLE_SIZE) + 1))


def _extension(reader: Reader) -> bytes:
    label = reader.number(1)
    parts = _parts(reader)
    if label == CONTROL and parts:
        return bytes((EXTENSION, CONTROL, len(parts[0]))) + parts[0] + b"\0"
    looping = label == APPLICATION and len(parts) > 1 and parts[0] in LOOPS
    if looping and len(parts[1]) == 3:  # noqa: PLR2004 - one byte of kind, two of count
        return bytes((EXTENSION, APPLICATION, 11)) + parts[0] + b"\x03" + parts[1] + b"\0"
    return b""


def _parts(reader: Reader) -> list[bytes]:
    """Return the first two parts of a chain and skip the rest."""
    found: list[bytes] = []
    while (size := reader.number(1)) and len(found) < 2:  # noqa: PLR2004 - no more is ever kept
        found.append(reader.take(size))
    if size:
        reader.take(size)
        _skip(reader)
    return found


def _skip(reader: Reader) -> None:
    while size := reader.number(1):
        reader.take(size)
