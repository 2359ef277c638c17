"""The HTTP client that a service calls others with, and what their refusals mean to our clients."""

import httpx

from services.contracts.errors import InvalidError, TooLargeError
from services.kit import tracing

# What media calls a picture: our clients know it by the name of our form's field.
MEDIA_FIELD = "file: "


def client(service: str) -> httpx.AsyncClient:
    """Return a new client; its calls are part of the caller's trace when tracing is on."""
    spans = tracing.of(service)
    if spans is None:
        return httpx.AsyncClient()
    from services.kit.tracing.client import TracedClient  # noqa: PLC0415 - imported only when on

    return TracedClient(spans)


def check_picture(answer: httpx.Response, field: str) -> None:
    """Pass media's refusal of a picture on.

    Args:
        answer: media's.
        field: what our clients call the picture.

    Raises:
        InvalidError, TooLargeError: media refuses it.
    """
    words = f"{field}: {answer.text.removeprefix(MEDIA_FIELD)}"
    if answer.status_code == httpx.codes.BAD_REQUEST:
        raise InvalidError(words, field=field)
    if answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
        raise TooLargeError(words, field=field)
