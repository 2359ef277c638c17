"""The other services, asked for everything they keep of a person."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote

import httpx
import msgspec

from services.contracts import personal
from services.contracts.errors import UnavailableError
from services.contracts.personal import MAX_LINE_BYTES, End, Line
from services.kit.tokens import ServiceTokens

CALL_SECONDS = 8.0


class HttpPeers:
    """Every other service of the installation.

    Args:
        addresses: by name, from the configuration; nothing here knows which there are.
        media: the address of the one that keeps pictures.
        tokens: our own token.
        client: HTTP client.
    """

    def __init__(
        self,
        addresses: Mapping[str, str],
        media: str,
        tokens: ServiceTokens,
        client: httpx.AsyncClient,
    ) -> None:
        self._addresses = addresses
        self._media = media.rstrip("/")
        self._tokens = tokens
        self._client = client
        self.names = tuple(addresses)

    async def lines(self, name: str, user_id: str) -> AsyncIterator[Line]:
        """Return what a service keeps of a person, line by line.

        Raises:
            UnavailableError: it does not answer, or not to the end.
        """
        path = personal.PATH.format(user_id=quote(user_id, safe=""))
        try:
            async with self._opened(f"{self._addresses[name].rstrip('/')}{path}") as answer:
                async for line in _whole(answer.raise_for_status().aiter_bytes()):
                    yield line
        except (httpx.HTTPError, msgspec.DecodeError, EOFError) as error:
            raise UnavailableError(f"{name} did not tell everything; try again later") from error

    @asynccontextmanager
    async def picture(self, key: str) -> AsyncIterator[AsyncIterator[bytes] | None]:
        """Open a picture; ``None`` where there is none.

        Raises:
            UnavailableError: media does not answer, or not to the end.
        """
        try:
            async with self._opened(f"{self._media}/internal/pictures/{quote(key)}") as answer:
                missing = answer.status_code == httpx.codes.NOT_FOUND
                yield None if missing else answer.raise_for_status().aiter_bytes()
        except httpx.HTTPError as error:
            raise UnavailableError("media did not send every picture; try again later") from error

    @asynccontextmanager
    async def _opened(self, url: str) -> AsyncIterator[httpx.Response]:
        opened = self._client.stream("GET", url, auth=self._tokens, timeout=CALL_SECONDS)
        async with opened as answer:
            yield answer


async def _whole(chunks: AsyncIterator[bytes]) -> AsyncIterator[Line]:
    """Return the lines before the end; raise `EOFError` where that does not fit them."""
    count = 0
    async for text in _split(chunks):
        line = personal.decode(text)
        if isinstance(line, End):
            if line.lines != count:
                raise EOFError(f"{line.lines} lines were announced, {count} came")
            return
        count += 1
        yield line
    raise EOFError("no end")


async def _split(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if max(len(rest), *map(len, lines), 0) > MAX_LINE_BYTES:
            raise EOFError("a line is too long")
        for line in lines:
            yield line
    if rest:
        yield rest
