import io
import uuid
from typing import Any

import pytest
from PIL import Image

from client import Client, picture
from services.kit.settings import load
from services.kit.tokens import ServiceTokens
from services.media import domain
from services.media.app import Settings
from services.media.gateways.defaults import store_defaults
from services.media.gateways.store import ObjectStore


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("/users/nobody/avatar.jpg", (512, 512)),
        ("/events/none/poster.jpg", (900, 1200)),
        ("/anything", (512, 512)),
        ("/a/b/c/d/e", (512, 512)),
        ("/events/default.png", (900, 1200)),
    ],
)
async def test_a_missing_picture_is_a_default_one(
    product: Client, path: str, size: tuple[int, int]
) -> None:
    answer = await product.media("GET", path, headers={"Origin": "http://x"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert Image.open(io.BytesIO(answer.content)).size == size


async def test_health(product: Client) -> None:
    assert (await product.media("GET", "/health")).json() == {"status": "ok"}


async def test_pictures_are_revalidated_cheaply(product: Client) -> None:
    person = await product.register()
    files = {"file": ("a.jpg", picture(), "text/plain")}
    stored = await product.media("POST", f"/users/{person.id}", files=files, headers=person.auth)
    assert stored.json() == {"url": f"users/{person.id}/a.jpg"}
    first = await product.media("GET", f"/users/{person.id}/a.jpg")
    assert first.headers["content-type"] == "image/jpeg"
    assert "no-cache" in first.headers["cache-control"]
    headers = {"If-None-Match": first.headers["etag"]}
    again = await product.media("GET", f"/users/{person.id}/a.jpg", headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    head = await product.media("HEAD", f"/users/{person.id}/a.jpg")
    assert head.headers["content-length"] == str(len(picture()))


async def test_who_may_write(product: Client) -> None:
    person, other = await product.register(), await product.register()
    path = f"/users/{person.id}"
    files = {"file": ("a.jpg", picture())}
    assert (await product.media("POST", path, files=files)).status_code == 401
    assert (await product.media("POST", path, files=files, headers=other.auth)).status_code == 403
    assert (await product.media("POST", "/x/1", files=files, headers=other.auth)).status_code == 400
    organizer = await product.register("organization")
    event_id = await product.create_event(organizer)
    target = f"/events/{event_id}"
    assert (
        await product.media("POST", target, files=files, headers=organizer.auth)
    ).status_code == 200
    assert (await product.media("POST", target, files=files, headers=other.auth)).status_code == 403
    assert (await product.media("DELETE", f"{target}/a.jpg", headers=other.auth)).status_code == 403


async def test_replacing_and_deleting(product: Client) -> None:
    person = await product.register()
    path, files = f"/users/{person.id}", {"file": ("b.png", picture("PNG"))}
    missing = await product.media("PUT", path, files=files, headers=person.auth)
    assert missing.status_code == 404
    await product.media("POST", path, files=files, headers=person.auth)
    assert (await product.media("PUT", path, files=files, headers=person.auth)).status_code == 200
    gone = await product.media("DELETE", f"{path}/b.png", headers=person.auth)
    assert gone.status_code == 200
    assert "message" in gone.json()
    assert (await product.media("DELETE", f"{path}/b.png", headers=person.auth)).status_code == 404


def _bomb() -> bytes:
    content = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='x'/>",
        b"GIF89a<script>",
        picture()[:200],
        b"%PDF-1.4",
        _bomb(),
    ],
    ids=["empty", "svg", "polyglot", "cut", "pdf", "bomb"],
)
async def test_what_is_no_picture_is_refused_by_its_content(
    product: Client, content: bytes
) -> None:
    person = await product.register()
    files = {"file": ("a.jpg", content, "image/jpeg")}
    answer = await product.media("POST", f"/users/{person.id}", files=files, headers=person.auth)
    assert answer.status_code == 400, answer.text
    assert "file" in answer.text


async def test_too_many_bytes_are_413(product: Client) -> None:
    person = await product.register()
    for size in (5_050_000, 9_000_000):
        files = {"file": ("a.jpg", b"x" * size)}
        answer = await product.media(
            "POST", f"/users/{person.id}", files=files, headers=person.auth
        )
        assert answer.status_code == 413


async def test_no_file_is_400(product: Client) -> None:
    person = await product.register()
    bodies: tuple[dict[str, Any], ...] = ({"files": {"other": ("a", b"x")}}, {"json": {}}, {})
    for options in bodies:
        answer = await product.media("POST", f"/users/{person.id}", headers=person.auth, **options)
        assert answer.status_code == 400, answer.text


async def test_a_service_may_write_for_anybody(product: Client) -> None:
    told = product.servers.environment("events")
    realm = f"{told['KEYCLOAK_URL']}/realms/eventonight"
    tokens = ServiceTokens(realm, told["CLIENT_ID"], told["CLIENT_SECRET"], product.http)
    headers = {"Authorization": f"Bearer {await tokens.get()}"}
    files = {"file": ("poster.jpg", picture())}
    path = f"/events/{uuid.uuid4()}"
    assert (await product.media("POST", path, files=files, headers=headers)).status_code == 200


async def test_default_pictures_that_are_lost_come_back(product: Client) -> None:
    told = load(Settings, product.servers.environment("media"))
    keys = told.s3_access_key, told.s3_secret_key
    store = ObjectStore(told.s3_endpoint, told.s3_bucket, *keys, told.s3_region)
    lost = domain.DEFAULTS[0]
    await store.delete(lost)
    assert await store.head(lost) is None
    await store_defaults(store)
    again = await product.media("GET", "/anything")
    assert (again.status_code, again.headers["content-type"]) == (200, "image/png")
