"""What happens to every request whatever its outcome: CORS, ids, measures, one log line."""

import functools
import re
import time
import uuid
from contextlib import AbstractContextManager
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from prometheus_client import Counter, Histogram

from services.kit import logs, metrics, tracing
from services.kit.bodies import Body, Room

CORS_HEADERS: list[tuple[bytes, bytes]] = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, PATCH, OPTIONS"),
    (b"access-control-allow-headers", b"Content-Type, Authorization, Accept, X-Request-Id"),
    (
        b"access-control-expose-headers",
        b"X-Request-Id, ETag, Retry-After, Content-Length, Content-Range, Location",
    ),
    (b"access-control-max-age", b"600"),
]
METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"})
QUIET_ROUTES = frozenset(
    {"/health", "/health/live", "/health/ready", "/health/serving", "/metrics"}
)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

log = logs.get(__name__)


class Edge:
    """ASGI middleware around a whole service.

    Args:
        app: the service.
        service: label of the measures.
    """

    def __init__(self, app: ASGIApp, *, service: str) -> None:
        self._app = app
        self._service = service
        self._room = Room()
        self._spans = tracing.of(service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == ScopeType.HTTP:
            await self._serve(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        request_id = _request_id(scope)
        extra = [*CORS_HEADERS, (b"x-request-id", request_id.encode())]
        if scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": extra})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        started = time.perf_counter()
        status = 500
        body = Body(scope["headers"], receive, self._room)

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                message["headers"] = [*message["headers"], *extra]
                await body.drain()
            await send(message)

        ids = {"request_id": request_id, "service": self._service}
        with self._span(scope), logs.bind(**ids), body:
            try:
                await self._app(scope, body.receive, send_with_headers)
            finally:
                self._account(scope, status, time.perf_counter() - started)

    def _span(self, scope: HTTPScope) -> AbstractContextManager[Any]:
        if self._spans is None or scope["path"] in QUIET_ROUTES:
            return tracing.NOTHING
        return self._spans.request(scope["method"], scope["path"], scope["headers"])

    def _account(self, scope: HTTPScope, status: int, seconds: float) -> None:
        route = str(scope.get("path_template") or "unmatched")
        method = str(scope["method"]) if scope["method"] in METHODS else "other"
        count, duration = _measures(self._service, method, route, status)
        count.inc()
        duration.observe(seconds)
        if self._spans is not None:
            self._spans.answered(method, route, status)
        if route not in QUIET_ROUTES:
            log.info(
                "request", method=method, route=route, status=status, ms=round(seconds * 1000, 1)
            )


@functools.cache
def _measures(service: str, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Return the measures of one kind of answer; kinds are few, whatever clients send."""
    count = metrics.REQUESTS.labels(service, method, route, str(status))
    return count, metrics.DURATION.labels(service, method, route)


def _request_id(scope: HTTPScope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value.decode()
    return uuid.uuid4().hex
