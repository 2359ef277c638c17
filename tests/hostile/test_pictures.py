"""Pictures that are too much, and files that are pictures and something else as well."""

import asyncio
import io
import struct
import time
import zlib
from collections.abc import Callable

import httpx
import pytest
from PIL import Image

from client import Client, Person, picture
from hostile.wire import second

pytestmark = pytest.mark.hostile

SCRIPT = b"<script>alert(document.domain)</script>"
DOORS = ("media", "avatar", "poster")
# What the pictures of a picture may say about themselves besides pixels.
JAR = b"PK\x03\x04\x14\x00\x00\x00\x08\x00META-INF/MANIFEST.MF" + b"\x00" * 40


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def noisy(kind: str, side: int = 400) -> bytes:
    return saved(Image.effect_noise((side, side), 60).convert("RGB"), kind)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *middle: bytes, rows: bytes = b"\x00" * 400) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [chunk(b"IHDR", head), *middle, chunk(b"IDAT", zlib.compress(rows))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b"")


def gif(width: int, height: int, frame: tuple[int, int], frames: int = 1) -> bytes:
    one = b",\x00\x00\x00\x00" + struct.pack("<HH", *frame) + b"\x00\x02\x02D\x01\x00"
    head = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\x00\x00\x00\x00\x00\xff\xff\xff"
    return head + one * frames + b";"


def webp(width: int, height: int) -> bytes:
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x00\x00\x00\x00" + size
    return b"RIFF" + struct.pack("<I", len(body)) + body


LOTS = zlib.compress(b"x" * 200_000_000)
BOMBS: dict[str, Callable[[], bytes]] = {
    "a PNG of 81 megapixels": lambda: saved(Image.new("1", (9_000, 9_000)), "PNG"),
    "a PNG that says it is endless": lambda: png(2**31 - 1, 2**31 - 1),
    "a PNG of one endless line": lambda: png(2**31 - 1, 1),
    "a GIF that says it is endless": lambda: gif(65_535, 65_535, (65_535, 65_535)),
    "a GIF with a frame beyond it": lambda: gif(10, 10, (65_535, 65_535)),
    "a GIF of a hundred thousand frames": lambda: gif(10, 10, (10, 10), 100_000),
    "a WebP that says it is endless": lambda: webp(2**24, 2**24),
    "an AVIF cut in its boxes": lambda: noisy("AVIF")[:200],
    "a JPEG cut in its pixels": lambda: noisy("JPEG")[:-2_000],
    "a PNG cut in its pixels": lambda: noisy("PNG")[:-2_000],
    "a WebP cut in its pixels": lambda: noisy("WEBP")[:-2_000],
    "a JPEG of no pixels": lambda: (
        b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x00\x00\x00\x03" + b"\x00" * 50
    ),
    "an SVG with a script": lambda: (
        b"<svg xmlns='http://www.w3.org/2000/svg'>" + SCRIPT + b"</svg>"
    ),
    "an SVG behind a declaration": lambda: b"<?xml version='1.0'?><!DOCTYPE svg><svg/>" + SCRIPT,
    "entities that multiply": lambda: b"<!DOCTYPE a [<!ENTITY b 'ccc'>]><svg>&b;</svg>",
    "HTML before a JPEG": lambda: b"<html>" + SCRIPT + noisy("JPEG"),
    "a zip": lambda: JAR,
    "a PDF": lambda: b"%PDF-1.7\n" + SCRIPT,
    "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    "a TIFF": lambda: noisy("TIFF"),
    "a BMP": lambda: noisy("BMP", 200),
    "an icon": lambda: noisy("ICO", 200),
    "a picture in a picture": lambda: b"\x00" * 128 + noisy("JPEG"),
    "nothing": lambda: b"",
    "noise": lambda: b"\xff\xd8\xff" + bytes(range(256)) * 4_000,
}


async def upload(
    product: Client, door: str, owner: Person, event: str, content: bytes
) -> httpx.Response:
    """Send a file to media itself, or as an avatar or poster."""
    if door == "media":
        files = {"file": ("x.jpg", content, "image/jpeg")}
        return await product.media("POST", f"/users/{owner.id}", files=files, headers=owner.auth)
    service, path = ("users", f"/{owner.id}") if door == "avatar" else ("events", f"/{event}")
    files = {door: ("x.jpg", content, "image/jpeg")}
    url = f"{product.servers.url(service)}{path}/{door}"
    return await product.http.post(url, files=files, headers=owner.auth)


@pytest.fixture(scope="module")
async def event(product: Client, organizer: Person) -> str:
    return await product.create_event(organizer, status="DRAFT")


@pytest.mark.parametrize("kind", BOMBS)
async def test_what_is_no_picture_or_too_much_is_refused_in_time(
    product: Client, organizer: Person, event: str, kind: str
) -> None:
    content = BOMBS[kind]()
    for door in DOORS:
        started = time.monotonic()
        answer = await upload(product, door, organizer, event, content)
        if kind == "nothing" and door == "avatar":
            assert answer.status_code == 200  # no picture is the default one
            continue
        assert answer.status_code == 400, f"{door}: {answer.text}"
        assert time.monotonic() - started < second(), door


EXTRAS: dict[str, Callable[[], bytes]] = {
    "HTML behind a JPEG": lambda: noisy("JPEG") + b"<html>" + SCRIPT,
    "HTML in a JPEG's comment": lambda: saved(Image.new("RGB", (9, 9)), "JPEG", comment=SCRIPT),
    "a jar behind a GIF": lambda: saved(Image.new("P", (9, 9)), "GIF") + JAR,
    "a script in a GIF's comment": lambda: saved(Image.new("P", (9, 9)), "GIF", comment=SCRIPT),
    "HTML behind a PNG": lambda: noisy("PNG") + SCRIPT,
    "a script in a PNG's text": lambda: png(
        1, 1, chunk(b"tEXt", b"a\x00" + SCRIPT), rows=b"\x00" * 4
    ),
    "a bomb in a PNG's text": lambda: png(
        1, 1, chunk(b"zTXt", b"a\x00\x00" + LOTS), rows=b"\x00" * 4
    ),
    "a bomb in a PNG's profile": lambda: png(
        1, 1, chunk(b"iCCP", b"a\x00\x00" + LOTS), rows=b"\x00" * 4
    ),
    "more pixels than a PNG has": lambda: png(10, 10, rows=b"\x00" * 300_000_000),
    "HTML behind a WebP": lambda: noisy("WEBP") + SCRIPT,
    "HTML behind an AVIF": lambda: noisy("AVIF") + SCRIPT,
}


@pytest.mark.parametrize("kind", EXTRAS)
async def test_of_a_file_that_is_more_than_a_picture_the_picture_is_kept(
    product: Client, organizer: Person, event: str, kind: str
) -> None:
    content = EXTRAS[kind]()
    started = time.monotonic()
    answer = await upload(product, "media", organizer, event, content)
    assert time.monotonic() - started < second()
    if answer.status_code == 400:
        return
    assert answer.status_code == 200, answer.text
    shown = await product.media("GET", f"/{answer.json()['url']}")
    assert shown.headers["content-type"] in {
        f"image/{one}" for one in ("jpeg", "png", "gif", "webp", "avif")
    }
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["content-security-policy"] == "default-src 'none'"
    assert not any(word in shown.content for word in (SCRIPT, b"<html>", b"PK\x03\x04"))


async def test_a_crowd_of_heavy_pictures_keeps_nobody_waiting(
    product: Client, organizer: Person, event: str
) -> None:
    heavy = saved(Image.new("RGB", (6_000, 6_000)), "PNG")
    crowd = [
        asyncio.create_task(upload(product, "media", organizer, event, heavy)) for _ in range(8)
    ]
    served = 0
    while not all(task.done() for task in crowd):
        started = time.monotonic()
        answer = await product.media("GET", "/users/default.png")
        assert answer.status_code == 200
        assert time.monotonic() - started < 2 * second()
        served += 1
        await asyncio.sleep(0.1)
    assert served
    assert {task.result().status_code for task in crowd} <= {200, 503}


async def test_many_uploads_at_once_stay_within_memory(
    product: Client, organizer: Person, event: str
) -> None:
    """Forty posters of almost five megabytes; what has no room is told to come again."""
    content = picture() + b"\x00" * 4_900_000
    uploads = [upload(product, "poster", organizer, event, content) for _ in range(40)]
    answers = await asyncio.gather(*uploads)
    assert {answer.status_code for answer in answers} <= {200, 400, 503}
    assert all("retry-after" in one.headers for one in answers if one.status_code == 503)
    again = await upload(product, "poster", organizer, event, picture())
    assert again.status_code == 200, again.text
