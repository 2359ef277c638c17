"""What is no proper HTTP, at a service's own door and at the gateway's."""

import pytest

from client import Client
from hostile.wire import Door, doors, second

pytestmark = pytest.mark.hostile

JSON = "Content-Type: application/json"
CLOSE = "Connection: close"
BIG = b"[" * 1_048_576


@pytest.fixture(params=["service", "gateway"])
def door(product: Client, request: pytest.FixtureRequest) -> Door:
    return doors(product, "users")[request.param]


REQUESTS: dict[str, tuple[list[str], bytes, set[int]]] = {
    "a negative length": ([JSON, "Content-Length: -1"], b"{}", {400}),
    "a length beyond numbers": ([JSON, "Content-Length: " + "9" * 30], b"{}", {400}),
    "two lengths": ([JSON, "Content-Length: 2", "Content-Length: 3"], b"{} ", {400}),
    "a length too short": ([JSON, "Content-Length: 1", CLOSE], b'{"a": 1}', {400}),
    "a length and chunks": (
        [JSON, "Content-Length: 2", "Transfer-Encoding: chunked", CLOSE],
        b"2\r\n{}\r\n0\r\n\r\n",
        {400},
    ),
    "an unknown encoding": ([JSON, "Transfer-Encoding: x"], b"{}", {400, 501}),
    "ten megabytes announced": ([JSON, "Content-Length: 10485760", CLOSE], BIG * 10, {413}),
    "ten megabytes in chunks": (
        [JSON, "Transfer-Encoding: chunked", CLOSE],
        (b"100000\r\n" + BIG + b"\r\n") * 10 + b"0\r\n\r\n",
        {413},
    ),
    "a token of a megabyte": (["Authorization: Bearer " + "x" * 1_000_000], b"", {431}),
    "five thousand headers": ([f"X-{n}: y" for n in range(5_000)], b"", {431}),
    "NUL in a header": (["X-A: b\x00c"], b"", {400}),
    "an odd request id": (["X-Request-Id: a\tb\xff", JSON, "Content-Length: 2"], b"{}", {400}),
    "a compressed bomb": (
        [JSON, "Content-Encoding: gzip", "Content-Length: 4"],
        b"\x1f\x8b\x08\x00",
        {400},
    ),
    "expecting what is not": ([JSON, "Expect: miracles", "Content-Length: 2"], b"{}", {400, 417}),
}


@pytest.mark.parametrize("kind", REQUESTS)
async def test_a_strange_request_is_refused_at_once(door: Door, kind: str) -> None:
    headers, body, statuses = REQUESTS[kind]
    answer = await door.send(door.head("POST /login", *headers), body)
    assert answer.status in statuses
    assert answer.seconds < second()


@pytest.mark.parametrize("method", ["FOO", "TRACE", "PROPFIND", "x" * 200])
async def test_an_unknown_method_is_refused(door: Door, method: str) -> None:
    answer = await door.send(door.head(f"{method} /search", CLOSE))
    assert answer.status in {400, 405}
    assert answer.seconds < second()


async def test_connect_goes_nowhere(door: Door) -> None:
    answer = await door.send(door.head("CONNECT example.com:80", CLOSE))
    assert answer.status in {400, 404, 405, 501}


async def test_a_malformed_chunk_is_refused(product: Client) -> None:
    """At the gateway it is the gateway that says so, with a 500 of its own."""
    door = doors(product, "users")["service"]
    head = door.head("POST /login", JSON, "Transfer-Encoding: chunked", CLOSE)
    assert (await door.send(head, b"zz\r\n{}\r\n0\r\n\r\n")).status == 400


@pytest.mark.parametrize(
    ("size", "statuses"), [(30_000, {400}), (60_000, {400, 431}), (70_000, {414, 431})]
)
async def test_a_long_address_is_refused(door: Door, size: int, statuses: set[int]) -> None:
    answer = await door.send(door.head(f"GET /search?prefix={'x' * size}", CLOSE))
    assert answer.status in statuses
    assert answer.seconds < second()


@pytest.mark.parametrize("size", [40_000, 200_000, 500_000, 900_000])
async def test_long_headers_close_the_service_to_nobody(product: Client, size: int) -> None:
    door = doors(product, "users")["gateway"]
    for _ in range(20):
        answer = await door.send(door.head("GET /health", "X-A: " + "x" * size, CLOSE))
        assert answer.status == 431
    for _ in range(10):
        assert (await door.send(door.head("GET /health", CLOSE))).status == 200


@pytest.mark.parametrize(
    "path", ["/%ff%fe", "/%ed%a0%80", "/%00", "/%c0%ae%c0%ae", "/%2e%2e/%2e%2e/etc/passwd", "/%"]
)
async def test_an_address_that_is_no_text_is_not_found(door: Door, path: str) -> None:
    answer = await door.send(door.head(f"GET {path}", CLOSE))
    assert answer.status in {400, 404}
    assert answer.seconds < second()


@pytest.mark.parametrize(
    "target", ["//example.com", "//example.com/%2f..", "/\\example.com", "///example.com/x/"]
)
async def test_nobody_is_sent_elsewhere(door: Door, target: str) -> None:
    answer = await door.send(door.head(f"GET {target}", CLOSE))
    assert answer.status in {400, 404}
    assert "location" not in answer.headers


async def test_what_is_no_http_is_dropped(product: Client) -> None:
    door = doors(product, "users")["service"]
    for noise in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\n"):
        assert (await door.send(noise, b"\r\n\r\n")).status in {0, 400}
