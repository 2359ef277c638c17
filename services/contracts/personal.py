"""What a service tells of one person when asked for everything: a line per thing, as NDJSON.

``GET /internal/people/{userId}`` answers with `Section`, its `Item` lines, further sections, the
`File` lines in between, and one `End` at last. An answer without its end, or with another count
than the end tells, is not whole and must not be used.
"""

from typing import Any

import msgspec

MEDIA_TYPE = "application/x-ndjson"
PATH = "/internal/people/{user_id}"
MAX_LINE_BYTES = 1_000_000


class Section(msgspec.Struct, frozen=True, tag="section"):
    """A kind of thing that is kept; ``about`` tells a person what it is."""

    name: str
    about: str


class Item(msgspec.Struct, frozen=True, tag="item"):
    """One thing of the section before it."""

    value: dict[str, Any]


class File(msgspec.Struct, frozen=True, tag="file"):
    """A picture that belongs to the person, by its key at media."""

    key: str
    about: str


class End(msgspec.Struct, frozen=True, tag="end"):
    """Everything was told; ``lines`` counts the ones before this."""

    lines: int


Line = Section | Item | File
_decoder: msgspec.json.Decoder[Line | End] = msgspec.json.Decoder(Line | End)
_encoder = msgspec.json.Encoder()


def encode(line: Line | End) -> bytes:
    """Return a line with its line break."""
    return _encoder.encode(line) + b"\n"


def decode(line: bytes) -> Line | End:
    """Return what a line says.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _decoder.decode(line)
