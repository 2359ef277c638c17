"""An HTTP client whose calls are part of the trace around them."""

from typing import Any

import httpx

from services.kit.tracing.spans import Spans


class TracedClient(httpx.AsyncClient):
    """Records its calls and hands the trace on to whom it calls."""

    def __init__(self, recorder: Spans) -> None:
        super().__init__()
        self._recorder = recorder

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request as httpx does."""
        url = request.url
        place = url.host, url.port or {"https": 443}.get(url.scheme, 80), url.path
        with self._recorder.call(request.method, *place) as headers:
            request.headers.update(headers)
            answer = await super().send(request, **options)
            self._recorder.heard(answer.status_code)
            return answer
