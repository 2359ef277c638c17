"""Who may do what: rights.tsv, row by row, as six kinds of callers, against the running product.

A cell is the expected status; `*` behind it says that the answer shows what only insiders see (the
owner's address, the title of a draft), and its absence that it does not.
"""

import csv
import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from litestar import Litestar, get
from litestar.params import FromPath

import routes
from client import PASSWORD, Client, Person, eventually, local_date, picture
from services import catalogue
from services.kit.tokens import ServiceTokens

TABLE = Path(__file__).with_name("rights.tsv")
CALLERS = ("guest", "member", "organization", "collaborator", "owner", "service")
EVERY_CONTEXT = "*"


class Row(NamedTuple):
    service: str
    method: str
    path: str
    case: str
    cells: dict[str, str]

    @property
    def route(self) -> str:
        return f"{self.service} {self.method} {self.path}"

    @property
    def name(self) -> str:
        return f"{self.route} {self.case}".strip()


def rows() -> Iterator[Row]:
    with TABLE.open() as file:
        for line in csv.DictReader(file, delimiter="\t"):
            place = line["method"], line["path"], line["case"]
            cells = {caller: line[caller] for caller in CALLERS}
            every = line["context"] == EVERY_CONTEXT
            for service in catalogue.CONTEXTS if every else (line["context"],):
                yield Row(service, *place, cells)


ROWS = list(rows())


def undecided(service: str, built: Litestar) -> list[str]:
    """Return the routes of an application that no row of the table speaks of."""
    known = {row.route for row in ROWS}
    return sorted(one.name for one in routes.of(service, built) if one.name not in known)


@pytest.mark.parametrize("service", catalogue.CONTEXTS)
def test_every_route_has_its_row(service: str) -> None:
    assert undecided(service, routes.app(service)) == [], f"say in {TABLE.name} who may call these"


def test_a_new_route_without_a_row_is_named() -> None:
    @get("/{user_id:str}/secrets")
    async def secrets(user_id: FromPath[str]) -> str:
        return user_id

    built = routes.app("users")
    built.register(secrets)
    assert undecided("users", built) == ["users GET /{user_id}/secrets"]


def test_no_row_speaks_of_a_route_that_is_gone() -> None:
    found = {route.name for route in routes.everything()}
    assert [row.name for row in ROWS if row.route not in found] == []


def test_what_says_it_needs_a_token_refuses_guests() -> None:
    guarded = {route.name for route in routes.everything() if route.needs_token}
    assert guarded
    assert {row.route for row in ROWS if row.cells["guest"] != "401"}.isdisjoint(guarded)


class Scene:
    """Six callers, and what they call about: all of it is the owner's."""

    def __init__(self, client: Client, people: dict[str, Person], service: str) -> None:
        self.client = client
        self.people = people
        self.auths = {name: person.auth for name, person in people.items()}
        self.auths |= {"guest": {}, "service": {"Authorization": f"Bearer {service}"}}
        self.secret_title = f"Bozza {uuid.uuid4().hex}"
        self._events: dict[str, str] = {}

    @property
    def owner(self) -> Person:
        return self.people["owner"]

    async def new_event(self, case: str, title: str = "Notte") -> str:
        return await self.client.create_event(
            self.owner,
            title=title,
            poster=picture(),
            status="DRAFT" if case == "draft" else "PUBLISHED",
            collaboratorIds=[self.people["collaborator"].id],
        )

    async def event(self, case: str, *, fresh: bool = False) -> str:
        """Return an event that is a draft or published; a fresh one may be changed."""
        if fresh:
            return await self.new_event(case)
        if case not in self._events:
            title = self.secret_title if case == "draft" else "Notte"
            self._events[case] = await self.new_event(case, title)
        return self._events[case]

    async def place(self, case: str) -> str:
        """Return where pictures of the owner or of a draft of theirs are."""
        if case == "of a draft":
            return f"events/{await self.event('draft')}"
        return f"users/{self.owner.id}"

    async def stored(self, place: str) -> str:
        """Store a picture and return its path."""
        auth, files = self.owner.auth, {"file": ("kept.jpg", picture())}
        answer = await self.client.media("POST", f"/{place}", files=files, headers=auth)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["url"])


class Call(NamedTuple):
    """A request; ``caller`` only where it is not the one of the scene."""

    path: str
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed
    caller: Person | None = None


Maker = Callable[[Scene, Row, str, bool], Awaitable[Call]]
MAKERS: dict[str, Maker] = {}


def call(route: str) -> Callable[[Maker], Maker]:
    """Register how a route is called; the maker is told the caller, and if it is let in."""

    def register(maker: Maker) -> Maker:
        MAKERS[route] = maker
        return maker

    return register


async def plain(scene: Scene, row: Row, _caller: str, _allowed: bool) -> Call:  # noqa: FBT001
    """Call a route that only reads, or needs nothing but an address of the owner's."""
    values = {"user_id": scene.owner.id, "category": "Venue", "path": "default.png"}
    values["receipt_id"] = "x" * 32
    if "{event_id}" in row.path:
        values["event_id"] = await scene.event(row.case)
    segments = ("kind", "entity_id", "file_name", "fourth", "fifth", "sixth")
    return Call(row.path.format(**dict.fromkeys(segments, "x") | values))


def told(path: str, **body: Any) -> Maker:
    async def make(scene: Scene, *_: Any) -> Call:
        return Call(path.format(user_id=scene.owner.id), {"json": body})

    return make


MAKERS["users POST /logout"] = told("/logout", refreshToken="x.y.z")
MAKERS["users POST /password/forgotten"] = told("/password/forgotten", email="no@example.com")
MAKERS["users PUT /{user_id}"] = told(
    "/{user_id}",
    accountDTO={"darkMode": True, "language": "it"},
    profileDTO={"name": "Nome"},
)
MAKERS["users PUT /{user_id}/password"] = told(
    "/{user_id}/password",
    currentPassword=PASSWORD,
    newPassword=PASSWORD,
    confirmPassword=PASSWORD,
)


@call("users POST /login")
async def _login(scene: Scene, *_: Any) -> Call:
    return Call("/login", {"json": {"username": scene.owner.username, "password": PASSWORD}})


@call("users POST /register")
async def _register(*_: Any) -> Call:
    name = f"r-{uuid.uuid4().hex[:10]}"
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    return Call("/register", {"json": {**body, "role": "member"}})


@call("users POST /refresh")
async def _refresh(scene: Scene, *_: Any) -> Call:
    return Call("/refresh", {"json": {"refreshToken": scene.owner.refresh}})


@call("users DELETE /{user_id}")
async def _delete_user(scene: Scene, _row: Row, _caller: str, allowed: bool) -> Call:  # noqa: FBT001
    if allowed:
        leaver = await scene.client.register("organization")
        return Call(f"/{leaver.id}", caller=leaver)
    return Call(f"/{scene.owner.id}")


@call("users POST /{user_id}/avatar")
async def _avatar(scene: Scene, *_: Any) -> Call:
    return Call(f"/{scene.owner.id}/avatar", {"files": {"avatar": ("a.jpg", picture())}})


@call("events POST /")
async def _create(scene: Scene, row: Row, caller: str, _allowed: bool) -> Call:  # noqa: FBT001
    person = scene.people.get(caller)
    creator = person.id if person and row.case == "as oneself" else scene.owner.id
    event = {"creatorId": creator, "status": "DRAFT", "title": "Notte"}
    return Call("/", {"files": {"event": (None, json.dumps(event))}})


@call("events GET /search")
async def _search(scene: Scene, row: Row, *_: Any) -> Call:
    await scene.event("draft")
    query = {"organizationId": scene.owner.id} | (
        {"status": "DRAFT"} if "drafts" in row.case else {"status": "PUBLISHED"}
    )
    return Call("/search", {"params": query})


@call("events PUT /{event_id}")
async def _change(scene: Scene, row: Row, _caller: str, allowed: bool) -> Call:  # noqa: FBT001
    event = await scene.event(row.case, fresh=allowed)
    body = {"status": row.case.upper(), "title": "Altra", "date": local_date(days=9)}
    return Call(f"/{event}", {"json": body})


@call("events DELETE /{event_id}")
async def _retire(scene: Scene, row: Row, _caller: str, allowed: bool) -> Call:  # noqa: FBT001
    return Call(f"/{await scene.event(row.case, fresh=allowed)}")


@call("events POST /{event_id}/poster")
async def _poster(scene: Scene, row: Row, *_: Any) -> Call:
    files = {"poster": ("p.jpg", picture())}
    return Call(f"/{await scene.event(row.case)}/poster", {"files": files})


@call("media POST /{kind}/{entity_id}")
@call("media PUT /{kind}/{entity_id}")
async def _store(scene: Scene, row: Row, *_: Any) -> Call:
    place = await scene.place(row.case)
    name = (await scene.stored(place)).rpartition("/")[2]
    return Call(f"/{place}", {"files": {"file": (name, picture())}})


@call("media DELETE /{kind}/{entity_id}/{file_name}")
async def _unstore(scene: Scene, row: Row, *_: Any) -> Call:
    return Call(f"/{await scene.stored(await scene.place(row.case))}")


@call("events GET /internal/people/{user_id}")
async def _people(scene: Scene, *_: Any) -> Call:
    await scene.event("draft")
    return Call(f"/internal/people/{scene.owner.id}")


@call("media GET /internal/pictures/{kind}/{entity_id}/{file_name}")
async def _own_picture(scene: Scene, row: Row, *_: Any) -> Call:
    return Call(f"/internal/pictures/{await scene.stored(await scene.place(row.case))}")


@pytest.fixture(scope="module")
async def scene(product: Client) -> Scene:
    people = {
        name: await product.register("member" if name == "member" else "organization")
        for name in ("member", "organization", "collaborator", "owner")
    }
    environment = product.servers.environment("events")
    realm = f"{environment['KEYCLOAK_URL']}/realms/{environment['KEYCLOAK_REALM']}"
    login = environment["CLIENT_ID"], environment["CLIENT_SECRET"]
    made = Scene(product, people, await ServiceTokens(realm, *login, product.http).get())

    async def known() -> bool:
        form = {"creatorId": made.owner.id, "status": "DRAFT", "title": "Nota"}
        form["collaboratorIds"] = [people["collaborator"].id]  # type: ignore[assignment]
        files = {"event": (None, json.dumps(form))}
        answer = await product.events("POST", "/", files=files, headers=made.owner.auth)
        return answer.status_code == 201

    await eventually(known)
    return made


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
async def test_callers_may_do_what_is_written(scene: Scene, row: Row) -> None:
    make = MAKERS.get(row.route, plain)
    for caller, expected in row.cells.items():
        asked = await make(scene, row, caller, expected.startswith("2"))
        auth = asked.caller.auth if asked.caller else scene.auths[caller]
        url = scene.client.servers.url(row.service) + asked.path
        answer = await scene.client.http.request(row.method, url, headers=auth, **asked.options)
        insider = scene.owner.email in answer.text or scene.secret_title in answer.text
        found = f"{answer.status_code}{'*' * insider}"
        assert found == expected, f"{row.name} as {caller}: {found}, {answer.text[:200]}"
