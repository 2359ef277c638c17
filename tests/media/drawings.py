"""Pictures of every format, with everything in them that must not be kept."""

import base64
import io
import zlib
from typing import Any

from PIL import Image, ImageCms, ImageOps, PngImagePlugin

SECRET = "Ring-the-bell-at-12-Via-Garibaldi"
# An AVIF whose boxes say 64 x 64 and whose stream says 12,000 x 12,000.
LIAR = zlib.decompress(
    base64.b85decode(
        "c-muNV30{GsVqn=%S>Yc0uY^>nP!-qnF!*)%uOvxWPkw0jFg-rD4U@mGr5ET4e%9YmgIt2j6f`xnUkLk;<$k"
        "Lj1W;qUIqr{UqH4-W@cU*T&)z4lgb3;C6*Z&I_Kx)gYC-5EGQ}f(w><G$@xH9B(u066>6UY6a($8$OLQV01`"
        "ZjWrog;@-iR+;pF_BqP*ms3ZS{X3~UWRA@R(DT$qo5&SGI?YGz?zU}4HlNh}d!;Nq75o_BwD?J_1QUI(KW>;"
        "im8Bk%vy`NLpy{*;dQ`rYC)_IIAsZuHRJrFyJ@TgkrGbNVFr8@CUtD)8UncqR1ZGoPrQYDIUq;S46*=}#_it"
        "FRScmL~dcFzYt>dvDJB69)p{y-(YdXnF6*TIK!I_t$^E>*n*~OU{;2e~<c`XuE$5q;5*Qy#W9sc?|~"
    )
)
KINDS = ("JPEG", "PNG", "WEBP", "AVIF")
MARK, GREEN, GROUND = (250, 20, 20), (20, 200, 90), (20, 60, 200)


def marked(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """A blue picture, red and green at the top, so that every turn can be told."""
    picture = Image.new("RGB", size, GROUND)
    picture.paste(MARK, (0, 0, size[0] // 2, size[1] // 2))
    picture.paste(GREEN, (size[0] // 2, 0, size[0], size[1] // 4))
    return picture


def soft(size: tuple[int, int] = (512, 384)) -> Image.Image:
    """A picture with the slow changes of colour that photographs have."""
    noise = Image.effect_noise((size[0] // 32, size[1] // 32), 60)
    bands = (noise, noise.rotate(180), ImageOps.mirror(noise))
    return Image.merge("RGB", bands).resize(size, Image.Resampling.BICUBIC)


def telling(kind: str, picture: Image.Image | None = None, orientation: int = 1) -> bytes:
    """Return a picture with a place, a device, words and a profile with a name in it."""
    content = io.BytesIO()
    (picture or marked()).save(content, kind, **_options(kind, orientation))
    return content.getvalue()


def _options(kind: str, orientation: int) -> dict[str, Any]:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = SECRET
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (44.0, 8.0, 21.0)
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", SECRET)
    words.add_itxt("XML:com.adobe.xmp", f"<x>{SECRET}</x>")
    options: dict[str, Any] = {"exif": exif, "icc_profile": profile()}
    if kind == "PNG":
        return {**options, "pnginfo": words}
    options["xmp"] = f"<x>{SECRET}</x>".encode()
    return {**options, "comment": SECRET.encode()} if kind == "JPEG" else options


def profile() -> bytes:
    """Return a colour profile that carries words."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tag = int.from_bytes(made[128:132], "big")
    body = bytearray(made[:128] + (tag + 1).to_bytes(4, "big"))
    end = len(made) + 12
    for at in range(132, 132 + 12 * tag, 12):
        body += made[at : at + 4]
        body += (int.from_bytes(made[at + 4 : at + 8], "big") + 12).to_bytes(4, "big")
        body += made[at + 8 : at + 12]
    words = b"text\0\0\0\0" + SECRET.encode()
    body += b"dmnd" + end.to_bytes(4, "big") + len(words).to_bytes(4, "big")
    body += made[132 + 12 * tag :] + words
    body[:4] = len(body).to_bytes(4, "big")
    return bytes(body)


def moving(kind: str, frames: int = 6, size: tuple[int, int] = (40, 30)) -> bytes:
    """Return a picture of several frames, all different."""
    pages = [Image.new("RGB", size, (at * 7 % 256, 40, at // 36)) for at in range(frames)]
    content = io.BytesIO()
    extra: dict[str, Any] = {"comment": SECRET.encode()} if kind == "GIF" else {}
    pages[0].save(
        content, kind, save_all=True, append_images=pages[1:], duration=50, loop=3, **extra
    )
    return content.getvalue()


def opened(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture
