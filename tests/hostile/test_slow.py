"""Clients that take their time, many at once; everybody else is served meanwhile."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from client import Client, eventually
from hostile.wire import Answer, Door, doors, second
from services.kit import bodies
from services.kit.service import HEADER_MILLISECONDS

pytestmark = pytest.mark.hostile

JSON = "Content-Type: application/json"
LONG = (JSON, "Content-Length: 100000")
CHUNKED = (JSON, "Transfer-Encoding: chunked")
GATEWAY_SECONDS = 60.0
ANOTHER = "127.0.0.2"


@contextlib.asynccontextmanager
async def crowd(door: Door, size: int, said: bytes, *, every: float = 0.0) -> AsyncIterator[None]:
    """Keep connections open on which so much was said and nothing follows."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(size):
            _, writer = await stack.enter_async_context(door.open())
            writer.write(said)
            await writer.drain()
            await asyncio.sleep(every)
        yield


async def served(door: Door) -> Answer:
    answer = await door.send(door.head("GET /health", "Connection: close"))
    assert answer.status == 200
    return answer


def slow_ones(door: Door, seconds: float) -> dict[str, "asyncio.Task[Answer]"]:
    start = asyncio.create_task
    long, chunked = door.head("POST /login", *LONG), door.head("POST /login", *CHUNKED)
    upload = door.head("POST /x/avatar", "Content-Length: 5000000")
    return {
        "stalls": start(door.send(long, b"{", seconds=seconds)),
        "stalls in chunks": start(door.send(chunked, b"1\r\n{\r\n", seconds=seconds)),
        "trickles": start(door.send(long, b"{", seconds=seconds, repeat=b" ", every=0.5)),
        "trickles in chunks": start(
            door.send(chunked, seconds=seconds, repeat=b"1\r\n \r\n", every=0.5)
        ),
        "never begins": start(door.send(long, seconds=seconds)),
        "stalls without a token": start(door.send(upload, b"--B", seconds=seconds)),
    }


@pytest.mark.parametrize(
    ("name", "bound"),
    [("service", 10.0), pytest.param("gateway", GATEWAY_SECONDS, marks=pytest.mark.long)],
)
async def test_a_body_that_trickles_ends_in_408(product: Client, name: str, bound: float) -> None:
    door = doors(product, "users")[name]
    waiting = slow_ones(door, bound + 10)
    answers = {kind: await task for kind, task in waiting.items()}
    assert {kind: answer.status for kind, answer in answers.items()} == {
        **dict.fromkeys(waiting, 408),
        "stalls without a token": 401,
    }
    assert max(answer.seconds for answer in answers.values()) < bound + 2 * second()
    assert bodies.GRACE_SECONDS == 10.0
    await served(door)


@pytest.mark.long
async def test_a_steady_upload_over_a_slow_line_is_not_given_up(product: Client) -> None:
    """Fifteen seconds for half a megabyte: longer than a stall may last, and yet served."""
    door = doors(product, "users")["service"]
    head = door.head("POST /login", JSON, "Content-Length: 600000")
    pieces = [piece for _ in range(30) for piece in (b" " * 20_000, 0.5)]
    answer = await door.send(head, *pieces, seconds=10)
    assert answer.status == 400
    assert answer.seconds > bodies.GRACE_SECONDS


async def test_a_huge_body_that_never_comes_is_refused_at_once(product: Client) -> None:
    door = doors(product, "users")["service"]
    answer = await door.send(door.head("POST /login", JSON, "Content-Length: 10000000000"))
    assert answer.status == 413
    assert answer.seconds < second()


@pytest.mark.long
async def test_slow_headers_end(product: Client) -> None:
    door = doors(product, "users")["service"]
    bound = HEADER_MILLISECONDS / 1000
    async with door.open() as (reader, writer):
        started = time.monotonic()
        writer.write(b"GET /health HTTP/1.1\r\nX-")
        async with asyncio.timeout(bound + 5):
            with contextlib.suppress(ConnectionError):
                await reader.read()
        assert time.monotonic() - started < bound + 2 * second()


@pytest.mark.parametrize("kind", ["idle", "half a header", "half a body"])
async def test_a_thousand_slow_connections_keep_nobody_out(product: Client, kind: str) -> None:
    door = doors(product, "users")["service"]
    said = {
        "idle": b"",
        "half a header": b"GET /health HTTP/1.1\r\nX-",
        "half a body": door.head("POST /login", *LONG) + b"{",
    }[kind]
    async with crowd(door, 1_000, said):
        assert (await served(door)).seconds < second()


async def test_one_client_cannot_take_the_gateway_for_itself(product: Client) -> None:
    """Whoever leaves very many requests unanswered is refused more; others are not."""
    mine = doors(product, "users")["gateway"]
    theirs = Door(mine.port, mine.host, ANOTHER)
    burst = product.servers.setup.resource.spec.gateway.burst
    said = theirs.head("POST /login", *LONG) + b"{"
    async with crowd(theirs, burst + 60, said, every=0.01):

        async def refused() -> bool:
            """Far fewer than the rate that is allowed, so it is the unanswered ones that count."""
            head = theirs.head("POST /login", JSON, "Content-Length: 2")
            return {(await theirs.send(head, b"{}")).status for _ in range(5)} == {429}

        await eventually(refused, seconds=20)
        assert (await served(mine)).seconds < second()


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("headers", [LONG, CHUNKED], ids=["length", "chunks"])
async def test_leaving_amid_a_body_closes_the_service_to_nobody(
    product: Client, method: str, headers: tuple[str, str]
) -> None:
    door = doors(product, "users")["gateway"]
    said = b"5\r\n{" if headers is CHUNKED else b"{" * 1_000
    for _ in range(20):
        async with door.open() as (_, writer):
            writer.write(door.head(f"{method} /login", *headers) + said)
            await writer.drain()
    for _ in range(20):
        await served(door)
        await asyncio.sleep(0.05)
