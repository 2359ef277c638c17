"""The media service's endpoints."""

from email.utils import format_datetime
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Controller, HttpMethod, Request, Response, delete, post, put, route
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, MultipartBody
from litestar.response import Stream

from services.contracts.errors import InvalidError, TooLargeError
from services.kit.http import BEARER, Caller
from services.kit.openapi import documented
from services.kit.tokens import Identity
from services.media import domain
from services.media.application import Pictures, Stored

FORM_BYTES = domain.MAX_BYTES + 100_000
# The address stays the same when a picture is replaced, so caches ask again, cheaply, by ETag.
REVALIDATE = "public, no-cache"
DEFAULT_SECONDS = 60

# One template per depth: a catch-all would shadow the routes that write.
_SEGMENTS = ("kind", "entity_id", "file_name", "fourth", "fifth", "sixth")
DEEPER = ["".join(f"/{{{name}:str}}" for name in _SEGMENTS[:depth]) for depth in range(2, 7)]
READS = (HttpMethod.GET, HttpMethod.HEAD)

AnyRequest = Request[Any, Any, Any]


class Form(msgspec.Struct, frozen=True):
    """Multipart form with a file."""

    file: UploadFile | None = None


class Written(msgspec.Struct, frozen=True):
    """The key of a stored picture."""

    url: str


class Told(msgspec.Struct, frozen=True):
    """What was done."""

    message: str


PICTURE = {200: ResponseSpec(data_container=bytes, media_type="image/*", generate_examples=False)}
WRITES = documented(400, 401, 403, 404, 413, 503)


class MediaController(Controller):
    """Pictures."""

    path = "/"
    tags = ("pictures",)

    @route(
        "/{path:str}",
        http_method=READS,
        responses=documented(304, 404, 503) | PICTURE,
        summary="A picture, or the default one of its kind",
        description="`path` may have slashes: `users/{id}/{file}`, `events/{id}/{file}`.",
    )
    async def read(self, request: AnyRequest, pictures: NamedDependency[Pictures]) -> Response[Any]:
        """Return the bytes with their type; a missing picture is a default one."""
        return await _read(request, pictures)

    @route(DEEPER, http_method=READS, include_in_schema=False)
    async def read_deeper(
        self, request: AnyRequest, pictures: NamedDependency[Pictures]
    ) -> Response[Any]:
        """Return what `read` returns for a path with slashes."""
        return await _read(request, pictures)

    @post(
        "/{kind:str}/{entity_id:str}",
        status_code=200,
        security=BEARER,
        responses=WRITES,
        request_max_body_size=FORM_BYTES,
        summary="Store a picture",
    )
    async def create(
        self,
        request: AnyRequest,
        kind: FromPath[str],
        entity_id: FromPath[str],
        caller: Caller,
        pictures: NamedDependency[Pictures],
        data: MultipartBody[Form],
    ) -> Written:
        """Store the form's ``file`` for a user or an event."""
        return await _write(request, (kind, entity_id), caller, pictures, data, replace=False)

    @put(
        "/{kind:str}/{entity_id:str}",
        status_code=200,
        security=BEARER,
        responses=WRITES,
        request_max_body_size=FORM_BYTES,
        summary="Replace a picture",
    )
    async def replace(
        self,
        request: AnyRequest,
        kind: FromPath[str],
        entity_id: FromPath[str],
        caller: Caller,
        pictures: NamedDependency[Pictures],
        data: MultipartBody[Form],
    ) -> Written:
        """Replace a picture that is there."""
        return await _write(request, (kind, entity_id), caller, pictures, data, replace=True)

    @delete(
        "/{kind:str}/{entity_id:str}/{file_name:str}",
        status_code=200,
        security=BEARER,
        responses=documented(400, 401, 403, 404, 503),
        summary="Delete a picture",
    )
    async def remove(
        self,
        request: AnyRequest,
        kind: FromPath[str],
        entity_id: FromPath[str],
        file_name: FromPath[str],
        caller: Caller,
        pictures: NamedDependency[Pictures],
    ) -> Told:
        """Delete one picture."""
        belongs_to = domain.owner(kind, entity_id)
        await pictures.check_writer(caller, belongs_to, request.headers["authorization"])
        await pictures.delete(belongs_to, file_name)
        return Told("deleted")


async def _read(request: AnyRequest, pictures: Pictures) -> Response[Any]:
    found, is_default = await pictures.read(request.url.path)
    headers = _headers(found, is_default=is_default)
    if f'"{found.etag}"' in request.headers.get("if-none-match", ""):
        return Response(None, status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Length"] = str(found.size)
    if request.method == HttpMethod.HEAD:
        return Response(b"", headers=headers, media_type=found.media_type)
    return Stream(found.content, headers=headers, media_type=found.media_type)


async def _write(
    request: AnyRequest,
    place: tuple[str, str],
    caller: Identity,
    pictures: Pictures,
    data: Form,
    *,
    replace: bool,
) -> Written:
    belongs_to = domain.owner(*place)
    await pictures.check_writer(caller, belongs_to, request.headers["authorization"])
    if data.file is None:
        raise InvalidError("file: expected a picture in the form field 'file'", field="file")
    spooled = data.file.file
    if spooled.seek(0, 2) > domain.MAX_BYTES:
        raise TooLargeError(f"file: at most {domain.MAX_BYTES} bytes", field="file")
    name = data.file.filename
    return Written(await pictures.write(belongs_to, name, spooled, replace=replace))  # type: ignore[arg-type]


def _headers(found: Stored, *, is_default: bool) -> dict[str, str]:
    return {
        "ETag": f'"{found.etag}"',
        "Last-Modified": format_datetime(found.modified, usegmt=True),
        "Cache-Control": f"public, max-age={DEFAULT_SECONDS}" if is_default else REVALIDATE,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'",
    }
