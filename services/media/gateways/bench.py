"""A process of its own in which pictures are decoded: ``python -m services.media.gateways.bench``.

Decoders are large, old and fed by strangers. Here one may take too long, too much memory, or die,
and nothing but the picture in hand is lost. It reads tasks from standard input, writes outcomes to
standard output, and ends with its input.
"""

import io
import os
import resource
import sys
import warnings
from collections.abc import Callable
from typing import BinaryIO

import msgspec
from PIL import AvifImagePlugin, Image, ImageCms, JpegImagePlugin

from services.contracts.errors import InvalidError
from services.media import domain
from services.media.domain import Form
from services.media.gateways.formats import avif, gif, icc, jpeg, png, webp
from services.media.gateways.formats.anatomy import UPRIGHT, Anatomy, BrokenError
from services.media.gateways.tasks import LENGTH, AsItIs, Clean, Done, Outcome, Refused, Size, Task

MEMORY_BYTES = 1_200_000_000
NICER = 5
*_FIRST, _LAST = sorted(domain.FORMATS)
EXPECTED = f"file: expected an {', '.join(_FIRST)} or {_LAST} picture"
SRGB = ImageCms.createProfile("sRGB")
ENCODING: dict[str, dict[str, object]] = {
    "AVIF": {"quality": 60, "speed": 8, "max_threads": 1},
    "WEBP": {"quality": 80, "method": 4},
    "JPEG": {"quality": 85, "optimize": True, "progressive": True},
    "PNG": {"optimize": True},
}
# An upload that has to be encoded anew loses as little as can be.
FAITHFUL: dict[str, dict[str, object]] = {
    "AVIF": {"quality": 90, "speed": 7, "max_threads": 1, "subsampling": "4:4:4"},
    "WEBP": {"quality": 95, "method": 4},
}
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ON_ITS_SIDE = 5  # from here on width and height change places
ORIENTATION = 0x0112


def kind_of(content: bytes) -> tuple[str, Callable[[bytes], Anatomy]]:
    """Return a file's format by its first bytes, and what takes it apart.

    Raises:
        BrokenError: no format that is taken.
    """
    if content.startswith(jpeg.SIGNATURE):
        return "JPEG", jpeg.dissect
    if content.startswith(png.SIGNATURE):
        return "PNG", png.dissect
    if content[:6] in gif.SIGNATURES:
        return "GIF", gif.dissect
    if content.startswith(webp.SIGNATURE) and content[8:12] == webp.KIND:
        return "WEBP", webp.dissect
    if content[4:8] == b"ftyp" and content[8:12] in avif.BRANDS:
        return "AVIF", avif.dissect
    raise BrokenError(EXPECTED)


def clean(task: Clean) -> Outcome:
    """Return an upload as it is to be stored: upright, and with nothing to tell but its pixels.

    Raises:
        BrokenError, InvalidError: it is not taken; nothing of it was decoded if it is too large.
    """
    kind, dissect = kind_of(task.content)
    found = dissect(task.content)
    domain.check(found.width, found.height, found.frames)
    with Image.open(io.BytesIO(found.bare), formats=[kind]) as picture:
        domain.check(*picture.size, found.frames)
        picture.load()
        turned = found.orientation != UPRIGHT and found.frames == 1
        if turned or found.opaque:
            anew = _anew(picture, kind, _orientation(picture, found))
            return Done(dissect(anew).bare, domain.FORMATS[kind])
    return Done(found.bare, domain.FORMATS[kind])


def size(task: Size) -> Outcome:
    """Return a sized form of a stored picture.

    Raises:
        BrokenError, InvalidError: it cannot be read.
    """
    kind, dissect = kind_of(task.content)
    found = dissect(task.content)
    domain.check(found.width, found.height, found.frames)
    if found.frames > 1:
        return AsItIs()
    with Image.open(io.BytesIO(task.content), formats=[kind]) as picture:
        picture.draft("RGB", (task.width, task.width))
        picture.load()
        shown = _resizable(_turned(picture, _orientation(picture, found)))
    shown.thumbnail((task.width, domain.MAX_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    shown = _in_srgb(shown)
    target = task.form.upper()
    if task.form is Form.PLAIN:
        target = "PNG" if shown.mode == "RGBA" else "JPEG"
    return Done(
        _encoded(shown, target, {**ENCODING[target], "icc_profile": None}), domain.FORMATS[target]
    )


def _orientation(picture: Image.Image, found: Anatomy) -> int:
    """Return how a picture is turned; AVIF tells it in boxes that its decoder reads."""
    if picture.format != "AVIF":
        return found.orientation
    return int(picture.getexif().get(ORIENTATION, UPRIGHT))


def _turned(picture: Image.Image, orientation: int) -> Image.Image:
    return picture.transpose(TURNS[orientation]) if orientation in TURNS else picture


def _resizable(picture: Image.Image) -> Image.Image:
    """Return a picture in a mode that can be averaged, see-through only where it was."""
    if picture.mode in {"L", "RGB", "RGBA", "CMYK"} and not picture.info.get("transparency"):
        return picture
    if picture.mode.startswith("I"):
        return picture.point(lambda level: level / 256).convert("L")
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _in_srgb(picture: Image.Image) -> Image.Image:
    """Return a picture in the colours that every screen takes for granted."""
    profile = picture.info.get("icc_profile")
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    if profile:
        try:
            given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            moved = ImageCms.profileToProfile(picture, given, SRGB, outputMode=mode)
        except (ImageCms.PyCMSError, OSError, ValueError):
            return picture.convert(mode)
        return moved or picture
    return picture.convert(mode)


def _anew(picture: Image.Image, kind: str, orientation: int) -> bytes:
    """Return a picture turned upright and encoded as it was."""
    options = dict(FAITHFUL.get(kind, {}))
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        options = _tables(picture, swapped=orientation >= ON_ITS_SIDE)
    profile = icc.bare(picture.info.get("icc_profile") or b"")
    return _encoded(_turned(picture, orientation), kind, {**options, "icc_profile": profile})


def _tables(picture: JpegImagePlugin.JpegImageFile, *, swapped: bool) -> dict[str, object]:
    """Return the options with which a JPEG's blocks come out almost as they were."""
    tables = picture.quantization
    if any(level > 255 for table in tables.values() for level in table):  # noqa: PLR2004 - 8 bits
        return {"quality": 95, "subsampling": 0}
    sampling = JpegImagePlugin.get_sampling(picture)
    if swapped:
        tables = {
            name: [table[at % 8 * 8 + at // 8] for at in range(64)]
            for name, table in tables.items()
        }
    return {"qtables": tables, "subsampling": 2 if sampling == 2 else 0, "optimize": True}  # noqa: PLR2004 - 4:2:0


def _encoded(picture: Image.Image, kind: str, options: dict[str, object]) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def outcome(task: Task) -> Outcome:
    """Return what came of a task; a picture that cannot be read is refused, whatever it does."""
    try:
        return clean(task) if isinstance(task, Clean) else size(task)
    except InvalidError as error:
        return Refused(error.message)
    except MemoryError:
        return Refused("file: takes too much memory to be read")
    except Exception:  # noqa: BLE001 - decoders raise whatever broken bytes lead them to
        return Refused(EXPECTED)


def serve(inbound: BinaryIO, outbound: BinaryIO) -> None:
    """Do tasks until the input ends."""
    tasks = msgspec.msgpack.Decoder(Task)
    while length := inbound.read(LENGTH):
        done = msgspec.msgpack.encode(
            outcome(tasks.decode(inbound.read(int.from_bytes(length, "big"))))
        )
        outbound.write(len(done).to_bytes(LENGTH, "big") + done)
        outbound.flush()


def main() -> None:
    """Limit this process and serve."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICER)
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = domain.MAX_PIXELS
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
