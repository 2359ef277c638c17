"""Public pages asked with a token, while nobody's token can be checked."""

from collections.abc import Iterator

import pytest
from litestar import Litestar, get
from litestar.params import FromPath
from litestar.testing import TestClient

from services.contracts.errors import (
    ForbiddenError,
    NotFoundError,
    RefusedError,
    UnauthenticatedError,
    UnavailableError,
)
from services.kit import http
from services.kit.failures import problem
from services.kit.health import Health
from services.kit.http import BEARER, Caller, Visitor
from services.kit.tokens import Identity, TokenVerifier

TOKEN = {"Authorization": "Bearer x.y.z"}
OWNER = Identity("s", "u1", frozenset(), "web", 0.0)
REFUSALS: dict[str, type[RefusedError]] = {
    "draft-search": UnauthenticatedError,
    "foreign-drafts": ForbiddenError,
    "draft": NotFoundError,
}


class Verdict(TokenVerifier):
    """Says of every token what the test wants."""

    def __init__(self) -> None:
        self.found: Identity | RefusedError = OWNER

    async def verify(self, _: str) -> Identity:
        if isinstance(self.found, RefusedError):
            raise self.found
        return self.found


@get("/page")
async def page(visitor: Visitor) -> str:
    return "everybody's" if visitor is None else str(visitor.user_id)


@get("/private/{kind:str}")
async def private(visitor: Visitor, kind: FromPath[str]) -> str:
    if visitor is None:
        raise REFUSALS[kind]("not for strangers")
    return str(visitor.user_id)


@get("/own", security=BEARER)
async def own(caller: Caller) -> str:
    return str(caller.user_id)


@pytest.fixture
def verdict() -> Verdict:
    return Verdict()


@pytest.fixture
def client(verdict: Verdict) -> Iterator[TestClient[Litestar]]:
    app = http.build_app(
        service="visited",
        summary="",
        address="http://visited",
        routes=[page, private, own],
        shape=problem,
        verifier=verdict,
        health=Health("visited", {}),
        dependencies={},
    )
    with TestClient(app) as opened:
        yield opened


def test_while_no_key_is_known_a_public_page_is_shown_as_to_anybody(
    client: TestClient[Litestar], verdict: Verdict
) -> None:
    assert client.get("/page", headers=TOKEN).text == "u1"
    for unknown in (UnauthenticatedError("bad"), UnavailableError("no keys")):
        verdict.found = unknown
        answer = client.get("/page", headers=TOKEN)
        assert (answer.status_code, answer.text) == (200, "everybody's")


@pytest.mark.parametrize("kind", REFUSALS)
def test_what_may_be_the_callers_is_put_off_and_not_refused(
    client: TestClient[Litestar], verdict: Verdict, kind: str
) -> None:
    """A 401 would have clients sign their user out."""
    stranger = client.get(f"/private/{kind}")
    assert stranger.status_code in {401, 403, 404}
    verdict.found = UnavailableError("no keys")
    answer = client.get(f"/private/{kind}", headers=TOKEN)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"]
    assert client.get(f"/private/{kind}").status_code == stranger.status_code


def test_where_a_token_is_needed_it_is_an_outage(
    client: TestClient[Litestar], verdict: Verdict
) -> None:
    verdict.found = UnavailableError("no keys")
    assert client.get("/own", headers=TOKEN).status_code == 503
    assert client.get("/nowhere", headers=TOKEN).status_code == 404
