"""Everything about one person as one archive, from every service, whole or not at all."""

import asyncio
import contextlib
import io
import json
import uuid
import zipfile
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import httpx
import pytest

from client import Client, Person
from privacy.people import Known, portrait, service_token, somebody
from services import catalogue
from services.contracts import personal
from services.contracts.errors import ForbiddenError, UnavailableError
from services.contracts.personal import End, File, Item, Section
from services.kit.service import Service
from services.kit.settings import load
from services.kit.tokens import Identity
from services.users.app import Settings, build
from services.users.application.exports import MOST_AT_ONCE, Exports
from services.users.gateways import archive, peers
from services.users.gateways.archive import ZipArchive

INTERNAL = "/internal/people/{}"


@pytest.fixture(scope="module")
async def known(product: Client) -> Known:
    return await somebody(product)


def opened(content: bytes) -> zipfile.ZipFile:
    found = zipfile.ZipFile(io.BytesIO(content))
    assert found.testzip() is None
    return found


async def test_a_person_gets_everything_from_every_service(product: Client, known: Known) -> None:
    person = known.person
    answer = await product.users("GET", f"/{person.id}/export", headers=person.auth)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "no-store"
    assert "attachment" in answer.headers["content-disposition"]
    found = opened(answer.content)
    documents = {name: json.loads(found.read(f"{name}.json")) for name in catalogue.CONTEXTS}
    told = {
        (name, section["name"]): section["items"]
        for name, document in documents.items()
        for section in document["sections"]
    }
    account = told["users", "account"][0]
    assert (account["email"], account["name"], account["bio"]) == (
        person.email,
        known.name,
        known.bio,
    )
    assert told["users", "sign-in"][0]["username"] == person.username
    mine = {one["eventId"]: one["status"] for one in told["events", "events"]}
    assert mine == {
        known.published: "PUBLISHED",
        known.draft: "DRAFT",
        known.cancelled: "CANCELLED",
    }
    assert [one["eventId"] for one in told["events", "collaborations"]] == [known.helped]
    assert told["events", "profile copies"] == [{"userId": person.id, "name": known.name}]
    assert [one["key"] for one in told["media", "pictures"]] == [f"users/{person.id}/avatar.jpg"]
    assert found.read(f"pictures/users/{person.id}/avatar.jpg") == portrait()
    for event_id in mine:
        shown = await product.media("GET", f"/events/{event_id}/poster.jpg")
        assert found.read(f"pictures/events/{event_id}/poster.jpg") == shown.content


async def test_the_archive_says_what_is_in_it(product: Client, known: Known) -> None:
    person = known.person
    answer = await product.gateway("GET", f"/{person.id}/export", host="users", headers=person.auth)
    found = opened(answer.content)
    manifest = json.loads(found.read("manifest.json"))
    readme = found.read("README.txt").decode()
    listed = {"README.txt", "manifest.json"}
    for document in manifest["documents"]:
        listed.add(document["file"])
        inside = json.loads(found.read(document["file"]))
        for section, items in zip(document["sections"], inside["sections"], strict=True):
            assert section["items"] == len(items["items"])
            assert section["about"] in readme
    listed |= {one["file"] for one in manifest["pictures"] if not one["missing"]}
    assert set(found.namelist()) == listed
    assert manifest["userId"] == person.id
    for one in manifest["pictures"]:
        assert one["bytes"] == found.getinfo(one["file"]).file_size
        assert one["file"] in readme


async def test_only_the_owner_gets_it(product: Client, known: Known) -> None:
    other = await product.register()
    path = f"/{known.person.id}/export"
    service = await service_token(product)
    for headers, status, code in (
        ({}, 401, "unauthenticated"),
        (other.auth, 403, "forbidden"),
        (service, 403, "forbidden"),
    ):
        answer = await product.users("GET", path, headers=headers)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == code


@pytest.mark.parametrize("service", catalogue.CONTEXTS)
async def test_what_services_tell_each_other_is_for_services_only(
    product: Client, known: Known, service: str
) -> None:
    path = INTERNAL.format(known.person.id)
    base = product.servers.url(service)
    token = await service_token(product)
    told = await product.http.get(base + path, headers=token)
    assert told.status_code == 200
    *lines, last = told.content.splitlines()
    assert personal.decode(last) == End(len(lines))
    assert all(not isinstance(personal.decode(line), End) for line in lines)
    for headers, status in (
        ({}, 401),
        (known.person.auth, 403),
        ({**token, "X-Forwarded-For": "10.0.0.1"}, 404),
    ):
        assert (await product.http.get(base + path, headers=headers)).status_code == status


@pytest.mark.parametrize("service", catalogue.CONTEXTS)
@pytest.mark.parametrize(
    "path",
    ["/internal/people/x", "/INTERNAL/people/x", "/%69nternal/people/x", "//internal/people/x"],
)
async def test_the_gateway_routes_nothing_internal(
    product: Client, service: str, path: str
) -> None:
    token = await service_token(product)
    for place, host in ((path, service), (f"/api/{service}{path}", "")):
        answer = await product.gateway("GET", place, host=host, headers=token)
        assert b'"type":"end"' not in answer.content
        if service != "media" or "ternal/" not in path.lower():
            assert answer.status_code == 404, (place, host, answer.text)


async def test_a_picture_is_fetched_itself_by_services_only(product: Client, known: Known) -> None:
    base = product.servers.url("media") + "/internal/pictures"
    path, token = f"{base}/users/{known.person.id}/avatar.jpg", await service_token(product)
    assert (await product.http.get(path, headers=token)).content == portrait()
    assert (await product.http.get(path, headers=known.person.auth)).status_code == 403
    assert (await product.http.get(path)).status_code == 401
    missing = await product.http.get(f"{base}/users/{uuid.uuid4()}/avatar.jpg", headers=token)
    assert (missing.status_code, missing.json()["code"]) == (404, "not-found")


Answer = Callable[[asyncio.StreamWriter], Any]


def answered(*lines: bytes, head: bytes = b"200 OK") -> Answer:
    async def answer(out: asyncio.StreamWriter) -> None:
        body = b"".join(lines)
        length = str(len(body)).encode()
        out.write(b"HTTP/1.1 " + head + b"\r\nContent-Length: " + length + b"\r\n\r\n" + body)

    return answer


async def _cut_off(out: asyncio.StreamWriter) -> None:
    out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + personal.encode(SECTION))


async def _silent(_: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


SECTION, ITEM = Section("likes", "What you like."), Item({"eventId": "e"})
WHOLE = (personal.encode(SECTION), personal.encode(ITEM), personal.encode(End(2)))
FAULTS: dict[str, Answer] = {
    "no end": answered(*WHOLE[:2]),
    "fewer than announced": answered(WHOLE[0], WHOLE[2]),
    "not lines": answered(b"<html>", WHOLE[2]),
    "a line too long": answered(b'"' + b"x" * (personal.MAX_LINE_BYTES + 1)),
    "an item of nothing": answered(WHOLE[1], personal.encode(End(1))),
    "a file that cannot be one": answered(
        WHOLE[0], personal.encode(File("../../etc/passwd", "x")), personal.encode(End(2))
    ),
    "an error": answered(head=b"500 Oh"),
    "nothing of the kind": answered(head=b"404 No"),
    "cut off": _cut_off,
    "silent": _silent,
}


@pytest.fixture
async def peer() -> AsyncIterator[Callable[[Answer], Any]]:
    """Something in the place of a service that is at fault."""
    running: list[asyncio.Server] = []

    async def start(answer: Answer) -> str:
        async def serve(inbound: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
            await inbound.readuntil(b"\r\n\r\n")
            await answer(out)
            out.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        running.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in running:
        server.close()


class Builder:
    """Builds the users service with other addresses of other services."""

    def __init__(self, product: Client) -> None:
        self._environ = product.servers.environment("users")
        self.built: list[Service] = []

    def service(self, **changed: str) -> Service:
        known = dict(one.split("=", 1) for one in self._environ["PEERS"].split(","))
        told = ",".join(f"{name}={url}" for name, url in {**known, **changed}.items())
        service = build(load(Settings, {**self._environ, "PEERS": told}))
        self.built.append(service)
        return service

    def exports(self, **changed: str) -> Exports:
        dependency: Any = self.service(**changed).app.dependencies["exports"]
        found: Exports = dependency.dependency()
        return found


@pytest.fixture
async def builder(product: Client) -> AsyncIterator[Builder]:
    made_here = Builder(product)
    yield made_here
    for service in made_here.built:
        for close in service.close:
            await close()


def as_person(person: Person) -> Identity:
    return Identity("s", person.id, frozenset(), "c", 0.0)


async def made(exports: Exports, person: Person) -> zipfile.ZipFile:
    finished = await exports.make(as_person(person), person.id)
    return opened(b"".join([chunk async for chunk in finished.content()]))


async def test_a_later_service_needs_its_address_only(
    builder: Builder, known: Known, peer: Callable[[Answer], Any]
) -> None:
    exports = builder.exports(interactions=await peer(answered(*WHOLE)))
    found = await made(exports, known.person)
    document = json.loads(found.read("interactions.json"))
    assert document["sections"] == [
        {"name": "likes", "about": "What you like.", "items": [{"eventId": "e"}]}
    ]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_service_at_fault_fails_the_export(
    builder: Builder,
    known: Known,
    peer: Callable[[Answer], Any],
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    monkeypatch.setattr(peers, "CALL_SECONDS", 0.5 if fault == "silent" else 8.0)
    exports = builder.exports(interactions=await peer(FAULTS[fault]))
    with pytest.raises(UnavailableError, match=r"interactions|a service"):
        await exports.make(as_person(known.person), known.person.id)
    exports = builder.exports()
    assert "events.json" in (await made(exports, known.person)).namelist()


async def test_a_service_that_is_away_is_named_in_a_503(builder: Builder, known: Known) -> None:
    service = builder.service(events="http://127.0.0.1:1")
    transport = httpx.ASGITransport(app=cast("Any", service.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://users") as client:
        path = f"/{known.person.id}/export"
        answer = await client.get(path, headers=known.person.auth)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"]
    assert answer.json()["detail"].startswith("events ")


@pytest.mark.parametrize("others", [1, MOST_AT_ONCE])
async def test_only_some_are_made_at_once(builder: Builder, known: Known, others: int) -> None:
    exports = builder.exports()
    person = known.person
    with contextlib.ExitStack() as stack:
        for at in range(others):
            stack.enter_context(exports._turn(person.id if others == 1 else str(at)))
        with pytest.raises(UnavailableError, match="already"):
            await exports.make(as_person(person), person.id)
    assert "users.json" in (await made(exports, person)).namelist()
    with pytest.raises(ForbiddenError):
        await exports.make(as_person(person), str(uuid.uuid4()))


async def test_an_archive_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 5_000)
    made_here = ZipArchive()

    async def lines() -> AsyncIterator[personal.Line]:
        yield SECTION
        for _ in range(1_000):
            yield ITEM

    with pytest.raises(UnavailableError) as caught:
        await made_here.document("events", lines())
    assert caught.value.code == "export-too-large"
    made_here.close()


async def test_a_picture_that_is_gone_is_noted() -> None:
    made_here = ZipArchive()
    await made_here.picture(File("events/e/poster.jpg", "a poster"), None)
    made_here.finish("u")
    found = opened(b"".join([chunk async for chunk in made_here.content()]))
    assert json.loads(found.read("manifest.json"))["pictures"][0]["missing"] is True
    assert "no longer there" in found.read("README.txt").decode()
