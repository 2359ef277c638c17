"""Multipart forms, read strictly: few parts, each once, text in UTF-8 only.

The framework's own reader decodes a text in whatever charset its part names; some of those take
minutes for a megabyte.
"""

from collections.abc import AsyncIterator
from typing import Any

from litestar import Request
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.utils.scope.state import ScopeState
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
)

from services.contracts.errors import InvalidError, TooLargeError

MOST_PARTS = 16
LONGEST_TEXT = 1_000_000
LONGEST_FILE_NAME = 255
CHARSETS = frozenset({None, "utf-8", "utf8", "us-ascii"})

Form = dict[str, str | list[str] | UploadFile]


class _Part:
    """One part while it comes."""

    def __init__(self, segment: MultipartSegment) -> None:
        self.name = str(segment.name)
        if (segment.charset or "utf-8").lower() not in CHARSETS:
            raise InvalidError(f"{self.name}: expected UTF-8 text", field=self.name)
        if len(segment.filename or "") > LONGEST_FILE_NAME:
            limit = f"{self.name}: a file name has at most {LONGEST_FILE_NAME} characters"
            raise InvalidError(limit, field=self.name)
        self._text = bytearray()
        self._file = (
            UploadFile(content_type=segment.content_type or "", filename=segment.filename)
            if segment.filename
            else None
        )

    async def write(self, content: bytes) -> None:
        if self._file is not None:
            await self._file.write(content)
            return
        self._text += content
        if len(self._text) > LONGEST_TEXT:
            raise TooLargeError(f"{self.name}: at most {LONGEST_TEXT} bytes", field=self.name)

    async def value(self) -> str | UploadFile:
        if self._file is not None:
            await self._file.seek(0)
            return self._file
        try:
            return self._text.decode()
        except UnicodeDecodeError as error:
            raise InvalidError(f"{self.name}: expected UTF-8 text", field=self.name) from error


async def read_ahead(request: Request[Any, Any, Any]) -> None:
    """Read the form of a request whose handler takes one, before the framework would.

    Raises:
        InvalidError: not a form, or one with too many parts, a part twice, or another charset.
        TooLargeError: a text is too long.
    """
    data = request.route_handler.parsed_data_field
    wanted = getattr(data and data.kwarg_definition, "media_type", None)
    if wanted == RequestEncodingType.MULTI_PART:
        boundary = request.content_type[1].get("boundary", "")
        ScopeState.from_scope(request.scope).form = await read(request.stream(), boundary)


async def read(chunks: AsyncIterator[bytes], boundary: str) -> Form:
    """Return the fields of a form; nothing at all is a form without fields.

    Raises:
        InvalidError, TooLargeError: as `read_ahead`.
    """
    form: Form = {}
    first = await anext(chunks, b"")
    if not first:
        return form
    try:
        await _read(form, first, chunks, boundary)
    except ParserLimitReached as error:
        limit = f"body: expected at most {MOST_PARTS} parts with short headers"
        raise InvalidError(limit) from error
    except MultipartError as error:
        raise InvalidError(f"body: expected a multipart form: {error.args[0]}") from error
    return form


async def _read(form: Form, chunk: bytes, chunks: AsyncIterator[bytes], boundary: str) -> None:
    part: _Part | None = None
    with PushMultipartParser(boundary, max_segment_count=MOST_PARTS) as parser:
        while not parser.closed:
            for event in parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    part = _Part(event)
                    if part.name in form:
                        raise InvalidError(f"{part.name}: expected once", field=part.name)
                elif part is not None and event:
                    await part.write(event)
                elif part is not None:
                    form[part.name] = await part.value()
            chunk = await anext(chunks, b"")
