"""What is cut out of an upload, and what is judged before a single pixel is decoded."""

import io
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat

from media.drawings import KINDS, LIAR, SECRET, marked, moving, opened, profile, soft, telling
from services.contracts.errors import InvalidError
from services.media import domain
from services.media.gateways import bench
from services.media.gateways.formats import icc
from services.media.gateways.formats.anatomy import BrokenError, orientation
from services.media.gateways.tasks import AsItIs, Clean, Done, Refused, Size


def cleaned(content: bytes) -> bytes:
    outcome = bench.outcome(Clean(content))
    assert isinstance(outcome, Done), outcome
    return outcome.content


def refusal(content: bytes) -> str:
    outcome = bench.outcome(Clean(content))
    assert isinstance(outcome, Refused), outcome
    return outcome.reason


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference per channel, 0 to 255."""
    assert one.size == other.size
    return max(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_pixels_and_colour_is_kept(kind: str) -> None:
    given_in = telling(kind)
    assert SECRET.encode() in given_in or kind == "PNG"
    kept = cleaned(given_in)
    picture = opened(kept)
    assert SECRET.encode() not in kept
    assert SECRET.encode() not in picture.info["icc_profile"]
    assert dict(picture.getexif()) == {}
    assert {"exif", "xmp", "comment", "Comment", "XML:com.adobe.xmp"}.isdisjoint(picture.info)
    assert difference(picture, opened(given_in)) < (3 if kind == "AVIF" else 1e-9)


@pytest.mark.parametrize("kind", [*KINDS, "GIF"])
def test_a_picture_that_tells_nothing_is_stored_to_the_byte(kind: str) -> None:
    content = io.BytesIO()
    marked().save(content, kind)
    assert cleaned(content.getvalue()) == content.getvalue()


@pytest.mark.parametrize("turned", range(2, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_turned_picture_is_stored_upright(kind: str, turned: int) -> None:
    given_in = telling(kind, orientation=turned)
    kept = opened(cleaned(given_in))
    assert dict(kept.getexif()) == {}
    upright = ImageOps.exif_transpose(opened(given_in))
    assert difference(kept, upright) < 4
    assert kept.info.get("icc_profile")
    assert difference(kept, opened(given_in).resize(kept.size)) > 12


def test_an_avif_that_is_turned_by_its_own_boxes_is_shown_so() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = io.BytesIO()
    marked().save(content, "AVIF", exif=exif)
    small = bench.outcome(Size(cleaned(content.getvalue()), 320, domain.Form.PLAIN))
    assert isinstance(small, Done)
    assert difference(opened(small.content), marked().transpose(Image.Transpose.ROTATE_270)) < 8


@pytest.mark.parametrize(("sampling", "loss"), [(0, 0.2), (1, 1.5), (2, 0.5)])
@pytest.mark.parametrize("turned", [3, 6])
def test_turning_a_jpeg_loses_next_to_nothing(sampling: int, loss: float, turned: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turned
    content = io.BytesIO()
    soft().save(content, "JPEG", quality=80, subsampling=sampling, exif=exif)
    kept = opened(cleaned(content.getvalue()))
    upright = ImageOps.exif_transpose(opened(content.getvalue()))
    assert difference(kept, upright) < loss
    assert difference(kept.convert("L"), upright.convert("L")) < 0.2


def test_a_profile_keeps_its_colours_only() -> None:
    kept = icc.bare(profile())
    assert kept is not None
    assert SECRET.encode() not in kept
    assert SECRET.encode() in profile()
    picture = Image.linear_gradient("L").convert("RGB")
    other = ImageCms.createProfile("LAB")
    for one in (kept, profile()):
        made = ImageCms.ImageCmsProfile(io.BytesIO(one))
        moved = ImageCms.profileToProfile(picture, made, other, outputMode="LAB")
        assert moved is not None
        picture_in_lab = moved.tobytes()
    again = ImageCms.profileToProfile(
        picture, ImageCms.ImageCmsProfile(io.BytesIO(kept)), other, outputMode="LAB"
    )
    assert again is not None
    assert again.tobytes() == picture_in_lab


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_a_moving_picture_still_moves_and_tells_nothing(kind: str) -> None:
    kept = cleaned(moving(kind))
    picture = opened(kept)
    assert getattr(picture, "n_frames", 1) == 6
    assert picture.info["loop"] == 3
    assert SECRET.encode() not in kept
    assert isinstance(bench.outcome(Size(kept, 320, domain.Form.WEBP)), AsItIs)


def test_a_second_picture_behind_a_jpeg_goes() -> None:
    first = telling("JPEG")
    kept = cleaned(first + telling("JPEG", Image.new("RGB", (8, 8))))
    assert kept == cleaned(first)
    assert kept.endswith(b"\xff\xd9")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_what_follows_a_picture_goes(kind: str) -> None:
    content = io.BytesIO()
    marked().save(content, kind)
    assert cleaned(content.getvalue() + b"<script>") == content.getvalue()


def _png(width: int, height: int) -> bytes:
    def chunk(name: bytes, payload: bytes) -> bytes:
        crc = zlib.crc32(name + payload).to_bytes(4, "big")
        return len(payload).to_bytes(4, "big") + name + payload + crc

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((1, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100)))
        + chunk(b"IEND", b"")
    )


def _huge(kind: str) -> bytes:
    """Return a small file whose header announces a huge picture."""
    content = bytearray(telling(kind) if kind != "GIF" else moving("GIF", 2))
    if kind == "JPEG":
        at = content.index(b"\xff\xc0") + 5
        content[at : at + 4] = (16_000).to_bytes(2, "big") * 2
    elif kind == "GIF":
        content[6:10] = (60_000).to_bytes(2, "little") * 2
    elif kind == "WEBP":
        at = content.index(b"VP8X") + 12
        content[at : at + 6] = (16_000).to_bytes(3, "little") * 2
    else:
        at = content.index(b"ispe") + 8
        content[at : at + 8] = (16_000).to_bytes(4, "big") * 2
    return bytes(content)


HUGE = {kind: _huge(kind) for kind in ("JPEG", "GIF", "WEBP", "AVIF")} | {
    "PNG": _png(16_000, 16_000),
    "wide": _png(20_000, 1),
    "none": _png(0, 5),
    "liar": LIAR,
}


@pytest.mark.parametrize("name", HUGE)
def test_too_many_pixels_are_refused_by_the_header_alone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def touched(*_: object, **__: object) -> None:
        raise AssertionError("a decoder saw it")

    monkeypatch.setattr(Image, "open", touched)
    assert "pixels" in refusal(HUGE[name])


@pytest.mark.parametrize("name", ["JPEG", "GIF", "WEBP", "AVIF", "PNG"])
def test_without_the_judge_a_decoder_would_see_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    monkeypatch.setattr(Image, "open", lambda *words, **_: seen.append(words))
    monkeypatch.setattr(domain, "check", lambda *_: None)
    bench.outcome(Clean(HUGE[name]))
    assert seen


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_frames_are_counted_before_they_are_decoded(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = moving(kind, domain.MAX_FRAMES + 1, (2, 2))
    large = moving(kind, 3, (400, 300))
    monkeypatch.setattr(domain, "MAX_MOVING_PIXELS", 3 * 400 * 300 - 1)
    monkeypatch.setattr(Image, "open", None)
    assert "frames" in refusal(many)
    assert "in all frames" in refusal(large)


def test_a_moving_avif_is_refused_in_words() -> None:
    assert "WebP or GIF" in refusal(moving("AVIF"))


@pytest.mark.parametrize("kind", [*KINDS, "GIF"])
def test_a_file_cut_off_anywhere_is_refused(kind: str) -> None:
    whole = telling(kind) if kind != "GIF" else moving("GIF")
    for part in range(1, 20):
        assert "file: expected" in refusal(whole[: len(whole) * part // 20])


SAMPLES = [telling(kind) for kind in KINDS] + [moving(kind) for kind in ("GIF", "WEBP", "PNG")]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.floats(0, 0.999), st.binary(min_size=1, max_size=4)), max_size=6),
)
def test_a_damaged_file_is_stored_clean_or_refused(
    sample: bytes, wounds: list[tuple[float, bytes]]
) -> None:
    content = bytearray(sample)
    for place, wound in wounds:
        at = int(place * len(content))
        content[at : at + len(wound)] = wound
    outcome = bench.outcome(Clean(bytes(content)))
    if isinstance(outcome, Done):
        assert SECRET.encode() not in outcome.content
        assert isinstance(bench.outcome(Clean(outcome.content)), Done)


@settings(max_examples=300)
@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP"]),
    st.binary(),
)
def test_taking_apart_fails_in_one_way_only(start: bytes, rest: bytes) -> None:
    try:
        kind, dissect = bench.kind_of(start + rest)
        dissect(start + rest)
    except (BrokenError, InvalidError):
        return
    assert kind in domain.FORMATS


@pytest.mark.parametrize(
    "exif", [b"", b"II", b"MM\0*\0\0\0\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"XX*\0"]
)
def test_broken_exif_is_upright(exif: bytes) -> None:
    assert orientation(exif) == 1


@pytest.mark.parametrize(
    ("picture", "kind", "colour"),
    [
        (Image.new("I;16", (9, 9), 40_000), "PNG", (156, 156, 156)),
        (Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "JPEG", (255, 0, 0)),
        (Image.new("RGBA", (9, 9), (0, 255, 0, 90)).quantize(), "PNG", (0, 255, 0)),
        (Image.new("1", (9, 9), 1), "PNG", (255, 255, 255)),
        (Image.new("LA", (9, 9), (90, 10)), "PNG", (90, 90, 90)),
    ],
    ids=["16 bits", "print", "palette", "black and white", "grey, see-through"],
)
@pytest.mark.parametrize("form", domain.Form)
def test_every_kind_of_pixel_is_sized(
    picture: Image.Image, kind: str, colour: tuple[int, ...], form: domain.Form
) -> None:
    content = io.BytesIO()
    picture.save(content, kind)
    outcome = bench.outcome(Size(cleaned(content.getvalue()), 320, form))
    assert isinstance(outcome, Done), outcome
    shown = opened(outcome.content)
    assert shown.size == (9, 9)
    found = shown.convert("RGBA").getpixel((4, 4))
    assert isinstance(found, tuple)
    assert all(abs(a - b) <= 6 for a, b in zip(found, colour, strict=False)), found
    assert (found[3] < 255) == picture.has_transparency_data
