"""Tokens that are none of ours, at every endpoint that asks for one, and floods of them."""

import asyncio
import base64
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

import routes
from client import PASSWORD, Client, Person, eventually, picture
from hostile import processes
from hostile.forgeries import (
    OWN_KEY,
    bare,
    claiming,
    decoded,
    headed,
    keyed,
    signed_by_us,
    unsigned,
)
from hostile.processes import Passage
from hostile.realms import Keycloak
from hostile.wire import second
from services.kit.tokens import FIRST_SECONDS, REFETCH_SECONDS, ServiceTokens

pytestmark = pytest.mark.hostile

FLOOD_SECONDS = 5.0
GUARDED = [route for route in routes.everything() if route.needs_token]
OPEN = [route for route in routes.everything() if not route.needs_token]


@pytest.fixture(scope="module")
async def keycloak(product: Client) -> AsyncIterator[Keycloak]:
    async with httpx.AsyncClient(timeout=30) as http:
        yield Keycloak(product, http)


Forged = dict[str, str]


@pytest.fixture(scope="module")
async def forged(product: Client, keycloak: Keycloak) -> Forged:
    """Bad tokens by kind, most of them made from a good one."""
    person = await product.register("organization")
    good = person.access
    keys = (await product.users("GET", "/public-keys")).json()["keys"]
    kid = decoded(good.partition(".")[0])["kid"]
    public = base64.b64decode(next(key["publicKey"] for key in keys if key["kid"] == kid))
    login = {"username": person.username, "password": PASSWORD, "scope": "openid"}
    stranger = await keycloak.add_client("eventonight", protocolMappers=[])
    other = await keycloak.token("eventonight", **stranger)
    ours = product.servers.environment("users")
    own = {"client_id": ours["CLIENT_ID"], "client_secret": ours["CLIENT_SECRET"]}
    identity = await keycloak.token("eventonight", grant_type="password", **own, **login)
    brief = await keycloak.add_client(
        "eventonight", attributes={"access.token.lifespan": "1"}, fullScopeAllowed=False
    )
    expired = str((await keycloak.token("eventonight", **brief))["access_token"])
    end = decoded(expired.split(".")[1])["exp"]

    async def past() -> bool:
        return bool(time.time() > end)

    await eventually(past, seconds=10)
    return {
        "expired": expired,
        "for another audience": other["access_token"],
        "of another realm": await keycloak.administrator(),
        "an identity token": identity["id_token"],
        "a refresh token": person.refresh,
        "unsigned": unsigned(good, "none"),
        "unsigned in capitals": unsigned(good, "NONE"),
        "unsigned, said to be signed": good.rpartition(".")[0] + ".",
        "keyed with the public key": keyed(good, public),
        "keyed with nothing": keyed(good, b""),
        "signed by us": signed_by_us(good),
        "signed by us, key enclosed": signed_by_us(good, jwk=OWN_KEY.as_dict(private=False)),
        "signed by us, key elsewhere": signed_by_us(good, jku="http://127.0.0.1:1/keys"),
        "an unknown key": signed_by_us(good, kid="nobody"),
        "a path as key id": headed(good, kid="../../../dev/null"),
        "a query as key id": headed(good, kid="' or 1=1 --"),
        "a changed role": claiming(good, realm_access={"roles": ["service"]}),
        "a changed user": claiming(good, user_id="somebody"),
        "a critical extension": headed(good, crit=[[]]),
        "another algorithm": headed(good, alg="PS256"),
        "cut": good[:-1],
        "longer": good + "A",
        "padded": good + "=",
        "twice": f"{good}.{good}",
        "dots": "." * 5_000,
        "deep": bare(b'{"alg": "RS256", "kid": "x", "a": ' + b"[" * 5_000) + ".e30.AA",
        "huge": "x" * 100_000,
        "not ASCII": good + "\u00e9",
        "an object": '{"$ne": null}',
    }


async def call(
    product: Client, route: routes.Route, headers: dict[str, str], url: str = ""
) -> httpx.Response:
    """Call a route for something that is not there, without a body."""
    path = re.sub(r"{[^}]*}", "x", route.path)
    base = url or product.servers.url(route.service)
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return await product.http.request(route.method, base + path, headers=encoded)


@pytest.mark.parametrize("route", GUARDED, ids=[route.name for route in GUARDED])
async def test_no_bad_token_opens_a_door(
    product: Client, forged: Forged, route: routes.Route
) -> None:
    for kind, token in forged.items():
        started = time.monotonic()
        answer = await call(product, route, {"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, f"{kind}: {answer.status_code} {answer.text}"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert time.monotonic() - started < second(), kind


@pytest.mark.parametrize("route", OPEN, ids=[route.name for route in OPEN])
async def test_a_bad_token_changes_nothing_where_none_is_needed(
    product: Client, forged: Forged, route: routes.Route
) -> None:
    plain = await call(product, route, {})
    for kind, token in forged.items():
        answer = await call(product, route, {"Authorization": f"Bearer {token}"})
        assert answer.status_code == plain.status_code, f"{kind}: {answer.text}"


async def test_a_good_token_is_good(product: Client, member: Person) -> None:
    """The refusals above mean something: the same call with a good token goes further."""
    for route in GUARDED:
        answer = await call(product, route, member.auth)
        assert answer.status_code != 401, f"{route.name}: {answer.text}"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "{}",
        "Basic {}",
        "Token {}",
        "Bearer {}, Bearer {}",
        "Bearer {} {}",
        'Bearer "{}"',
        "Bearer\t{}",
        "Bearer token={}",
    ],
)
async def test_only_one_form_of_the_header_counts(
    product: Client, member: Person, header: str
) -> None:
    text = header.format(member.access, member.access)
    answer = await product.users("DELETE", f"/{member.id}/avatar", headers={"Authorization": text})
    assert answer.status_code == 401


async def test_of_two_headers_the_first_counts(product: Client, member: Person) -> None:
    pair = [("Authorization", f"Bearer {member.access}"), ("Authorization", "Bearer x")]
    for headers, status in ((pair, 204), (pair[::-1], 401)):
        answer = await product.users("DELETE", f"/{member.id}/avatar", headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize("place", ["?access_token={}", "?token={}", "?authorization=Bearer {}"])
async def test_a_token_in_an_address_is_none(product: Client, member: Person, place: str) -> None:
    path = f"/{member.id}/avatar" + place.format(member.access)
    assert (await product.users("DELETE", path)).status_code == 401


async def test_a_flood_through_the_gateway_is_refused_and_limited(
    product: Client, forged: Forged
) -> None:
    headers = {"Authorization": f"Bearer {forged['an unknown key']}"}
    flood = [product.gateway("DELETE", "/x", host="users", headers=headers) for _ in range(300)]
    answers = await asyncio.gather(*flood)
    assert {answer.status_code for answer in answers} <= {401, 429}
    assert all("access-control-allow-origin" in answer.headers for answer in answers)


Ask = Callable[[str], Awaitable[int]]


def asker(product: Client, url: str) -> Ask:
    """Return a call that answers 403 to anybody with a good token, and 401 to the others."""

    files = {"file": ("a.jpg", picture())}

    async def ask(token: str) -> int:
        started = time.monotonic()
        headers = {"Authorization": f"Bearer {token}"}
        answer = await product.http.post(f"{url}/users/somebody", headers=headers, files=files)
        assert time.monotonic() - started < second() + 0.5
        return answer.status_code

    return ask


@pytest.mark.parametrize(
    ("mode", "status"), [("open", {401}), ("silent", {503}), ("closed", {503})]
)
async def test_a_flood_of_key_ids_costs_keycloak_no_fetch_of_its_own(
    product: Client, member: Person, mode: str, status: set[int]
) -> None:
    """Whatever the number of senders: only the service's own looks for its first keys."""
    started = time.monotonic()
    passage = Passage(product.servers.setup.site.ports["keycloak"])
    passage.mode = mode
    async with (
        passage.standing(),
        processes.service(product, "media", told={"KEYCLOAK_URL": passage.url}) as url,
    ):
        ask = asker(product, url)
        ends = time.monotonic() + FLOOD_SECONDS
        asked, found = 0, set()
        while time.monotonic() < ends:
            tokens = [signed_by_us(member.access, kid=f"k{asked + n}") for n in range(40)]
            found |= set(await asyncio.gather(*map(ask, tokens)))
            asked += len(tokens)
        assert found == status
        assert asked > 100
        looks = 1 + int((time.monotonic() - started) / FIRST_SECONDS)
        assert 1 <= passage.fetches <= (1 if mode == "open" else looks)


@pytest.mark.long
async def test_after_a_silence_keycloak_is_asked_again(product: Client, member: Person) -> None:
    passage = Passage(product.servers.setup.site.ports["keycloak"])
    passage.mode = "silent"
    async with (
        passage.standing(),
        processes.service(product, "media", told={"KEYCLOAK_URL": passage.url}) as url,
    ):
        ask = asker(product, url)
        assert await ask(member.access) == 503
        passage.mode = "open"

        async def known() -> bool:
            return await ask(member.access) == 403

        await eventually(known, seconds=FIRST_SECONDS + 5, every=0.5)
        assert passage.fetches == 2
        passage.mode = "silent"
        assert await ask(member.access) == 403


@pytest.mark.long
async def test_a_key_that_is_thrown_away_opens_nothing_any_more(
    product: Client, keycloak: Keycloak
) -> None:
    async with keycloak.another_realm() as realm:
        login = await keycloak.add_client(realm)
        issuer = f"{keycloak.public}/realms/{realm}"
        old = (await keycloak.token(realm, **login))["access_token"]
        async with processes.service(
            product, "media", told={"KEYCLOAK_REALM": realm, "TOKEN_ISSUER": issuer}
        ) as url:
            ask = asker(product, url)
            assert await ask(old) == 403
            await keycloak.replace_signing_key(realm)
            new = (await keycloak.token(realm, **login))["access_token"]

            async def taken_up() -> bool:
                return await ask(new) == 403

            await eventually(taken_up, seconds=REFETCH_SECONDS + 10, every=0.5)
            assert await ask(old) == 401


async def test_services_know_each_other_by_role_only(product: Client) -> None:
    """The token of a service is no user's: it opens no account."""
    told = product.servers.environment("events")
    realm = f"{told['KEYCLOAK_URL']}/realms/{told['KEYCLOAK_REALM']}"
    tokens = ServiceTokens(realm, told["CLIENT_ID"], told["CLIENT_SECRET"], product.http)
    headers = {"Authorization": f"Bearer {await tokens.get()}"}
    for path in ("/None", "/null", "/undefined", "/"):
        answer = await product.users("DELETE", path, headers=headers)
        assert answer.status_code in {403, 404, 405}
