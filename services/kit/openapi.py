"""A service's OpenAPI 3.1 document: what the framework tells, with the true bodies of errors."""

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Litestar
from litestar.openapi.datastructures import ResponseSpec

from services.kit.failures import Shape, error_object, plain_text

PROBLEM_TYPE = "application/problem+json"

_WORDS: dict[str, Any] = {"type": "string"}
_OBJECT: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": _WORDS, "message": _WORDS, "code": _WORDS},
}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457 problem details with a stable ``code``."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str | None = None


def documented(*statuses: int, problem: bool = False) -> dict[int, ResponseSpec]:
    """Return OpenAPI entries for further statuses; `problem`: the handler answers in that shape."""
    return {
        status: ResponseSpec(
            data_container=Problem if problem else None,
            media_type=PROBLEM_TYPE if problem else "application/json",
            description=HTTPStatus(status).phrase,
            generate_examples=False,
        )
        for status in statuses
    }


def document(app: Litestar) -> dict[str, Any]:
    """Return an application's document."""
    found: dict[str, Any] = app.openapi_schema.to_schema()
    content = _content(app.state.shape)
    for operations in found["paths"].values():
        for operation in operations.values():
            _tell_errors(operation, content)
            _tell_whether_a_form_is_needed(operation, found["components"]["schemas"])
    return found


def _tell_whether_a_form_is_needed(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Have a form without required fields be optional: no body at all is read as an empty one."""
    body = operation.get("requestBody", {})
    form = body.get("content", {}).get("multipart/form-data", {}).get("schema")
    if form is not None:
        named = schemas.get(form.get("$ref", "").rpartition("/")[2], form)
        body["required"] = bool(named.get("required"))


def _tell_errors(operation: dict[str, Any], content: dict[str, Any]) -> None:
    responses = operation["responses"]
    if "requestBody" in operation:
        responses.setdefault("408", {})
        responses.setdefault("413", {})
    for status, response in responses.items():
        phrase = HTTPStatus(int(status)).phrase
        if int(status) == HTTPStatus.NO_CONTENT:
            response.pop("content", None)
        if int(status) < HTTPStatus.BAD_REQUEST:
            if int(status) != HTTPStatus.MULTI_STATUS:
                response["description"] = phrase
        elif PROBLEM_TYPE not in response.get("content", {}):
            responses[status] = {"description": phrase, "content": content}


def _content(shape: Shape) -> dict[str, Any]:
    if shape is plain_text:
        return {"text/plain": {"schema": _WORDS}}
    if shape is error_object:
        return {"application/json": {"schema": _OBJECT}}
    schema = msgspec.json.schema_components([Problem])[1]["Problem"]
    return {PROBLEM_TYPE: {"schema": schema}}
