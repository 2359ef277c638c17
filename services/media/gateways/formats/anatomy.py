"""What is known of a picture from its file alone."""

from collections.abc import Iterator
from dataclasses import dataclass

UPRIGHT = 1


class BrokenError(ValueError):
    """The bytes are not a whole picture of their format."""


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """A file taken apart.

    Args:
        width: pixels, as the header tells.
        height: pixels.
        frames: 1 for a still picture.
        bare: the same pixels without anything that is not needed to show them.
        orientation: EXIF's 1 to 8; 1 is upright.
        opaque: `bare` still holds what must go, so the pixels have to be encoded anew.
    """

    width: int
    height: int
    frames: int
    bare: bytes
    orientation: int = UPRIGHT
    opaque: bool = False


class Reader:
    """Bytes read from the front, never beyond their end."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self.position = position

    @property
    def left(self) -> int:
        """How many bytes follow."""
        return len(self._data) - self.position

    def take(self, count: int) -> bytes:
        """Return the next bytes.

        Raises:
            BrokenError: there are fewer.
        """
        if count < 0 or count > self.left:
            raise BrokenError("cut off")
        self.position += count
        return self._data[self.position - count : self.position]

    def number(self, count: int) -> int:
        """Return the next big-endian number of so many bytes."""
        return int.from_bytes(self.take(count), "big")

    def little(self, count: int) -> int:
        """Return the next little-endian number of so many bytes."""
        return int.from_bytes(self.take(count), "little")


def orientation(exif: bytes) -> int:
    """Return the orientation that EXIF data tell; upright when they tell none."""
    start = 6 if exif.startswith(b"Exif\0\0") else 0
    try:
        return next((value for value in _orientations(exif[start:]) if 1 <= value <= 8), UPRIGHT)  # noqa: PLR2004 - EXIF's range
    except BrokenError:
        return UPRIGHT


def _orientations(tiff: bytes) -> Iterator[int]:
    order = {b"II": "little", b"MM": "big"}.get(tiff[:2])
    if order is None:
        return
    reader = Reader(tiff, 4)

    def number(count: int) -> int:
        return reader.little(count) if order == "little" else reader.number(count)

    reader = Reader(tiff, number(4))
    for _ in range(number(2)):
        tag, kind, _, value, _ = number(2), number(2), number(4), number(2), number(2)
        if (tag, kind) == (0x0112, 3):
            yield value
