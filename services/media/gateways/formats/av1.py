"""AV1: the size that a stream announces in its sequence headers, whatever its container says."""

from collections.abc import Iterator

from services.media.gateways.formats.anatomy import BrokenError, Reader

SEQUENCE = 1
HAS_EXTENSION, HAS_SIZE = 4, 2
TIERED = 7  # levels above it have a tier


class Bits:
    """Bits read from the front, never beyond their end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def number(self, count: int) -> int:
        """Return the next number of so many bits.

        Raises:
            BrokenError: there are fewer.
        """
        self._left -= count
        if self._left < 0:
            raise BrokenError("cut off")
        return self._value >> self._left & ((1 << count) - 1)


def sizes(stream: bytes) -> Iterator[tuple[int, int]]:
    """Return the width and height of every sequence header in a stream.

    Raises:
        BrokenError: it cannot be followed to its end.
    """
    reader = Reader(stream)
    while reader.left:
        head = reader.number(1)
        if head & HAS_EXTENSION:
            reader.take(1)
        content = reader.take(_length(reader) if head & HAS_SIZE else reader.left)
        if head >> 3 & 15 == SEQUENCE:
            yield _size(Bits(content[:256]))


def _length(reader: Reader) -> int:
    value = 0
    for shift in range(0, 35, 7):
        part = reader.number(1)
        value |= (part & 0x7F) << shift
        if part < 0x80:  # noqa: PLR2004 - the last one
            return value
    raise BrokenError("a length without end")


def _size(bits: Bits) -> tuple[int, int]:
    bits.number(4)
    if bits.number(1):
        bits.number(5)
    else:
        _operating_points(bits)
    wide, high = bits.number(4) + 1, bits.number(4) + 1
    return bits.number(wide) + 1, bits.number(high) + 1


def _operating_points(bits: Bits) -> None:
    delay = _timing(bits) if bits.number(1) else 0
    displayed_late = bits.number(1)
    for _ in range(bits.number(5) + 1):
        bits.number(12)
        if bits.number(5) > TIERED:
            bits.number(1)
        if delay and bits.number(1):
            bits.number(2 * delay + 1)
        if displayed_late and bits.number(1):
            bits.number(4)


def _timing(bits: Bits) -> int:
    """Read past the timing and return the bits of a buffer delay, 0 where there is none."""
    bits.number(64)
    if bits.number(1):
        raise BrokenError("a still picture with a pace")
    if not bits.number(1):
        return 0
    delay = bits.number(5) + 1
    bits.number(42)
    return delay
