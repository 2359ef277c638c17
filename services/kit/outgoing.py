"""The HTTP client that a service calls others with."""

import httpx

from services.kit import tracing


def client(service: str) -> httpx.AsyncClient:
    """Return a new client; its calls are part of the caller's trace when tracing is on."""
    spans = tracing.of(service)
    if spans is None:
        return httpx.AsyncClient()
    from services.kit.tracing.client import TracedClient  # noqa: PLC0415 - imported only when on

    return TracedClient(spans)
