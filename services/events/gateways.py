"""The media service, written to with our own token."""

from typing import Any

import httpx

from services.contracts.errors import UnavailableError
from services.kit.outgoing import check_picture
from services.kit.tokens import ServiceTokens

CALL_SECONDS = 15.0


class MediaPosters:
    """Posters at the media service.

    Args:
        base: its address inside the cluster.
        public: its address for everybody.
        tokens: our own token.
        client: HTTP client.
    """

    def __init__(
        self, base: str, public: str, tokens: ServiceTokens, client: httpx.AsyncClient
    ) -> None:
        self._base = base.rstrip("/")
        self._public = public
        self._tokens = tokens
        self._client = client

    def address(self, event_id: str) -> str:
        """Return where everybody sees an event's own poster."""
        return f"{self._public}/events/{event_id}/poster.jpg"

    async def version(self, event_id: str) -> str | None:
        """Return what tells a poster from another, ``None`` where the default one is shown.

        Raises:
            UnavailableError: media does not answer.
        """
        paths = (f"events/{event_id}/poster.jpg", "events/default.png")
        shown, default = [await self._send("HEAD", path) for path in paths]
        if shown.is_error or default.is_error:
            raise UnavailableError("posters are not available right now")
        same = shown.headers["ETag"] == default.headers["ETag"]
        return None if same else str(shown.headers["ETag"])

    async def put(self, event_id: str, content: bytes) -> None:
        """Store a poster.

        Raises:
            InvalidError, TooLargeError: media refuses the picture.
            UnavailableError: media does not answer or cannot store it.
        """
        file = {"file": ("poster.jpg", content, "application/octet-stream")}
        answer = await self._send("POST", f"events/{event_id}", files=file)
        check_picture(answer, "poster")
        if answer.is_error:
            raise UnavailableError("the poster could not be stored")

    async def remove(self, event_id: str) -> None:
        """Remove a poster; one that is gone is fine."""
        answer = await self._send("DELETE", f"events/{event_id}/poster.jpg")
        if answer.is_error and answer.status_code != httpx.codes.NOT_FOUND:
            raise UnavailableError("the poster could not be removed")

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        url = f"{self._base}/{path}"
        try:
            return await self._client.request(
                method, url, auth=self._tokens, timeout=CALL_SECONDS, **options
            )
        except httpx.HTTPError as error:
            raise UnavailableError("posters cannot be stored right now") from error
