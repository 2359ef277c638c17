"""Tokens: real ones, and every forgery."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey

from client import eventually
from services.contracts.errors import UnauthenticatedError, UnavailableError
from services.kit import tokens
from services.kit.tokens import Keys, ServiceTokens, TokenVerifier

ISSUER = "http://auth.x/realms/r"
KEY = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
OTHER = RSAKey.generate_key(2048, {"kid": "k1"})


class Realm(httpx.AsyncBaseTransport):
    """Serves the realm's keys over the client's transport and counts the fetches."""

    def __init__(self) -> None:
        self.fetches = 0
        self.away = False
        self.silent = False
        self.answer: httpx.Response | None = None
        self.keys = [KEY]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.fetches += 1
        if self.away:
            raise httpx.ConnectError("away", request=request)
        if self.silent:
            await asyncio.Event().wait()
        if self.answer is not None:
            return self.answer
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
async def keys(realm: Realm, clock: Time) -> AsyncIterator[Keys]:
    async with httpx.AsyncClient(transport=realm) as client:
        yield Keys("http://k/realms/r", client, clock)


@pytest.fixture
async def verifier(keys: Keys, clock: Time) -> TokenVerifier:
    return TokenVerifier(keys, issuer=ISSUER, audience="eventonight", clock=clock)


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


def _headed(clock: Time, head: str) -> str:
    """Return a good token under another header."""
    bare = base64.urlsafe_b64encode(head.encode()).decode().rstrip("=")
    return f"{bare}.{token(clock).partition('.')[2]}"


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
    "two tokens": lambda clock: f"{token(clock)}, Bearer {token(clock)}",
    "not ASCII": lambda clock: token(clock) + "\u00e9",
    "no header": lambda clock: _headed(clock, "[]"),
    "a list of algorithms": lambda clock: _headed(clock, '{"alg": ["RS256"], "kid": "k1"}'),
    "unhashable extension": lambda clock: _headed(
        clock, '{"alg": "RS256", "kid": "k1", "crit": [[]]}'
    ),
    "unencoded payload": lambda clock: _headed(
        clock, '{"alg": "RS256", "kid": "k1", "b64": false, "crit": ["b64"]}'
    ),
    "deep header": lambda clock: _headed(
        clock, '{"alg": "RS256", "kid": "k1", "x": ' + "[" * 5_000
    ),
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


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "crit", "b64", "typ", "jwk", "x5c"]), _json),
    st.booleans(),
)
async def test_whatever_the_header_says_it_is_a_refusal(
    head: dict[str, Any],
    known: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    clock, realm = Time(), Realm()
    async with httpx.AsyncClient(transport=realm) as client:
        checked = TokenVerifier(
            Keys("http://k/realms/r", client, clock), issuer=ISSUER, audience="eventonight"
        )
        forged = _headed(
            clock, json.dumps({"alg": "RS256", "kid": "k1", **head} if known else head)
        )
        with pytest.raises(UnauthenticatedError):
            await checked.verify(forged + "A")


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


async def test_a_flood_costs_no_more_while_keycloak_is_away(
    verifier: TokenVerifier, realm: Realm, clock: Time
) -> None:
    realm.away = True
    for second in range(90):
        for n in range(5):
            with pytest.raises(UnavailableError):
                await verifier.verify(token(clock, kid=f"flood{n}"))
        assert realm.fetches == second // 30 + 1
        clock.now += 1


async def test_many_senders_wait_for_one_fetch_and_not_for_long(
    verifier: TokenVerifier, realm: Realm, clock: Time
) -> None:
    realm.silent = True
    started = time.monotonic()
    flood = [verifier.verify(token(clock, kid=f"flood{n}")) for n in range(100)]
    outcomes = await asyncio.gather(*flood, return_exceptions=True)
    assert {type(one) for one in outcomes} == {UnavailableError}
    assert realm.fetches == 1
    assert time.monotonic() - started < tokens.WAIT_SECONDS + 2


async def test_asking_for_the_public_keys_costs_no_fetch_once_they_are_known(
    keys: Keys, realm: Realm, clock: Time
) -> None:
    for _ in range(50):
        assert list(await keys.all()) == ["k1"]
        clock.now += 60
    assert realm.fetches == 1


async def test_a_withdrawn_key_is_refused_although_its_token_was_good_before(
    verifier: TokenVerifier, realm: Realm, clock: Time
) -> None:
    old = token(clock)
    await verifier.verify(old)
    fresh = RSAKey.generate_key(2048, {"kid": "k2"})
    realm.keys = [fresh]
    clock.now += 31
    assert (await verifier.verify(old)).user_id == "u1"  # nothing made us look yet
    await verifier.verify(token(clock, key=fresh, kid="k2"))
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(old)


async def test_a_withdrawn_key_is_noticed_without_anybody_asking(
    verifier: TokenVerifier, realm: Realm, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "FRESH_SECONDS", 0.01)
    old = token(clock)
    await verifier.verify(old)
    realm.keys = [RSAKey.generate_key(2048, {"kid": "k2"})]
    clock.now += 31
    keeping = asyncio.create_task(verifier.keep_fresh())

    async def refused() -> bool:
        try:
            await verifier.verify(old)
        except UnauthenticatedError:
            return True
        return False

    await eventually(refused, every=0.01)
    keeping.cancel()
    assert realm.fetches == 2


async def test_an_answer_that_is_no_key_set_takes_no_key_away(
    verifier: TokenVerifier, realm: Realm, clock: Time
) -> None:
    await verifier.verify(token(clock))
    realm.answer = httpx.Response(200, json=["nonsense"])
    clock.now += 31
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(token(clock, kid="k9"))
    assert (await verifier.verify(token(clock))).user_id == "u1"


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


async def test_the_first_keys_are_looked_for_more_often_than_callers_may_ask(
    verifier: TokenVerifier, realm: Realm, clock: Time
) -> None:
    realm.away = True
    for fetches in range(1, 4):
        await _looked(verifier)
        for n in range(20):
            with pytest.raises(UnavailableError):
                await verifier.verify(token(clock, kid=f"flood{n}"))
        assert realm.fetches == fetches
        clock.now += tokens.FIRST_SECONDS
    realm.away = False
    with pytest.raises(UnavailableError):
        await verifier.verify(token(clock))
    await _looked(verifier)
    assert (await verifier.verify(token(clock))).user_id == "u1"
    clock.now += tokens.FIRST_SECONDS
    await _looked(verifier)
    assert realm.fetches == 4


async def _looked(verifier: TokenVerifier) -> None:
    """Let the service look once by itself."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await verifier.keep_fresh()


class TokenDesk(httpx.AsyncBaseTransport):
    """Issues service tokens, or keeps silent, and counts who asks; refuses some elsewhere."""

    def __init__(self) -> None:
        self.asked = 0
        self.silent = False
        self.refused: set[str] = set()
        self.served: list[tuple[str, bytes]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/token"):
            token = request.headers["Authorization"].removeprefix("Bearer ")
            self.served.append((token, await request.aread()))
            return httpx.Response(401 if token in self.refused else 200)
        self.asked += 1
        if self.silent:
            await asyncio.Event().wait()
        return httpx.Response(200, json={"access_token": f"t{self.asked}", "expires_in": 3600})


@pytest.fixture
def desk() -> TokenDesk:
    return TokenDesk()


@pytest.fixture
async def client(desk: TokenDesk) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=desk) as made:
        yield made


@pytest.fixture
def mine(client: httpx.AsyncClient) -> ServiceTokens:
    return ServiceTokens("http://k/realms/r", "c", "s", client)


async def test_callers_share_one_fetch_of_a_service_token_and_its_failure(
    desk: TokenDesk, mine: ServiceTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other they would wait for as many silences as there are callers before them."""
    monkeypatch.setattr(tokens, "FETCH_SECONDS", 0.3)
    desk.silent = True
    started = time.monotonic()
    failed = await asyncio.gather(*(mine.get() for _ in range(50)), return_exceptions=True)
    assert {type(one) for one in failed} == {UnavailableError}
    assert time.monotonic() - started < 3
    assert desk.asked == 1
    desk.silent = False
    assert set(await asyncio.gather(*(mine.get() for _ in range(50)))) == {"t2"}
    assert desk.asked == 2


async def test_a_caller_that_leaves_takes_the_fetch_from_nobody(mine: ServiceTokens) -> None:
    first, second = (asyncio.create_task(mine.get()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "t1"


async def test_a_refused_service_token_is_replaced_and_the_request_sent_again(
    desk: TokenDesk,
    client: httpx.AsyncClient,
    mine: ServiceTokens,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tokens, "RENEWAL_SECONDS", 0.0)
    assert await mine.get() == "t1"
    desk.refused = {"t1"}
    asked = [client.post("http://media/", auth=mine, files={"file": b"f"}) for _ in range(9)]
    assert {one.status_code for one in await asyncio.gather(*asked)} == {200}
    assert desk.asked == 2
    assert {token for token, _ in desk.served} == {"t1", "t2"}
    assert all(b"f" in body for _, body in desk.served)


async def test_service_tokens_that_are_all_refused_are_asked_for_now_and_then(
    desk: TokenDesk, client: httpx.AsyncClient, mine: ServiceTokens
) -> None:
    desk.refused = {f"t{n}" for n in range(99)}
    for _ in range(5):
        assert (await client.get("http://media/", auth=mine)).status_code == 401
    assert (desk.asked, len(desk.served)) == (1, 5)
