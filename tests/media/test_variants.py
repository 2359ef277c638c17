"""Sized pictures, parts of pictures and what caches are told, from the running service."""

import asyncio
import io
import uuid
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import httpx
import pytest

from client import Client, Person, eventually, picture
from media.drawings import SECRET, moving, opened, soft, telling
from services.kit.settings import load
from services.media import domain
from services.media.app import Settings
from services.media.application.ports import Crafted, Facts
from services.media.application.variants import Variants
from services.media.domain import Form
from services.media.gateways.store import ObjectStore

AVIF = {"Accept": "image/avif,image/webp,*/*;q=0.8"}
WEBP = {"Accept": "image/webp,*/*;q=0.8"}
PLAIN = {"Accept": "image/jpeg,image/png"}


@pytest.fixture(scope="module")
async def person(product: Client) -> Person:
    return await product.register()


@pytest.fixture(scope="module")
async def shown(product: Client, person: Person) -> str:
    """The path of a photograph that nobody changes."""
    return await put(product, person, photo())


@pytest.fixture
def store(product: Client) -> ObjectStore:
    told = load(Settings, product.servers.environment("media"))
    keys = told.s3_access_key, told.s3_secret_key
    return ObjectStore(told.s3_endpoint, told.s3_bucket, *keys, told.s3_region)


def photo(size: tuple[int, int] = (1500, 1000)) -> bytes:
    content = io.BytesIO()
    soft(size).save(content, "JPEG", quality=85)
    return content.getvalue()


async def put(product: Client, person: Person, content: bytes, name: str = "") -> str:
    files = {"file": (name or f"{uuid.uuid4()}.jpg", content)}
    answer = await product.media("POST", f"/users/{person.id}", files=files, headers=person.auth)
    assert answer.status_code == 200, answer.text
    return f"/{answer.json()['url']}"


async def keys(store: ObjectStore, prefix: str) -> list[str]:
    return [one.key async for one in store.listed(prefix)]


async def test_an_upload_is_stored_upright_and_tells_nothing(
    product: Client, person: Person
) -> None:
    path = await put(product, person, telling("JPEG", orientation=6))
    shown = (await product.media("GET", path)).content
    assert SECRET.encode() not in shown
    assert opened(shown).size == (64, 96)
    assert dict(opened(shown).getexif()) == {}


@pytest.mark.parametrize("width", domain.WIDTHS)
@pytest.mark.parametrize(
    ("accept", "media_type"),
    [(AVIF, "image/avif"), (WEBP, "image/webp"), (PLAIN, "image/jpeg"), ({}, "image/webp")],
)
async def test_a_sized_picture_comes_in_the_form_that_suits(
    product: Client, shown: str, width: int, accept: dict[str, str], media_type: str
) -> None:
    path = shown
    original = await product.media("HEAD", path)
    sized = await product.media("GET", path, params={"width": width}, headers=accept)
    assert (sized.status_code, sized.headers["content-type"]) == (200, media_type)
    assert opened(sized.content).size == (width, round(width * 2 / 3))
    assert sized.headers["vary"] == "Accept"
    assert sized.headers["etag"] != original.headers["etag"]
    assert "no-cache" in sized.headers["cache-control"]
    assert "vary" not in original.headers
    known = {**accept, "If-None-Match": sized.headers["etag"]}
    again = await product.media("GET", path, params={"width": width}, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["vary"] == "Accept"
    other = {**accept, "If-None-Match": original.headers["etag"]}
    whole = await product.media("GET", path, params={"width": width}, headers=other)
    assert whole.content == sized.content
    head = await product.media("HEAD", path, params={"width": width}, headers=accept)
    assert head.headers["content-length"] == str(len(sized.content))


async def test_a_small_picture_is_never_enlarged(product: Client, person: Person) -> None:
    path = await put(product, person, picture())
    sized = await product.media("GET", path, params={"width": 1280}, headers=AVIF)
    assert opened(sized.content).size == (60, 80)
    assert sized.headers["content-type"] == "image/avif"


@pytest.mark.parametrize("width", ["321", "0", "-1", "x", "", "1e3", "640.0"])
async def test_another_width_is_refused_and_fills_nothing(
    product: Client, person: Person, store: ObjectStore, width: str
) -> None:
    path = await put(product, person, picture())
    answer = await product.media("GET", path, params={"width": width})
    assert answer.status_code == 400
    assert "width" in answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    assert await keys(store, f"variants{path}") == []


async def test_other_parameters_change_nothing(product: Client, person: Person) -> None:
    path = await put(product, person, picture())
    plain = await product.media("GET", path)
    busted = await product.media("GET", path, params={"t": "123", "height": "9"})
    assert busted.content == plain.content == picture()
    assert busted.headers["etag"] == plain.headers["etag"]


async def test_defaults_are_sized_once_for_everybody(product: Client, store: ObjectStore) -> None:
    for _ in range(3):
        path = f"/events/{uuid.uuid4()}/poster.jpg"
        sized = await product.media("GET", path, params={"width": 320}, headers=WEBP)
        assert opened(sized.content).size == (320, 427)
        assert sized.headers["cache-control"] == "public, max-age=60"
        assert await keys(store, f"variants{path}") == []
    made = await keys(store, "variants/events/default.png/")
    assert len([key for key in made if key.endswith("/320.webp")]) == 1


async def test_a_moving_picture_is_sent_as_it_is(product: Client, person: Person) -> None:
    content = moving("GIF")
    path = await put(product, person, content, "a.gif")
    sized = await product.media("GET", path, params={"width": 320}, headers=AVIF)
    assert sized.headers["content-type"] == "image/gif"
    assert sized.headers["vary"] == "Accept"
    assert getattr(opened(sized.content), "n_frames", 1) == 6


async def test_variants_go_with_the_version_they_show(
    product: Client, person: Person, store: ObjectStore
) -> None:
    path = await put(product, person, photo())
    first = await product.media("GET", path, params={"width": 320}, headers=WEBP)
    kept = {"If-None-Match": first.headers["etag"], **WEBP}
    await put(product, person, picture("PNG", (700, 70)), path)
    assert await keys(store, f"variants{path}") == []
    second = await product.media("GET", path, params={"width": 320}, headers=kept)
    assert second.status_code == 200
    assert opened(second.content).size == (320, 32)
    assert len(await keys(store, f"variants{path}")) == 1
    await product.media("DELETE", path, headers=person.auth)
    assert await keys(store, f"variants{path}") == []
    gone = await product.media("GET", path, params={"width": 320}, headers=kept)
    assert opened(gone.content).size == (320, 320)


async def test_nobody_reads_variants_or_farewells_by_their_keys(
    product: Client, person: Person, store: ObjectStore
) -> None:
    path = await put(product, person, photo((400, 300)))
    await product.media("GET", path, params={"width": 320}, headers=WEBP)
    made = await keys(store, f"variants{path}")
    for key in (made[0], made[0].replace("variants/", "%76ariants/")):
        shown = await product.media("GET", f"/{key}")
        assert shown.headers["content-type"] == "image/png"
        assert opened(shown.content).size == (512, 512)


class Slow:
    """A workshop that counts, and takes its time until it is let go."""

    def __init__(self) -> None:
        self.made = 0
        self.go = asyncio.Event()

    async def clean(self, content: object) -> Crafted:
        raise AssertionError(content)

    async def size(self, read: Any, width: int, form: Form) -> Crafted | None:
        self.made += 1
        await self.go.wait()
        return Crafted(await read() + f"{width}{form}".encode(), "image/webp")


async def _stored(store: ObjectStore) -> Facts:
    key = f"users/{uuid.uuid4()}/a.jpg"
    await store.put(key, picture(), "image/jpeg")
    found = await store.head(key)
    assert found is not None
    return found


async def test_what_many_ask_for_at_once_is_made_once(store: ObjectStore) -> None:
    slow = Slow()
    variants, original = Variants(store, slow), await _stored(store)
    asking = [asyncio.create_task(variants.of(original, 320, Form.WEBP)) for _ in range(20)]
    await eventually(_is(lambda: slow.made > 0))
    asking[0].cancel()
    slow.go.set()
    found = await asyncio.gather(*asking[1:])
    assert slow.made == 1
    assert len({one.etag for one in found if one is not None}) == 1
    assert await variants.of(original, 320, Form.WEBP) == found[0]
    assert slow.made == 1


def _is(check: Any) -> Any:
    async def ask() -> bool:
        return bool(check())

    return ask


class Interrupted(Slow):
    """A workshop during whose work the original is replaced."""

    def __init__(self, store: ObjectStore, key: str) -> None:
        super().__init__()
        self._replaced = store, key

    async def size(self, read: Any, width: int, form: Form) -> Crafted | None:
        older = await read()
        store, key = self._replaced
        await store.put(key, b"another", "image/jpeg")
        return Crafted(older, f"{width}{form}")


async def test_a_variant_of_a_picture_that_is_replaced_meanwhile_does_not_stay(
    store: ObjectStore,
) -> None:
    original = await _stored(store)
    variants = Variants(store, Interrupted(store, original.key))
    assert await variants.of(original, 320, Form.WEBP) is None
    assert await keys(store, f"variants/{original.key}/") == []


async def test_whoever_cannot_be_served_in_time_gets_the_original(store: ObjectStore) -> None:
    slow = Slow()
    variants, original = Variants(store, slow, wait=0.2), await _stored(store)
    assert await variants.of(original, 640, Form.AVIF) is None
    slow.go.set()
    found = await eventually(lambda: variants.of(original, 640, Form.AVIF))
    assert found.size > original.size
    assert slow.made == 1


async def test_a_part_of_a_picture(product: Client, shown: str) -> None:
    path = shown
    whole = await product.media("GET", path)
    assert whole.headers["accept-ranges"] == "bytes"
    size = len(whole.content)
    for wanted, span in (
        ("bytes=0-99", (0, 100)),
        ("bytes=100-", (100, size)),
        ("bytes=-7", (size - 7, size)),
    ):
        part = await product.media("GET", path, headers={"Range": wanted})
        assert part.status_code == 206
        assert part.content == whole.content[slice(*span)]
        assert part.headers["content-range"] == f"bytes {span[0]}-{span[1] - 1}/{size}"
        assert part.headers["content-length"] == str(span[1] - span[0])
    beyond = await product.media("GET", path, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.text) == (416, f"Range: the picture has {size} bytes")
    assert beyond.headers["content-range"] == f"bytes */{size}"
    both = await product.media("GET", path, headers={"Range": "bytes=0-1,4-5"})
    assert (both.status_code, both.content) == (200, whole.content)
    stale = {"Range": "bytes=0-9", "If-Range": '"older"'}
    assert (await product.media("GET", path, headers=stale)).content == whole.content
    fresh = {"Range": "bytes=0-9", "If-Range": whole.headers["etag"]}
    assert (await product.media("GET", path, headers=fresh)).status_code == 206
    head = await product.media("HEAD", path, headers={"Range": "bytes=0-9"})
    assert (head.status_code, head.headers["content-length"]) == (200, str(size))
    sized = {"Range": "bytes=0-9", **WEBP}
    part = await product.media("GET", path, params={"width": 320}, headers=sized)
    assert (part.status_code, len(part.content)) == (206, 10)


async def test_a_picture_replaced_at_once_has_a_later_date(product: Client, person: Person) -> None:
    path = await put(product, person, photo((80, 60)))
    first = await product.media("GET", path)
    await put(product, person, picture(), path)
    second = await product.media("GET", path)
    dates = [parsedate_to_datetime(one.headers["last-modified"]) for one in (first, second)]
    assert dates[0] < dates[1]
    since = {"If-Modified-Since": first.headers["last-modified"]}
    assert (await product.media("GET", path, headers=since)).content == picture()
    since = {"If-Modified-Since": format_datetime(dates[1], usegmt=True)}
    assert (await product.media("GET", path, headers=since)).status_code == 304
    await product.media("DELETE", path, headers=person.auth)
    gone = await product.media("GET", path, headers=since)
    assert (gone.status_code, gone.headers["content-type"]) == (200, "image/png")


async def test_the_gateway_passes_parts_and_conditions_on(product: Client, person: Person) -> None:
    path = await put(product, person, photo((400, 300)))
    part = await product.gateway("GET", path, host="media", headers={"Range": "bytes=0-9"})
    assert (part.status_code, len(part.content)) == (206, 10)
    sized = await product.gateway("GET", f"{path}?width=320", host="media", headers=AVIF)
    assert opened(sized.content).size == (320, 240)
    known = {**AVIF, "If-None-Match": f'"x", {sized.headers["etag"]}'}
    again = await product.gateway("GET", f"{path}?width=320", host="media", headers=known)
    assert again.status_code == 304


async def test_encoding_does_not_keep_others_waiting(product: Client, person: Person) -> None:
    """Large pictures are made while the service answers as before."""
    paths = [await put(product, person, photo((2400, 1600 + at))) for at in range(2)]
    asked = [
        asyncio.create_task(product.media("GET", path, params={"width": 1280}, headers=accept))
        for path in paths
        for accept in (AVIF, PLAIN)
    ]
    waits: list[float] = []
    async with httpx.AsyncClient(timeout=10) as client:
        while not all(one.done() for one in asked):
            answer = await client.get(product.servers.url("media") + "/health/live")
            waits.append(answer.elapsed.total_seconds())
            await asyncio.sleep(0.02)
    for done in asked:
        assert opened((await done).content).size[0] == 1280
    waits.sort()
    assert waits[len(waits) * 9 // 10] < 0.25, waits[-5:]
