"""Decode, guard, call a use case, encode."""

from email.utils import format_datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, HttpMethod, Request, Response, delete, get, post, put, route
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, MultipartBody, QueryParameter
from litestar.response import Stream

from services.contracts.errors import TooLargeError, UnavailableError
from services.kit.failures import answer, problem
from services.kit.http import BEARER, Caller
from services.kit.openapi import documented
from services.kit.personal import check_service
from services.kit.tokens import Identity
from services.media import domain
from services.media.application.pictures import Pictures
from services.media.application.ports import Facts
from services.media.application.variants import Variants
from services.media.http import conditions
from services.media.http.conditions import Asked, Verdict

FORM_BYTES = domain.MAX_BYTES + 100_000
# The address stays the same when a picture is replaced, so caches ask again, cheaply, by ETag.
REVALIDATE = "public, no-cache"
DEFAULT_SECONDS = 60
TRIES = 3

# One template per depth: a catch-all would shadow the routes that write.
_SEGMENTS = ("kind", "entity_id", "file_name", "fourth", "fifth", "sixth")
DEEPER = ["".join(f"/{{{name}:str}}" for name in _SEGMENTS[:depth]) for depth in range(2, 7)]
READS = (HttpMethod.GET, HttpMethod.HEAD)

AnyRequest = Request[Any, Any, Any]
Width = Annotated[
    Literal[320, 640, 1280] | None,
    QueryParameter(description="Pixels; AVIF, WebP, JPEG or PNG, as Accept says."),
]


class Form(msgspec.Struct, frozen=True):
    """Multipart form with a file."""

    file: UploadFile


class Written(msgspec.Struct, frozen=True):
    """The key of a stored picture."""

    url: str


class Told(msgspec.Struct, frozen=True):
    """What was done."""

    message: str


PICTURE = {
    status: ResponseSpec(data_container=bytes, media_type="image/*", generate_examples=False)
    for status in (200, 206)
}
WRITES = documented(400, 401, 403, 404, 413, 503)


class MediaController(Controller):
    """Pictures."""

    path = "/"
    tags = ("pictures",)

    @route(
        "/{path:str}",
        http_method=READS,
        responses=documented(304, 400, 404, 416, 503) | PICTURE,
        summary="A picture, or the default one of its kind",
        description="`path` may have slashes: `users/{id}/{file}`, `events/{id}/{file}`.",
    )
    async def read(
        self,
        request: AnyRequest,
        pictures: NamedDependency[Pictures],
        variants: NamedDependency[Variants],
        width: Width = None,
    ) -> Response[Any]:
        """Return the bytes with their type; a missing picture is a default one."""
        return await _read(request, pictures, variants, width)

    @route(DEEPER, http_method=READS, include_in_schema=False)
    async def read_deeper(
        self,
        request: AnyRequest,
        pictures: NamedDependency[Pictures],
        variants: NamedDependency[Variants],
        width: Width = None,
    ) -> Response[Any]:
        """Return what `read` returns for a path with slashes."""
        return await _read(request, pictures, variants, width)

    @get(
        "/internal/pictures/{kind:str}/{entity_id:str}/{file_name:str}",
        include_in_schema=False,
        security=BEARER,
        exception_handlers={Exception: answer(problem)},
    )
    async def own(
        self,
        request: AnyRequest,
        kind: FromPath[str],
        entity_id: FromPath[str],
        file_name: FromPath[str],
        caller: Caller,
        pictures: NamedDependency[Pictures],
    ) -> Stream:
        """Return a picture itself to another service, never a default one."""
        check_service(request, caller)
        found = await pictures.own(domain.owner(kind, entity_id), file_name)
        headers = {"Content-Length": str(found.facts.size)}
        return Stream(found.content, headers=headers, media_type=found.facts.media_type)

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


async def _read(
    request: AnyRequest, pictures: Pictures, variants: Variants, width: int | None
) -> Response[Any]:
    path, asked = request.url.path, _asked(request)
    if request.method == HttpMethod.GET and width is None and asked == Asked():
        stored, is_default = await pictures.whole(path)
        headers = _headers(stored.facts, Verdict(HTTPStatus.OK), is_default=is_default)
        return Stream(stored.content, headers=headers, media_type=stored.facts.media_type)
    for _ in range(TRIES):
        found, is_default = await pictures.find(path)
        if width is not None:
            wished = conditions.form(request.headers.get("accept", ""))
            found = await variants.of(found, width, wished) or found
        verdict = conditions.judge(asked, found, is_default=is_default)
        headers = _headers(found, verdict, is_default=is_default)
        if width is not None:
            headers["Vary"] = "Accept"
        if verdict.span is None and (verdict.status != HTTPStatus.OK or request.method != "GET"):
            return _without_content(found, verdict, headers)
        opened = await pictures.open(found, verdict.span)
        if opened is not None:
            return Stream(
                opened.content,
                status_code=verdict.status,
                headers=headers,
                media_type=found.media_type,
            )
    raise UnavailableError("the picture is being replaced")


def _without_content(found: Facts, verdict: Verdict, headers: dict[str, str]) -> Response[Any]:
    """Return the answer to HEAD, of a known picture, or of a part that there is not."""
    if verdict.status == HTTPStatus.NOT_MODIFIED:
        return Response(None, status_code=verdict.status, headers=headers)
    if verdict.status == HTTPStatus.OK:
        return Response(b"", headers=headers, media_type=found.media_type)
    words = f"Range: the picture has {found.size} bytes"
    return Response(words, status_code=verdict.status, headers=headers, media_type="text/plain")


def _asked(request: AnyRequest) -> Asked:
    """Return the headers that matter; a part is something to get, not to ask about."""
    headers = request.headers
    return Asked(
        if_none_match=",".join(headers.getall("if-none-match", [])),
        if_modified_since=headers.get("if-modified-since", ""),
        if_range=headers.get("if-range", ""),
        range=headers.get("range", "") if request.method == HttpMethod.GET else "",
    )


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
    spooled = data.file.file
    if spooled.seek(0, 2) > domain.MAX_BYTES:
        raise TooLargeError(f"file: at most {domain.MAX_BYTES} bytes", field="file")
    name = data.file.filename
    return Written(await pictures.write(belongs_to, name, spooled, replace=replace))  # type: ignore[arg-type]


def _headers(found: Facts, verdict: Verdict, *, is_default: bool) -> dict[str, str]:
    headers = {
        "ETag": f'"{found.etag}"',
        "Last-Modified": format_datetime(found.modified, usegmt=True),
        "Cache-Control": f"public, max-age={DEFAULT_SECONDS}" if is_default else REVALIDATE,
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'",
    }
    if verdict.status == HTTPStatus.OK:
        headers["Content-Length"] = str(found.size)
    if verdict.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        headers["Content-Range"] = f"bytes */{found.size}"
    if verdict.span is not None:
        start, end = verdict.span
        headers["Content-Length"] = str(end - start)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    return headers
