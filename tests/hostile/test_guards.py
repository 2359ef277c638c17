"""Each guard is what keeps an attack out: taken out of a copy of the code, the attack gets in.

The copy runs as one more process beside the product. A guard that is moved or reworded makes its
test fail until the words here follow.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from client import Client, Person, eventually, picture
from hostile import processes
from hostile.forgeries import claiming, signed_by_us
from hostile.processes import ROOT, Passage, free_port
from hostile.realms import Keycloak
from hostile.wire import Door
from local import fetch, gateway

pytestmark = pytest.mark.hostile


@dataclass
class Stage:
    """Who is there, what belongs to whom, and a token for another audience."""

    http: httpx.AsyncClient
    owner: Person
    other: Person
    draft: str
    strange: str
    expired: str

    async def call(self, method: str, url: str, token: str = "", **options: Any) -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await self.http.request(method, url, headers=headers, **options)
        return answer.status_code


Attack = Callable[[Stage, str], Awaitable[int]]


class Guard(NamedTuple):
    """Words of the code that are replaced; what an attack is answered before and after."""

    service: str
    file: str
    words: str
    instead: str
    attack: Attack
    kept_out: int
    let_in: int
    environment: dict[str, str] = {}  # noqa: RUF012 - never changed


def upload_as(token: Callable[[Stage], str]) -> Attack:
    """Return an upload to somebody's pictures: 401 to strangers, 403 to other people."""
    files = {"file": ("a.png", b"a picture")}
    return lambda stage, url: stage.call("POST", f"{url}/users/somebody", token(stage), files=files)


async def many_bytes(stage: Stage, url: str) -> int:
    return await stage.call("POST", f"{url}/login", content=b"[" * 2_000_000)


async def long_text(stage: Stage, url: str) -> int:
    files = {"event": (None, "[" * 2_000_000)}
    return await stage.call("POST", f"{url}/", stage.owner.access, files=files)


async def many_pictures(stage: Stage, url: str) -> int:
    files = {"file": ("a.jpg", picture() + b"\x00" * 5_000_000)}
    return await stage.call(
        "POST", f"{url}/users/{stage.owner.id}", stage.owner.access, files=files
    )


async def anothers_profile(stage: Stage, url: str) -> int:
    body = {"accountDTO": {"darkMode": True, "language": "it"}, "profileDTO": {"name": "x"}}
    return await stage.call("PUT", f"{url}/{stage.owner.id}", stage.other.access, json=body)


async def anothers_event(stage: Stage, url: str) -> int:
    body = {"status": "DRAFT", "title": "Altra"}
    return await stage.call("PUT", f"{url}/{stage.draft}", stage.other.access, json=body)


async def anothers_pictures(stage: Stage, url: str) -> int:
    files = {"file": ("a.jpg", picture())}
    return await stage.call(
        "POST", f"{url}/users/{stage.owner.id}", stage.other.access, files=files
    )


async def creation_for_another(stage: Stage, url: str) -> int:
    event = {"creatorId": stage.owner.id, "status": "DRAFT"}
    files = {"event": (None, json.dumps(event))}
    return await stage.call("POST", f"{url}/", stage.other.access, files=files)


async def anothers_draft(stage: Stage, url: str) -> int:
    return await stage.call("GET", f"{url}/{stage.draft}")


async def anothers_drafts(stage: Stage, url: str) -> int:
    query = {"status": "DRAFT", "organizationId": stage.owner.id}
    return await stage.call("GET", f"{url}/search", stage.other.access, params=query)


async def what_services_tell_each_other(stage: Stage, url: str) -> int:
    return await stage.call("GET", f"{url}/internal/people/{stage.owner.id}", stage.other.access)


async def a_form_without_a_token(stage: Stage, url: str) -> int:
    return await stage.call("POST", f"{url}/", content=b"x" * 9_000_000)


async def a_crowd(_: Stage, url: str) -> int:
    """Hold two hundred connections; return what somebody else is answered, 0 for nothing."""
    door = Door(int(url.rpartition(":")[2]), "x")
    writers = [(await asyncio.open_connection("127.0.0.1", door.port))[1] for _ in range(200)]
    answer = await door.send(door.head("GET /health", "Connection: close"), seconds=4)
    for writer in writers:
        writer.close()
    return answer.status


async def a_stall(_: Stage, url: str) -> int:
    door = Door(int(url.rpartition(":")[2]), "x")
    head = door.head("POST /login", "Content-Type: application/json", "Content-Length: 9")
    return (await door.send(head, b"{", seconds=13)).status


TOKENS, BODIES = "kit/tokens.py", "kit/bodies.py"
GUARDS: dict[str, Guard] = {
    "audience": Guard(
        *("media", TOKENS, "if self._audience not in audience:", "if False:"),
        upload_as(lambda stage: stage.strange),
        *(401, 403),
    ),
    "issuer": Guard(
        *("media", TOKENS, "if claims.iss != self._issuer:", "if False:"),
        upload_as(lambda stage: stage.owner.access),
        *(401, 403),
        {"TOKEN_ISSUER": "http://auth.elsewhere/realms/eventonight"},
    ),
    "expiry": Guard(
        *("media", TOKENS, "if claims.exp <= now or", "if"),
        upload_as(lambda stage: stage.expired),
        *(401, 403),
    ),
    "signature": Guard(
        *("media", TOKENS, "jws.deserialize_compact(token, key, algorithms=[ALGORITHM])"),
        "jws.extract_compact(token.encode())",
        upload_as(lambda stage: claiming(stage.owner.access, user_id="somebody-else")),
        *(401, 403),
    ),
    "size of a body": Guard(
        *("users", "kit/http.py", "request_max_body_size=JSON_BYTES", "request_max_body_size=None"),
        many_bytes,
        *(413, 400),
    ),
    "size of a text": Guard(
        *("events", "kit/forms.py", "if len(self._text) > LONGEST_TEXT:", "if False:"),
        long_text,
        *(413, 400),
    ),
    "size of a picture": Guard(
        *("media", "media/http/controller.py", "if spooled.seek(0, 2) > domain.MAX_BYTES:"),
        "if False:",
        many_pictures,
        *(413, 200),
    ),
    "strangers before bodies": Guard(
        *("events", "kit/http.py", "guards=[check_caller],", ""),
        a_form_without_a_token,
        *(401, 413),
    ),
    "own account": Guard(
        *("users", "users/application/accounts.py", "if caller.user_id != user_id:", "if False:"),
        anothers_profile,
        *(403, 204),
    ),
    "own event": Guard(
        *("events", "events/application/nights.py"),
        "if event is None or not event.may_edit(caller.user_id):",
        "if event is None:",
        anothers_event,
        *(403, 200),
    ),
    "own name on an event": Guard(
        *("events", "events/application/nights.py", "if caller.user_id != creator_id:"),
        "if False:",
        creation_for_another,
        *(403, 201),
    ),
    "own pictures": Guard(
        *("media", "media/application/pictures.py"),
        'raise ForbiddenError("these pictures are not yours")',
        "return",
        anothers_pictures,
        *(403, 200),
    ),
    "a draft": Guard(
        *("events", "events/application/nights.py"),
        "if event is None or not event.seen_by(visitor.user_id if visitor else None):",
        "if event is None:",
        anothers_draft,
        *(404, 200),
    ),
    "drafts": Guard(
        *("events", "events/application/finding.py", "if Status.DRAFT in wished and not own:"),
        "if False:",
        anothers_drafts,
        *(403, 200),
    ),
    "services only": Guard(
        *("media", "kit/personal.py", "if SERVICE not in caller.roles:", "if False:"),
        what_services_tell_each_other,
        *(403, 200),
    ),
    "many connections": Guard(
        *("users", "kit/service.py", "backpressure=_connections(),", "backpressure=128,"),
        a_crowd,
        *(200, 0),
    ),
    "slow bodies": Guard(
        *("users", BODIES, "asyncio.timeout_at(self._started + self._allowed())"),
        "asyncio.timeout(None)",
        a_stall,
        *(408, 0),
    ),
}


FIRST = {"audience", "signature", "size of a body", "own account", "own event", "a draft"}


def without(guard: Guard, folder: Path) -> Path:
    """Return a copy of the services in which a guard is missing."""
    shutil.copytree(ROOT / "services", folder / "services")
    path = folder / "services" / guard.file
    text = path.read_text()
    assert text.count(guard.words) == 1, f"{guard.file} does not say {guard.words!r} once"
    path.write_text(text.replace(guard.words, guard.instead))
    return folder


@pytest.fixture(scope="module")
async def stage(product: Client) -> AsyncIterator[Stage]:
    owner, other = [await product.register("organization") for _ in range(2)]
    async with httpx.AsyncClient(timeout=30) as http:
        keycloak = Keycloak(product, http)
        stranger = await keycloak.add_client("eventonight", protocolMappers=[])
        strange = await keycloak.token("eventonight", **stranger)
        brief = await keycloak.add_client(
            "eventonight", attributes={"access.token.lifespan": "1"}, fullScopeAllowed=False
        )
        expired = str((await keycloak.token("eventonight", **brief))["access_token"])
        draft = await product.create_event(owner, status="DRAFT")
        made = Stage(http, owner, other, draft, str(strange["access_token"]), expired)
        refused = upload_as(lambda stage: stage.expired)

        async def past() -> bool:
            return await refused(made, product.servers.url("media")) == 401

        await eventually(past, seconds=10)
        yield made


@pytest.mark.parametrize(
    "name", [one if one in FIRST else pytest.param(one, marks=pytest.mark.long) for one in GUARDS]
)
async def test_an_attack_gets_in_where_its_guard_is_missing(
    product: Client, stage: Stage, tmp_path: Path, name: str
) -> None:
    guard = GUARDS[name]
    if guard.environment:
        async with processes.service(product, guard.service, told=guard.environment) as url:
            assert await guard.attack(stage, url) == guard.kept_out
    else:
        url = product.servers.url(guard.service)
        assert await guard.attack(stage, url) == guard.kept_out
    folder = without(guard, tmp_path)
    async with processes.service(
        product, guard.service, folder=folder, told=guard.environment
    ) as url:
        assert await guard.attack(stage, url) == guard.let_in


async def test_without_its_limit_a_flood_of_key_ids_reaches_keycloak(
    product: Client, stage: Stage, tmp_path: Path
) -> None:
    limit = Guard("media", TOKENS, "REFETCH_SECONDS = 30.0", "REFETCH_SECONDS = 0.0", a_stall, 0, 0)
    folder = without(limit, tmp_path)
    passage = Passage(product.servers.setup.site.ports["keycloak"])
    async with (
        passage.standing(),
        processes.service(
            product, "media", folder=folder, told={"KEYCLOAK_URL": passage.url}
        ) as url,
    ):
        for number in range(10):
            forged = signed_by_us(stage.owner.access, kid=f"k{number}")
            assert await stage.call("POST", f"{url}/users/x", forged) == 401
        assert passage.fetches >= 10


async def test_a_breaker_that_sees_bodies_is_opened_by_who_leaves_amid_one(
    product: Client, tmp_path: Path
) -> None:
    site = product.servers.setup.site
    document = (site.state / "gateway.yaml").read_text()
    words = json.dumps(gateway.WITH_BODY)[1:-1]
    assert words in document
    path = tmp_path / "gateway.yaml"
    path.write_text(document.replace(words, "HeaderRegexp(`X-Never`, `x`)"))
    door = Door(free_port(), f"users.{site.host}")
    process = await asyncio.create_subprocess_exec(
        str(fetch.program("traefik")),
        f"--providers.file.filename={path}",
        *gateway.static_arguments(listen=f"127.0.0.1:{door.port}"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        health = door.head("GET /health", "Connection: close")

        async def answers(status: int) -> bool:
            try:
                return (await door.send(health)).status == status
            except ConnectionError:
                return False

        await eventually(lambda: answers(200), seconds=20)
        for _ in range(20):
            async with door.open() as (_, writer):
                writer.write(door.head("POST /login", "Content-Length: 1000") + b"{")
                await writer.drain()
                await asyncio.sleep(0.05)
        await eventually(lambda: answers(503), seconds=5)
    finally:
        process.kill()
        await process.wait()
