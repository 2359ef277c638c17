"""Posters and avatars drawn from a name: the same name always gives the same picture."""

import hashlib
import io
import math
import random
import textwrap

from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIZE = (900, 1200)
AVATAR = (400, 400)
PALETTES = (
    ((26, 12, 60), (214, 64, 120), (255, 206, 120)),
    ((6, 32, 56), (24, 140, 150), (244, 232, 160)),
    ((40, 8, 24), (220, 84, 40), (255, 220, 170)),
    ((14, 18, 44), (88, 80, 220), (180, 240, 250)),
    ((10, 30, 20), (70, 150, 80), (250, 240, 140)),
    ((34, 20, 60), (160, 90, 230), (255, 170, 210)),
)

Color = tuple[int, int, int]


def poster(title: str, place: str, when: str) -> bytes:
    """Return a JPEG poster of 900 x 1200 pixels."""
    dice = _dice(title)
    night, dusk, glow = dice.choice(PALETTES)
    picture = _gradient(SIZE, night, dusk)
    dice.choice((_moon, _rays, _waves, _confetti))(picture, dice, glow)
    pen = ImageDraw.Draw(picture, "RGBA")
    pen.rectangle((0, 760, SIZE[0], SIZE[1]), fill=(*night, 205))
    y = 800
    for line in textwrap.wrap(title, 18)[:3]:
        pen.text((60, y), line, font=ImageFont.load_default(84), fill="white")
        y += 98
    pen.line((60, 1105, 240, 1105), fill=glow, width=6)
    pen.text((60, 1125), f"{place}  |  {when}", font=ImageFont.load_default(36), fill=glow)
    return _jpeg(picture)


def avatar(name: str) -> bytes:
    """Return a JPEG portrait of 400 x 400 pixels with the name's initials."""
    dice = _dice(name)
    night, dusk, glow = dice.choice(PALETTES)
    picture = _gradient(AVATAR, dusk, night)
    _confetti(picture, dice, glow)
    initials = "".join(word[0] for word in name.split() if word[0].isalnum())[:2].upper()
    font = ImageFont.load_default(170)
    pen = ImageDraw.Draw(picture)
    pen.text((200, 200), initials, font=font, fill="white", anchor="mm")
    return _jpeg(picture)


def _dice(name: str) -> random.Random:
    return random.Random(hashlib.sha256(name.encode()).digest())  # noqa: S311 - pictures


def _jpeg(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=82, optimize=True)
    return content.getvalue()


def _gradient(size: tuple[int, int], top: Color, bottom: Color) -> Image.Image:
    mask = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), mask)


def _moon(picture: Image.Image, dice: random.Random, glow: Color) -> None:
    x, y, r = dice.randint(250, 650), dice.randint(220, 460), dice.randint(130, 230)
    halo = Image.new("RGBA", picture.size)
    ImageDraw.Draw(halo).ellipse(
        (x - r - 60, y - r - 60, x + r + 60, y + r + 60), fill=(*glow, 120)
    )
    blurred = halo.filter(ImageFilter.GaussianBlur(60))
    picture.paste(blurred, (0, 0), blurred)
    ImageDraw.Draw(picture).ellipse((x - r, y - r, x + r, y + r), fill=glow)


def _rays(picture: Image.Image, dice: random.Random, glow: Color) -> None:
    pen = ImageDraw.Draw(picture, "RGBA")
    x, y = dice.randint(200, 700), 760
    for index in range(18):
        angle = math.pi * (index + dice.random() * 0.4) / 18
        a, b = angle, angle + 0.07
        far = 1300
        points = [
            (x, y),
            (x - far * math.cos(a), y - far * math.sin(a)),
            (x - far * math.cos(b), y - far * math.sin(b)),
        ]
        pen.polygon(points, fill=(*glow, 60 + 60 * (index % 2)))


def _waves(picture: Image.Image, dice: random.Random, glow: Color) -> None:
    pen = ImageDraw.Draw(picture, "RGBA")
    shift = dice.random() * 6
    for row in range(16):
        height = 60 * math.sin(row / 3 + shift)
        points = [
            (x, 120 + row * 40 + height * math.sin(x / 90 + shift)) for x in range(-10, 920, 10)
        ]
        pen.line(points, fill=(*glow, 70 + row * 9), width=8)


def _confetti(picture: Image.Image, dice: random.Random, glow: Color) -> None:
    pen = ImageDraw.Draw(picture, "RGBA")
    width, height = picture.size
    for _ in range(90):
        x, y, r = dice.random() * width, dice.random() * height, 4 + dice.random() * width / 30
        pen.ellipse((x - r, y - r, x + r, y + r), fill=(*glow, dice.randint(30, 170)))
