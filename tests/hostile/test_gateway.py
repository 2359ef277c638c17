"""What the gateway keeps in, and what it lets nobody make of it."""

import asyncio

import pytest

import routes
from client import Client, Person
from hostile.wire import Door, doors
from services import catalogue

pytestmark = pytest.mark.hostile

PRIVATE = ("metrics", "internal/people/x")
SPELLINGS = (
    "/{first}{rest}",
    "//{first}{rest}",
    "/./{first}{rest}",
    "/x/../{first}{rest}",
    "/%2e/{first}{rest}",
    "/x/%2e%2e/{first}{rest}",
    "/%2f{first}{rest}",
    "/%5c{first}{rest}",
    "\\{first}{rest}",
    "/{first}%2f{rest}",
    "/{first}/{rest}",
    "/{first}{rest}/",
    "/{first}{rest}?x=y",
    "/{first}{rest};x=y",
    "/{first}{rest}%00",
    "/{first}%20{rest}",
    "/{first}{rest}#x",
    "/{upper}{rest}",
    "/{encoded}{rest}",
    "/%25{hexed}{rest}",
)


def _spelled(spelling: str, private: str) -> str:
    first, slash, rest = private.partition("/")
    encoded = "".join(f"%{ord(one):02x}" for one in first)
    return spelling.format(
        first=first,
        rest=slash + rest,
        upper=first.upper(),
        encoded=encoded,
        hexed=encoded[1:],
    )


@pytest.mark.parametrize("service", catalogue.CONTEXTS)
@pytest.mark.parametrize("private", PRIVATE)
async def test_no_spelling_reaches_what_is_private(
    product: Client, organizer: Person, service: str, private: str
) -> None:
    site = product.servers.setup.site
    token = f"Authorization: {organizer.auth['Authorization']}"
    for spelling in SPELLINGS:
        path = _spelled(spelling, private)
        for host, prefix in (
            (f"{service}.{site.host}", ""),
            (site.host, f"/api/{service}"),
            (site.host, f"/api/media/../{service}"),
            (site.host, f"/api/{service}/..%2f{service}"),
        ):
            door = Door(site.ports["gateway"], host)
            # Whoever has the gateway forget its own header must not look like an insider.
            hide = "Connection: close, X-Forwarded-For, X-Real-Ip"
            answer = await door.send(door.head(f"GET {prefix}{path}", token, hide))
            assert answer.status in {400, 404} or answer.headers.get("content-type", "").startswith(
                "image/"
            ), f"{host}{prefix}{path}: {answer.status} {answer.body[:80]!r}"
            assert b"# HELP" not in answer.body


@pytest.mark.parametrize("service", catalogue.CONTEXTS)
async def test_measures_are_for_insiders(product: Client, service: str) -> None:
    url = f"{product.servers.url(service)}/metrics"
    assert b"# HELP" in (await product.http.get(url)).content
    for headers in ({"X-Forwarded-For": "1.2.3.4"}, {"x-forwarded-for": ""}):
        assert (await product.http.get(url, headers=headers)).status_code == 404


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "users.evil.example",
        "127.0.0.1",
        "",
        "users.localhost.evil.example",
        "*",
        "a" * 5_000,
    ],
)
async def test_a_made_up_host_leads_nowhere(product: Client, host: str) -> None:
    door = Door(product.servers.setup.site.ports["gateway"], host)
    answer = await door.send(door.head("GET /health", "Connection: close"))
    assert answer.status in {400, 404, 431}
    assert b"OK" not in answer.body


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
@pytest.mark.parametrize("service", catalogue.CONTEXTS)
async def test_no_page_repeats_what_a_request_says_of_itself(
    product: Client, service: str, path: str
) -> None:
    door = doors(product, service)["gateway"]
    lies = (
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Prefix: /evil.example",
        "Origin: http://evil.example",
    )
    answer = await door.send(door.head(f"GET {path}", "Connection: close", *lies))
    assert answer.status == 200
    assert b"evil.example" not in answer.body
    assert "evil" not in str(answer.headers)


async def test_a_limit_is_told_with_headers_that_a_browser_reads(product: Client) -> None:
    door = Door(
        product.servers.setup.site.ports["gateway"],
        doors(product, "users")["gateway"].host,
        source="127.0.0.3",
    )
    burst = product.servers.setup.resource.spec.gateway.burst
    head = door.head("GET /health", "Connection: close")
    answers = await asyncio.gather(*[door.send(head, seconds=20) for _ in range(2 * burst)])
    limited = [answer for answer in answers if answer.status == 429]
    assert limited
    assert {answer.status for answer in answers} == {200, 429}
    assert all(one.headers["access-control-allow-origin"] == "*" for one in limited)


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD"])
@pytest.mark.parametrize("service", catalogue.CONTEXTS)
async def test_every_address_answers_preflights_and_heads(
    product: Client, service: str, method: str
) -> None:
    door = doors(product, service)["service"]
    for path in sorted({route.path for route in routes.of(service, routes.app(service))}):
        plain = path.replace("{", "").replace("}", "")
        answer = await door.send(door.head(f"{method} {plain}", "Connection: close"))
        expected = {204} if method == "OPTIONS" else {200, 401, 404, 405}
        assert answer.status in expected, f"{method} {path}: {answer.status}"
        assert answer.body == b""
        assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("value", ["a b", "x" * 200, "<script>", "é", "a;b", "%0d%0aX-A:%20b", ""])
async def test_a_strange_request_id_is_replaced(product: Client, value: str) -> None:
    door = doors(product, "users")["service"]
    answer = await door.send(
        door.head("GET /health", f"X-Request-Id: {value}", "Connection: close")
    )
    assert answer.status == 200
    assert answer.headers["x-request-id"] != value
    assert answer.headers["x-request-id"].isalnum()
    assert "x-a" not in answer.headers
