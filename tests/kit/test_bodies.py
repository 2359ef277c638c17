"""What a body may cost, at the edge of a service: its time, its room, and how it ends."""

import asyncio
from typing import Any

import pytest
from litestar.types import Receive, Scope, Send

from services.contracts.errors import InvalidError, TooSlowError, UnavailableError
from services.kit import bodies
from services.kit.bodies import Body, Room
from services.kit.edge import Edge

LONG: list[tuple[bytes, bytes]] = [(b"content-length", b"1000")]


def chunk(size: int, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


GONE = {"type": "http.disconnect"}


class Client:
    """Sends what it is told, then nothing more; keeps what it is answered."""

    def __init__(self, *messages: Any, headers: Any = LONG, method: str = "POST") -> None:
        self.messages = list(messages)
        self.headers = headers
        self.method = method
        self.heard: list[Any] = []

    async def receive(self) -> Any:
        if not self.messages:
            await asyncio.Event().wait()
        return self.messages.pop(0)

    async def send(self, message: Any) -> None:
        self.heard.append((message, len(self.messages)))

    def body(self, room: Room | None = None) -> Body:
        return Body(self.headers, self.receive, room or Room())

    async def call(self, app: Any) -> None:
        scope: Any = {"type": "http", "method": self.method, "headers": self.headers}
        edge = Edge(app, service="test")
        await edge(scope, self.receive, self.send)


async def read(body: Body) -> int:
    size, more = 0, True
    while more:
        message = await body.receive()
        size += len(message["body"])
        more = message["more_body"]
    return size


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "GRACE_SECONDS", 0.05)
    monkeypatch.setattr(bodies, "DRAIN_GRACE", 0.05)


async def test_an_honest_body_is_read_whole() -> None:
    assert await read(Client(chunk(3), chunk(4, more=False)).body()) == 7


@pytest.mark.parametrize(
    "headers", [LONG, [(b"transfer-encoding", b"chunked")]], ids=["announced", "chunked"]
)
@pytest.mark.usefixtures("impatient")
async def test_a_body_that_stalls_is_given_up(headers: Any) -> None:
    with pytest.raises(TooSlowError):
        await asyncio.wait_for(read(Client(chunk(3), headers=headers).body()), 5)


async def test_bytes_buy_time_up_to_a_limit() -> None:
    with Client(chunk(bodies.LEAST_BYTES_PER_SECOND * 2)).body() as body:
        assert body._allowed() == bodies.GRACE_SECONDS
        await body.receive()
        assert body._allowed() == bodies.GRACE_SECONDS + 2
        body._size = 10**9
        assert body._allowed() == bodies.LONGEST_SECONDS


async def test_without_the_guard_a_stalled_body_is_waited_for(impatient: None) -> None:
    del impatient
    client = Client(chunk(3), headers=[])  # announces no body, so none is guarded
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(read(client.body()), 0.3)


async def test_a_client_that_leaves_is_no_failure_of_ours() -> None:
    with pytest.raises(InvalidError, match="before it is whole"):
        await read(Client(chunk(3), GONE).body())


async def test_all_bodies_share_a_room_and_give_it_back() -> None:
    room = Room(100)
    with Client(chunk(60)).body(room) as first:
        await first.receive()
        with Client(chunk(60)).body(room) as second, pytest.raises(UnavailableError):
            await second.receive()
    with Client(chunk(60)).body(room) as third:
        await third.receive()


async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 413, "headers": []})
    await send({"type": "http.response.body", "body": b"no", "more_body": False})


async def test_what_a_client_still_sends_is_read_before_it_is_refused() -> None:
    client = Client(*[chunk(100)] * 5, chunk(1, more=False))
    await client.call(refuse)
    assert [(message["type"], left) for message, left in client.heard] == [
        ("http.response.start", 0),
        ("http.response.body", 0),
    ]


@pytest.mark.usefixtures("impatient")
async def test_the_rest_is_not_waited_for_for_ever() -> None:
    client = Client(chunk(100))
    await asyncio.wait_for(client.call(refuse), 5)
    assert client.heard[0][0]["status"] == 413


async def test_who_asks_before_sending_is_not_told_to_send() -> None:
    client = Client(chunk(9), headers=[*LONG, (b"expect", b"100-continue")])
    await client.call(refuse)
    assert client.messages == [chunk(9)]


async def test_made_up_methods_make_no_measures() -> None:
    from services.kit import metrics

    for number in range(20):
        await Client(headers=[], method=f"HACK{number}").call(refuse)
    assert b"HACK" not in metrics.render()
    assert b'method="other"' in metrics.render()
