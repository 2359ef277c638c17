"""Tokens: real ones, and every forgery."""

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from services.contracts.errors import UnauthenticatedError, UnavailableError
from services.kit.tokens import Keys, TokenVerifier

ISSUER = "http://auth.x/realms/r"
KEY = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
OTHER = RSAKey.generate_key(2048, {"kid": "k1"})


class Realm(httpx.AsyncBaseTransport):
    """Serves the realm's keys over the client's transport and counts the fetches."""

    def __init__(self) -> None:
        self.fetches = 0
        self.away = False
        self.keys = [KEY]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.fetches += 1
        if self.away:
            raise httpx.ConnectError("away", request=request)
        keys = [key.as_dict(private=False) for key in self.keys]
        return httpx.Response(200, json={"keys": keys})


class Time:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def realm() -> Realm:
    return Realm()


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
async def verifier(realm: Realm, clock: Time) -> AsyncIterator[TokenVerifier]:
    async with httpx.AsyncClient(transport=realm) as client:
        keys = Keys("http://k/realms/r", client, clock)
        yield TokenVerifier(keys, issuer=ISSUER, audience="eventonight", clock=clock)


def token(clock: Time, *, key: Any = KEY, kid: str = "k1", **change: Any) -> str:
    claims = {
        "sub": "s",
        "iss": ISSUER,
        "aud": ["eventonight", "account"],
        "exp": clock.now + 600,
        "typ": "Bearer",
        "azp": "users-service",
        "user_id": "u1",
        "realm_access": {"roles": ["member"]},
        **change,
    }
    return jwt.encode({"alg": "RS256", "kid": kid}, claims, key, algorithms=["RS256"])


async def test_a_good_token_tells_who_calls(verifier: TokenVerifier, clock: Time) -> None:
    found = await verifier.verify(token(clock))
    assert (found.user_id, found.subject, found.roles) == ("u1", "s", frozenset({"member"}))


def _none(clock: Time) -> str:
    payload = token(clock).split(".")[1]
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "k1"}).encode())
    return f"{head.decode().rstrip('=')}.{payload}."


def _confused(clock: Time) -> str:
    payload = token(clock).split(".")[1]
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "k1"}).encode())
    signed = f"{head.decode().rstrip('=')}.{payload}"
    mac = hmac.digest(KEY.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


FORGERIES: dict[str, Any] = {
    "no signature": _none,
    "public key as secret": _confused,
    "another key": lambda clock: token(clock, key=OTHER),
    "unknown kid": lambda clock: token(clock, kid="k9"),
    "expired": lambda clock: token(clock, exp=clock.now - 1),
    "not yet": lambda clock: token(clock, nbf=clock.now + 60),
    "another issuer": lambda clock: token(clock, iss="http://evil/realms/r"),
    "another audience": lambda clock: token(clock, aud="account"),
    "identity token": lambda clock: token(clock, typ="ID"),
    "no subject": lambda clock: token(clock, sub=None),
    "garbage": lambda _: "a.b.c",
    "nothing": lambda _: "",
    "huge": lambda _: "x" * 100_000,
    "tampered": lambda clock: token(clock)[:-4] + "AAAA",
}


@pytest.mark.parametrize("kind", FORGERIES)
async def test_no_forgery_gets_in(verifier: TokenVerifier, clock: Time, kind: str) -> None:
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(FORGERIES[kind](clock))


@pytest.mark.parametrize("guard", ["_issuer", "_audience"])
async def test_each_check_is_what_keeps_a_stranger_out(
    verifier: TokenVerifier, clock: Time, guard: str
) -> None:
    strange = {"_issuer": ("iss", "http://evil"), "_audience": ("aud", "other")}[guard]
    forged = token(clock, **{strange[0]: strange[1]})
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(forged)
    setattr(verifier, guard, strange[1])
    assert (await verifier.verify(forged)).user_id == "u1"


async def test_a_flood_of_unknown_kids_costs_one_fetch_per_half_minute(
    verifier: TokenVerifier, realm: Realm, clock: Time
) -> None:
    await verifier.verify(token(clock))
    for n in range(200):
        with pytest.raises(UnauthenticatedError):
            await verifier.verify(token(clock, kid=f"flood{n}"))
    assert realm.fetches == 1
    clock.now += 31
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(token(clock, kid="again"))
    assert realm.fetches == 2


async def test_keycloak_may_be_away_once_its_keys_are_known(
    verifier: TokenVerifier, realm: Realm, clock: Time
) -> None:
    await verifier.verify(token(clock))
    realm.away = True
    clock.now += 3_000
    assert (await verifier.verify(token(clock))).user_id == "u1"


async def test_without_any_key_it_is_an_outage_not_a_refusal(
    verifier: TokenVerifier, realm: Realm, clock: Time
) -> None:
    realm.away = True
    with pytest.raises(UnavailableError):
        await verifier.verify(token(clock))


async def test_a_remembered_verdict_ends_with_its_token(
    verifier: TokenVerifier, clock: Time
) -> None:
    short = token(clock, exp=clock.now + 5)
    await verifier.verify(short)
    clock.now += 6
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(short)


async def test_a_new_key_is_taken_up(verifier: TokenVerifier, realm: Realm, clock: Time) -> None:
    await verifier.verify(token(clock))
    fresh = RSAKey.generate_key(2048, {"kid": "k2"})
    realm.keys = [fresh]
    clock.now += 31
    assert (await verifier.verify(token(clock, key=fresh, kid="k2"))).user_id == "u1"
