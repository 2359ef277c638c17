"""Every failure's status, code and words in one place; each service picks the body's shape."""

import re
from collections.abc import Callable
from http import HTTPStatus

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, SerializationException, ValidationException

from services.contracts import errors
from services.contracts.errors import RefusedError, UnavailableError
from services.kit import logs, mongo

STATUS: dict[type[RefusedError], HTTPStatus] = {
    errors.InvalidError: HTTPStatus.BAD_REQUEST,
    errors.UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    errors.ForbiddenError: HTTPStatus.FORBIDDEN,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.TooSlowError: HTTPStatus.REQUEST_TIMEOUT,
    errors.UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}
RETRY_AFTER_SECONDS = 2
_PUT_OFF = "put_off"
# The framework's words for the body as a whole, for one that is not there, and for a missing field.
_BODY = "data"
_NO_BODY = "'data'"
_MISSING = re.compile(r"Object missing required field `(.+)`")
_STRANGERS = (errors.UnauthenticatedError, errors.ForbiddenError, errors.NotFoundError)

log = logs.get(__name__)


class Failure(msgspec.Struct, frozen=True):
    """What a client is told when its request is not served."""

    status: HTTPStatus
    code: str
    message: str
    field: str | None = None


Shape = Callable[[Failure], object]


def plain_text(failure: Failure) -> str:
    """The message alone."""
    return failure.message


def error_object(failure: Failure) -> dict[str, str]:
    """``{"error"}``; for 401 and 403 the reason phrase there and the message beside it."""
    if failure.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return {"error": failure.status.phrase, "message": failure.message, "code": failure.code}
    return {"error": failure.message, "code": failure.code}


def problem(failure: Failure) -> dict[str, object]:
    """RFC 9457 problem details with a stable ``code``."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": failure.status.phrase,
        "status": int(failure.status),
        "detail": failure.message,
        "code": failure.code,
    }
    return body if failure.field is None else {**body, "field": failure.field}


def failure_of(error: Exception) -> Failure:
    """Return what a client is told about an exception."""
    if isinstance(error, RefusedError):
        status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
        return Failure(status, error.code, error.message, error.field)
    if isinstance(error, HTTPException) and error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        status = HTTPStatus(error.status_code)
        field, words = _told(error)
        return Failure(status, status.phrase.lower().replace(" ", "-"), words, field)
    if isinstance(error, RecursionError):
        return Failure(HTTPStatus.BAD_REQUEST, "invalid", "body: nested too deeply")
    if isinstance(error, UnicodeDecodeError):
        return Failure(HTTPStatus.BAD_REQUEST, "invalid", "body: expected UTF-8 text")
    if mongo.is_outage(error) or isinstance(error, TimeoutError):
        log.warning("the database does not answer", error=str(error))
        return Failure(
            HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "the database does not answer"
        )
    return _internal(error)


def put_off(request: Request, error: UnavailableError) -> None:  # type: ignore[type-arg]
    """Have this request answered with an outage where it would be refused as a stranger's."""
    request.scope["state"][_PUT_OFF] = error


def _instead(request: Request, error: Exception) -> Exception:  # type: ignore[type-arg]
    outage: UnavailableError | None = request.scope["state"].get(_PUT_OFF)
    return outage if outage is not None and isinstance(error, _STRANGERS) else error


def answer(shape: Shape) -> Callable[[Request, Exception], Response[object]]:  # type: ignore[type-arg]
    """Return the exception handler of a service whose bodies have this shape."""

    def handle(request: Request, error: Exception) -> Response[object]:  # type: ignore[type-arg]
        failure = failure_of(_instead(request, error))
        headers: dict[str, str] = {}
        if failure.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        if failure.status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        if failure.status == HTTPStatus.METHOD_NOT_ALLOWED and isinstance(error, HTTPException):
            headers.update(error.headers or {})
        return Response(
            shape(failure),
            status_code=failure.status,
            headers=headers,
            media_type=_media_type(shape),
        )

    return handle


def _media_type(shape: Shape) -> str:
    if shape is plain_text:
        return "text/plain"
    return "application/problem+json" if shape is problem else "application/json"


def _told(error: HTTPException) -> tuple[str | None, str]:
    """Return which field the framework refuses, if it is one, and the words about it."""
    if isinstance(error.__cause__, SerializationException):
        return None, f"body: expected JSON: {error.detail}"
    if not isinstance(error, ValidationException) or not isinstance(error.extra, list):
        return None, error.detail
    refused = [_refused(item) for item in error.extra if isinstance(item, dict)]
    words = "; ".join(f"{field}: {expected}" for field, expected in refused)
    return refused[0][0] if len(refused) == 1 else None, words or error.detail


def _refused(item: dict[str, object]) -> tuple[str, str]:
    """Return a field's name and what was expected of it; ``body`` is a body as a whole."""
    key, words = str(item.get("key", _BODY)), str(item["message"])
    if missing := _MISSING.fullmatch(words):
        return missing[1] if key == _BODY else f"{key}.{missing[1]}", "is required"
    if words == _NO_BODY:
        words = "is required"
    elif words.startswith("Unsupported type:"):
        words = "expected a file"
    return "body" if key == _BODY else key, words[:1].lower() + words[1:]


def _internal(error: Exception) -> Failure:
    log.error("a request failed", exc_info=error)
    return Failure(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "internal error")
