"""What the bodies of requests may cost: the time each takes to come, the room all of them hold."""

import asyncio
import contextlib
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from litestar.types import Receive

from services.contracts.errors import InvalidError, TooSlowError, UnavailableError

GRACE_SECONDS = 10.0
LEAST_BYTES_PER_SECOND = 16_384
LONGEST_SECONDS = 45.0
ROOM_BYTES = 64_000_000
DRAIN_BYTES = 32_000_000
DRAIN_BYTES_PER_SECOND = 256_000
DRAIN_GRACE = 0.7
DRAIN_SECONDS = 5.0


RawHeaders = Iterable[tuple[bytes, bytes]]


class Room:
    """How many bytes of bodies a process holds at this moment, over all its requests.

    Args:
        limit: bytes; a body that does not fit any more is refused as an overload.
    """

    def __init__(self, limit: int = ROOM_BYTES) -> None:
        self._limit = limit
        self._held = 0

    def take(self, size: int) -> None:
        """Hold some more bytes.

        Raises:
            UnavailableError: they do not fit; nothing is held then.
        """
        if self._held + size > self._limit:
            raise UnavailableError("too much is being uploaded at once", code="busy")
        self._held += size

    def give_back(self, size: int) -> None:
        """Hold fewer bytes."""
        self._held -= size


class Body:
    """The body of one request, read within bounds; gives its room back at the end of a block.

    Args:
        headers: of the request.
        receive: the server's.
        room: shared by all requests.
    """

    def __init__(self, headers: RawHeaders, receive: Receive, room: Room) -> None:
        self._receive = receive
        self._room = room
        self._started = asyncio.get_running_loop().time()
        self._size = 0
        self._asks_first = (b"expect", b"100-continue") in headers
        self.coming = any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in headers
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._room.give_back(self._size)

    async def receive(self) -> Any:
        """Return the next part of the body.

        Raises:
            TooSlowError: it trickles.
            InvalidError: the client ended before the body did.
            UnavailableError: there is no room for it.
        """
        if not self.coming:
            return await self._next()
        try:
            async with asyncio.timeout_at(self._started + self._allowed()):
                message = await self._next()
        except TimeoutError as error:
            self.coming = False
            raise TooSlowError("body: comes too slowly") from error
        if message["type"] == "http.disconnect":
            self.coming = False
            raise InvalidError("body: ends before it is whole", code="incomplete")
        size = len(message["body"])
        self._room.take(size)
        self._size += size
        self.coming = message.get("more_body", False)
        return message

    async def _next(self) -> Any:
        return await self._receive()

    def _allowed(self) -> float:
        return min(GRACE_SECONDS + self._size / LEAST_BYTES_PER_SECOND, LONGEST_SECONDS)

    async def drain(self) -> None:
        """Read and forget what still comes, as long as it comes fast.

        Many clients read an answer only after they have written everything, and lose it if the
        connection is closed before.
        """
        if self._asks_first and not self._size:
            return
        started, size = asyncio.get_running_loop().time(), 0
        with contextlib.suppress(TimeoutError):
            while self.coming and size < DRAIN_BYTES:
                allowed = min(DRAIN_GRACE + size / DRAIN_BYTES_PER_SECOND, DRAIN_SECONDS)
                async with asyncio.timeout_at(started + allowed):
                    message = await self._next()
                self.coming = message["type"] == "http.request" and message["more_body"]
                size += len(message.get("body", b""))
