"""The pictures shown where there is none, drawn here."""

import asyncio
import io
import math
from collections.abc import Callable

from PIL import Image, ImageDraw

from services.media import domain
from services.media.application.ports import Store

EVENT_SIZE = (900, 1200)
SQUARE = (512, 512)
NIGHT = (24, 16, 48)
DUSK = (108, 52, 160)
GLOW = (255, 196, 120)
REST_SECONDS = 30.0


async def keep_defaults(store: Store) -> None:
    """See to it for ever that the default pictures are in the store."""
    while True:
        await store_defaults(store)
        await asyncio.sleep(REST_SECONDS)


async def store_defaults(store: Store) -> None:
    """Put the default pictures into the store unless they are there."""
    drawings = {
        "default.png": lambda: _poster(SQUARE),
        "events/default.png": lambda: _poster(EVENT_SIZE),
        "users/default.png": _silhouette,
    }
    for key in domain.DEFAULTS:
        if await store.head(key) is None:
            content = await asyncio.to_thread(_png, drawings[key])
            await store.put(key, content, domain.FORMATS["PNG"])


def _png(draw: Callable[[], Image.Image]) -> bytes:
    content = io.BytesIO()
    draw().save(content, "PNG", optimize=True)
    return content.getvalue()


def _backdrop(size: tuple[int, int]) -> Image.Image:
    """A vertical gradient from night to dusk."""
    column = Image.new("RGB", (1, size[1]))
    for y in range(size[1]):
        part = y / size[1]
        color = tuple(round(a + (b - a) * part) for a, b in zip(NIGHT, DUSK, strict=True))
        column.putpixel((0, y), color)
    return column.resize(size)


def _poster(size: tuple[int, int]) -> Image.Image:
    picture = _backdrop(size)
    pen = ImageDraw.Draw(picture, "RGBA")
    width, height = size
    moon = width * 0.16
    pen.ellipse(
        (width * 0.62 - moon, height * 0.26 - moon, width * 0.62 + moon, height * 0.26 + moon),
        fill=(*GLOW, 235),
    )
    for index in range(14):
        left = width * index / 14
        tall = height * (0.12 + 0.16 * abs(math.sin(index * 1.7)))
        pen.rectangle((left, height - tall, left + width / 14 + 1, height), fill=(*NIGHT, 255))
    return picture


def _silhouette() -> Image.Image:
    picture = _backdrop(SQUARE)
    pen = ImageDraw.Draw(picture, "RGBA")
    pen.ellipse((166, 110, 346, 290), fill=(*GLOW, 230))
    pen.ellipse((86, 320, 426, 700), fill=(*GLOW, 230))
    return picture
