"""AVIF: boxes in boxes. What must go cannot be cut out without moving offsets, so it is told."""

from collections.abc import Iterator

from services.contracts.errors import InvalidError
from services.media.gateways.formats import av1
from services.media.gateways.formats.anatomy import Anatomy, BrokenError, Reader

BRANDS = (b"avif", b"avis", b"mif1", b"msf1")
CONTAINERS = frozenset({b"meta", b"iprp", b"ipco", b"iinf"})
# What a still picture needs; anything else may tell more than the picture.
KNOWN = CONTAINERS | frozenset(
    b"ftyp mdat hdlr pitm iloc infe ipma iref idat ispe pixi av1C colr auxC irot imir "
    b"clap pasp a1op a1lx lsel clli mdcv".split()
)
PICTURES = frozenset({b"av01", b"grid"})
FULL = 4  # version and flags, before the content of some boxes
MAX_BOXES = 2_000
MAX_DEPTH = 6


def dissect(data: bytes) -> Anatomy:
    """Take an AVIF apart.

    Raises:
        BrokenError: not an AVIF.
        InvalidError: a moving one.
    """
    sizes: list[tuple[int, int]] = []
    places, inside = b"", b""
    coded: set[int] = set()
    opaque = False
    for name, payload in boxes(data):
        if name == b"ispe":
            reader = Reader(payload, FULL)
            sizes.append((reader.number(4), reader.number(4)))
        elif name == b"moov":
            raise InvalidError("file: moving pictures are taken as WebP or GIF only", field="file")
        elif name == b"iloc":
            places = payload
        elif name == b"idat":
            inside = payload
        elif name == b"infe":
            item, kind = _item(payload)
            opaque |= kind not in PICTURES
            coded |= {item} if kind == b"av01" else set()
        opaque |= name not in KNOWN
        opaque |= name == b"colr" and payload[:4] != b"nclx"
    streams = _streams(Reader(places), coded, (data, inside))
    announced = [size for stream in streams.values() for size in av1.sizes(stream)]
    if not sizes or not announced:
        raise BrokenError("no picture in it")
    sizes += announced
    return Anatomy(
        width=max(width for width, _ in sizes),
        height=max(height for _, height in sizes),
        frames=1,
        bare=data,
        opaque=opaque,
    )


def boxes(data: bytes, depth: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Return every box's name and content, containers before what they hold.

    Raises:
        BrokenError: a box is longer than what holds it, or there are too many.
    """
    if depth > MAX_DEPTH:
        raise BrokenError("boxes nested too deeply")
    reader = Reader(data)
    for _ in range(MAX_BOXES):
        if not reader.left:
            return
        name, payload = _box(reader)
        yield name, payload
        if name in CONTAINERS:
            yield from boxes(payload[_header(name, payload) :], depth + 1)
    raise BrokenError("too many boxes")


def _box(reader: Reader) -> tuple[bytes, bytes]:
    size, name = reader.number(4), reader.take(4)
    if size == 1:
        return name, reader.take(reader.number(8) - 16)
    return name, reader.take(size - 8 if size else reader.left)


def _header(name: bytes, payload: bytes) -> int:
    """Return how many bytes stand before the boxes in a container."""
    if name == b"iinf":
        return FULL + (2 if payload[:1] == b"\0" else 4)
    return FULL if name == b"meta" else 0


def _item(payload: bytes) -> tuple[int, bytes]:
    """Return an item's number and type."""
    reader = Reader(payload, FULL)
    number = reader.number(2 if payload[:1] == b"\x02" else 4)
    reader.take(2)
    return number, reader.take(4)


def _streams(reader: Reader, wanted: set[int], sources: tuple[bytes, bytes]) -> dict[int, bytes]:
    """Return the bytes of items, which lie in the file or in a box of its own.

    Raises:
        BrokenError: they lie elsewhere, or are longer than the whole file.
    """
    version = reader.number(1)
    reader.take(3)
    packed = reader.number(2)
    of_offset, of_length = packed >> 12, packed >> 8 & 15
    of_base, of_index = packed >> 4 & 15, packed & 15 if version else 0
    found = dict.fromkeys(wanted, b"")
    for _ in range(reader.number(4 if version == 2 else 2)):  # noqa: PLR2004 - its last version
        item = reader.number(4 if version == 2 else 2)  # noqa: PLR2004 - its last version
        method = reader.number(2) & 15 if version else 0
        reader.take(2)
        base = reader.number(of_base)
        for _ in range(reader.number(2)):
            reader.take(of_index)
            start, length = base + reader.number(of_offset), reader.number(of_length)
            if item in wanted:
                found[item] += _extent(sources, method, start, length)
                if sum(map(len, found.values())) > len(sources[0]):
                    raise BrokenError("more than there is")
    return found


def _extent(sources: tuple[bytes, bytes], method: int, start: int, length: int) -> bytes:
    if method >= len(sources) or start > len(sources[method]):
        raise BrokenError("an item out of place")
    return Reader(sources[method], start).take(length or len(sources[method]) - start)
