"""Colour profiles reduced to colour: no names, dates, devices or words."""

from services.media.gateways.formats.anatomy import BrokenError, Reader

MAX_BYTES = 2_000_000
HEADER = 128
MAX_TAGS = 100
COLOUR = frozenset(
    b"rXYZ gXYZ bXYZ rTRC gTRC bTRC kTRC wtpt bkpt chad chrm lumi cicp gamt "
    b"A2B0 A2B1 A2B2 B2A0 B2A1 B2A2 D2B0 D2B1 D2B2 D2B3 B2D0 B2D1 B2D2 B2D3".split()
)
# Preferred module, date and platform; maker, model; creator, fingerprint and what is reserved.
BLANK = ((4, 8), (24, 36), (40, 44), (48, 56), (80, HEADER))


def bare(profile: bytes) -> bytes | None:
    """Return a profile with nothing in it but colour, ``None`` for one that cannot be read."""
    try:
        tags = _tags(profile)
    except BrokenError:
        return None
    header = bytearray(profile[:HEADER])
    for start, end in BLANK:
        header[start:end] = bytes(end - start)
    table, body = bytearray(len(tags).to_bytes(4, "big")), bytearray()
    first = HEADER + 4 + 12 * len(tags)
    places: dict[tuple[int, int], int] = {}
    for name, offset, size in tags:
        if (offset, size) not in places:
            places[offset, size] = first + len(body)
            body += profile[offset : offset + size] + bytes(-size % 4)
        table += name + places[offset, size].to_bytes(4, "big") + size.to_bytes(4, "big")
    header[:4] = (first + len(body)).to_bytes(4, "big")
    return bytes(header + table + body)


def _tags(profile: bytes) -> list[tuple[bytes, int, int]]:
    if not HEADER + 4 <= len(profile) <= MAX_BYTES or profile[36:40] != b"acsp":
        raise BrokenError("not a colour profile")
    reader = Reader(profile, HEADER)
    count = reader.number(4)
    if count > MAX_TAGS:
        raise BrokenError("too many tags")
    rows = [(reader.take(4), reader.number(4), reader.number(4)) for _ in range(count)]
    tags = [row for row in rows if row[0] in COLOUR]
    if not tags or any(offset + size > len(profile) for _, offset, size in tags):
        raise BrokenError("no colour in it")
    return tags
