"""Every row of endpoints.tsv, called with valid input at both of its addresses on the gateway."""

import csv
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from client import PASSWORD, Client, Person, local_date, picture
from services import catalogue

TABLE = Path(__file__).with_name("endpoints.tsv")


class Row(NamedTuple):
    service: str
    method: str
    gateway_path: str
    auth: str
    success_status: str
    error_statuses: str
    used_by_frontend: str

    @property
    def path(self) -> str:
        return self.gateway_path.partition("{HOST}")[2]

    @property
    def name(self) -> str:
        return f"{self.service} {self.method} {self.path}"


def rows() -> list[Row]:
    with TABLE.open() as file:
        return [Row(**line) for line in csv.DictReader(file, delimiter="\t")]


BUILT = [row for row in rows() if row.service in catalogue.CONTEXTS]


class Stage:
    """People and things that a call needs; fresh for every call."""

    def __init__(self, client: Client, member: Person, organizer: Person) -> None:
        self.client = client
        self.member = member
        self.organizer = organizer

    async def event(self) -> str:
        return await self.client.create_event(self.organizer)

    async def draft(self) -> str:
        return await self.client.create_event(self.organizer, status="DRAFT")

    async def with_poster(self) -> str:
        return await self.client.create_event(self.organizer, status="DRAFT", poster=picture())

    async def with_avatar(self) -> str:
        path = f"/{self.member.id}/avatar"
        files = {"avatar": ("a.jpg", picture(), "image/jpeg")}
        answer = await self.client.users("POST", path, files=files, headers=self.member.auth)
        assert answer.status_code == 200, answer.text
        return self.member.id

    async def file(self) -> str:
        event = await self.with_poster()
        shown = await self.client.events("GET", f"/{event}", headers=self.organizer.auth)
        return str(httpx.URL(shown.json()["poster"]).path).lstrip("/")


class Call(NamedTuple):
    """What to put into a row's placeholders and what to send; as whom."""

    path: str
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed
    person: Person | None = None


def _event_form(organizer: Person) -> dict[str, Any]:
    event = {
        "creatorId": organizer.id,
        "status": "PUBLISHED",
        "title": "Notte",
        "date": local_date(days=3),
        "location": {"name": "Teatro", "city": "Cesena", "lat": 44.1, "lon": 12.2},
    }
    return {
        "files": {
            "event": (None, json.dumps(event)),
            "poster": ("p.jpg", picture(), "image/jpeg"),
        }
    }


def _file(field: str) -> dict[str, Any]:
    return {"files": {field: ("poster.jpg", picture(), "image/jpeg")}}


async def _login(stage: Stage) -> Call:
    return Call("/login", {"json": {"username": stage.member.username, "password": PASSWORD}})


async def _register(stage: Stage) -> Call:
    name = f"{stage.member.username}x"
    body = {"username": name, "email": f"{name}@x.it", "password": PASSWORD, "role": "member"}
    return Call("/register", {"json": body})


async def _refresh(stage: Stage) -> Call:
    return Call("/refresh", {"json": {"refreshToken": stage.member.refresh}})


async def _logout(stage: Stage) -> Call:
    return Call("/logout", {"json": {"refreshToken": stage.member.refresh}})


async def _update_user(stage: Stage) -> Call:
    account = {"darkMode": True, "language": "it", "interests": ["Party"]}
    body = {"accountDTO": account, "profileDTO": {"name": "Nome", "bio": "x", "contacts": []}}
    return Call(f"/{stage.member.id}", {"json": body}, stage.member)


async def _password(stage: Stage) -> Call:
    body = {"currentPassword": PASSWORD, "newPassword": f"{PASSWORD}9"}
    body["confirmPassword"] = body["newPassword"]
    return Call(f"/{stage.member.id}/password", {"json": body}, stage.member)


async def _update_event(stage: Stage) -> Call:
    event = await stage.draft()
    return Call(f"/{event}", {"json": {"title": "Altra", "status": "DRAFT"}}, stage.organizer)


async def _media_delete(stage: Stage) -> Call:
    return Call(f"/{await stage.file()}", {}, stage.organizer)


CALLS: dict[str, Callable[[Stage], Awaitable[Call]]] = {
    "users POST /login": _login,
    "users POST /register": _register,
    "users POST /refresh": _refresh,
    "users POST /logout": _logout,
    "users PUT /{userId}": _update_user,
    "users PUT /{userId}/password": _password,
    "events PUT /{eventId}": _update_event,
    "media DELETE /{type}/{entityId}/{filename}": _media_delete,
}


def simple(name: str, make: Callable[[Stage], Awaitable[Call]]) -> None:
    assert name not in CALLS
    CALLS[name] = make


def _fixed(path: str) -> Callable[[Stage], Awaitable[Call]]:
    async def make(_: Stage) -> Call:
        return Call(path)

    return make


for _name, _path in {
    "users GET /health": "/health",
    "users GET /public-keys": "/public-keys",
    "users GET /search": "/search?prefix=a",
    "events GET /": "/",
    "events GET /search": "/search?title=a&near=44.1,12.2",
    "events GET /tags": "/tags",
    "events GET /tags/{category}": "/tags/EventType",
    "media GET /health": "/health",
}.items():
    simple(_name, _fixed(_path))


def _of(
    before: Callable[[Stage], Awaitable[str]],
    path: str,
    person: Callable[[Stage], Person | None],
    **options: Any,
) -> Callable[[Stage], Awaitable[Call]]:
    async def make(stage: Stage) -> Call:
        return Call(path.format(await before(stage)), options, person(stage))

    return make


async def _member_id(stage: Stage) -> str:
    return stage.member.id


async def _creation(stage: Stage) -> Call:
    return Call("/", _event_form(stage.organizer), stage.organizer)


def nobody(_: Stage) -> None:
    return None


def the_member(stage: Stage) -> Person:
    return stage.member


def the_organizer(stage: Stage) -> Person:
    return stage.organizer


simple("events POST /", _creation)
simple("users GET /{userId}", _of(_member_id, "/{}", nobody))
simple("users DELETE /{userId}", _of(_member_id, "/{}", the_member))
simple("users POST /{userId}/avatar", _of(_member_id, "/{}/avatar", the_member, **_file("avatar")))
simple("users DELETE /{userId}/avatar", _of(Stage.with_avatar, "/{}/avatar", the_member))
simple("events GET /{eventId}", _of(Stage.event, "/{}", nobody))
simple("events DELETE /{eventId}", _of(Stage.event, "/{}", the_organizer))
simple(
    "events POST /{eventId}/poster",
    _of(Stage.event, "/{}/poster", the_organizer, **_file("poster")),
)
simple("events DELETE /{eventId}/poster", _of(Stage.with_poster, "/{}/poster", the_organizer))
simple("media GET /{path}", _of(Stage.file, "/{}", nobody))
simple(
    "media POST /{type}/{entityId}", _of(Stage.draft, "/events/{}", the_organizer, **_file("file"))
)
simple(
    "media PUT /{type}/{entityId}",
    _of(Stage.with_poster, "/events/{}", the_organizer, **_file("file")),
)


def test_the_table_is_whole_and_every_built_row_has_its_call() -> None:
    assert len(rows()) == 91
    assert {row.name for row in BUILT} == set(CALLS)
    assert {row.service for row in BUILT} == set(catalogue.CONTEXTS)


@pytest.fixture(scope="module")
async def organizer(product: Client) -> Person:
    return await product.register("organization")


@pytest.mark.parametrize("address", ["host", "path"])
@pytest.mark.parametrize("row", BUILT, ids=[row.name for row in BUILT])
async def test_a_row_answers_as_written(
    product: Client, organizer: Person, row: Row, address: str
) -> None:
    member = await product.register() if row.service == "users" else organizer
    stage = Stage(product, member, organizer)
    path, options, person = await CALLS[row.name](stage)
    host = row.service if address == "host" else ""
    place = path if address == "host" else f"/api/{row.service}{path}"
    if row.auth not in {"public", "optional"}:
        refused = await stage.client.gateway(row.method, place, host=host, **options)
        assert refused.status_code == 401, refused.text
        assert refused.headers["access-control-allow-origin"] == "*"
    headers = person.auth if person else {}
    answer = await stage.client.gateway(row.method, place, host=host, headers=headers, **options)
    assert answer.status_code == int(row.success_status), answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    if answer.status_code == 204:
        assert answer.content == b""


@pytest.mark.parametrize("row", BUILT, ids=[row.name for row in BUILT])
async def test_a_trailing_slash_is_no_redirect(product: Client, row: Row) -> None:
    path = row.path.rstrip("/").replace("{", "").replace("}", "")
    answers = [
        await product.gateway(row.method, f"{path}{slash}", host=row.service) for slash in ("", "/")
    ]
    assert answers[0].status_code == answers[1].status_code, answers
    assert not any(one.is_redirect for one in answers)


def test_a_row_documents_its_statuses() -> None:
    for row in BUILT:
        document = json.loads(catalogue.openapi(row.service))
        shapes = {_bare(path): methods for path, methods in document["paths"].items()}
        responses = shapes[_bare(row.path)][row.method.lower()]["responses"]
        assert row.success_status in responses, row.name


def _bare(path: str) -> str:
    """Return a path whose placeholders have no names."""
    return "/".join("{}" if "{" in part else part for part in path.split("/"))
