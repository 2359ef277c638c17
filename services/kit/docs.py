"""A service's docs page, rendered here from its OpenAPI document: no script, nothing fetched."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

STYLE = (Path(__file__).parent / "docs.css").read_text(encoding="utf-8")
DEEPEST = 3
METHODS = ("get", "head", "post", "put", "patch", "delete")

Node = dict[str, Any]


def page(document: Node, address: str) -> str:
    """Return an HTML page that shows every operation of an OpenAPI 3.1 document.

    Args:
        document: the document.
        address: public address of the service, for the examples.
    """
    title = escape(document["info"]["title"])
    groups: dict[str, list[tuple[str, str, Node]]] = {}
    for path, method, operation in _operations(document):
        groups.setdefault((operation.get("tags") or ["other"])[0], []).append(
            (path, method, operation)
        )
    menu = "".join(_menu(tag, entries) for tag, entries in groups.items())
    articles = "".join(
        _article(document, address, *entry) for entries in groups.values() for entry in entries
    )
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{title}</title><style>{STYLE}</style></head><body><div class=frame>"
        f"<nav aria-label=Operations>{menu}</nav><main><header><h1>{title}</h1>"
        f"<p>{escape(document['info'].get('description', ''))}</p>"
        f"<p>Version {escape(document['info']['version'])}, at <code>{escape(address)}</code>; "
        "<a href='openapi.json'>OpenAPI 3.1 document</a></p></header>"
        f"{articles}</main></div></body></html>"
    )


def _operations(document: Node) -> Iterator[tuple[str, str, Node]]:
    """Yield path, method and operation: by path, reading before writing, health last."""
    for path in sorted(document["paths"], key=lambda one: (one == "/health", one)):
        methods = document["paths"][path]
        for method in sorted(methods, key=METHODS.index):
            yield path, method, methods[method]


def _anchor(path: str, method: str) -> str:
    return escape(f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""))


def _menu(tag: str, entries: list[tuple[str, str, Node]]) -> str:
    rows = "".join(
        f"<li><a href='#{_anchor(path, method)}'>{escape(operation.get('summary', path))}</a></li>"
        for path, method, operation in entries
    )
    return f"<h2>{escape(tag.capitalize())}</h2><ul>{rows}</ul>"


def _article(document: Node, address: str, path: str, method: str, operation: Node) -> str:
    example = _example(document, f"{address}{path}", method, operation)
    signed_in = "<p class=note>Needs an access token.</p>" if operation.get("security") else ""
    return (
        f"<article id='{_anchor(path, method)}'>"
        f"<h3>{escape(operation.get('summary', ''))}</h3>"
        f"<p class=call><span class='method {escape(method)}'>{escape(method.upper())}</span>"
        f"{escape(path)}</p><p>{escape(operation.get('description', ''))}</p>{signed_in}"
        f"{_parameters(operation)}{_request(document, operation)}{_responses(document, operation)}"
        f"<details><summary>Example</summary><pre>{example}</pre></details></article>"
    )


def _table(heading: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th scope=col>{escape(column)}" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f"<h4>{escape(heading)}</h4><div class=scroll><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _parameters(operation: Node) -> str:
    rows = [
        (
            f"<code>{escape(one['name'])}</code>",
            escape(one["in"]),
            escape(_kind(one["schema"])),
            "yes" if one["required"] else "no",
        )
        for one in operation.get("parameters", [])
    ]
    return _table("Parameters", ("name", "in", "type", "required"), rows)


def _request(document: Node, operation: Node) -> str:
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        rows = _fields(document, content["schema"])
        return _table(f"Body: {media_type}", ("field", "type", "required"), rows)
    return ""


def _responses(document: Node, operation: Node) -> str:
    rows = []
    shapes = ""
    for status, response in sorted(operation["responses"].items()):
        types = ", ".join(response.get("content", {})) or "no body"
        rows.append((status, escape(response["description"]), escape(types)))
        if status.startswith("2"):
            for content in response.get("content", {}).values():
                fields = _fields(document, content.get("schema", {}))
                shapes += _table(f"Answer {status}", ("field", "type", "always"), fields)
    return _table("Answers", ("status", "meaning", "body"), rows) + shapes


def _fields(
    document: Node, schema: Node, prefix: str = "", depth: int = 0
) -> list[tuple[str, ...]]:
    """Return one row per field, those of objects inside objects with dotted names."""
    found = _resolved(document, schema)
    rows: list[tuple[str, ...]] = []
    for name, one in found.get("properties", {}).items():
        needed = "yes" if name in found.get("required", []) else "no"
        rows.append((f"<code>{escape(prefix + name)}</code>", escape(_kind(one)), needed))
        inner, mark = _inner(one)
        if inner and depth < DEEPEST:
            rows += _fields(document, inner, f"{prefix}{name}{mark}.", depth + 1)
    return rows


def _inner(schema: Node) -> tuple[Node | None, str]:
    """Return the object schema inside a field, and what marks it as a list."""
    for one in _choices(schema):
        if "$ref" in one:
            return one, ""
        if one.get("type") == "array" and "$ref" in one.get("items", {}):
            return one["items"], "[]"
    return None, ""


def _resolved(document: Node, schema: Node) -> Node:
    if "$ref" not in schema:
        return schema
    found: Node = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _choices(schema: Node) -> list[Node]:
    choices: list[Node] = schema.get("oneOf", [schema])
    return [one for one in choices if one.get("type") != "null"]


def _kind(schema: Node) -> str:
    return " or ".join(dict.fromkeys(_one_kind(one) for one in _choices(schema)))


def _one_kind(schema: Node) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "$ref" in schema:
        return "object"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if schema.get("format") == "binary":
        return "file"
    return str(schema.get("type", "any"))


def _example(document: Node, url: str, method: str, operation: Node) -> str:
    words = [f"curl -X {method.upper()} '{url}'"]
    if operation.get("security"):
        words.append("-H 'Authorization: Bearer '$TOKEN")
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        fields = _resolved(document, content["schema"]).get("properties", {})
        if media_type == "application/json":
            body = ", ".join(f'"{name}": {_sample(one)}' for name, one in fields.items())
            words += ["-H 'Content-Type: application/json'", f"-d '{{{body}}}'"]
        else:
            words += [
                f"-F '{name}={'@picture.jpg' if 'file' in _kind(one) else '...'}'"
                for name, one in fields.items()
            ]
    return escape(" \\\n  ".join(words))


def _sample(schema: Node) -> str:
    samples = {
        "integer": "1",
        "number": "1.5",
        "boolean": "true",
        "object": "{}",
        "string": '"..."',
    }
    return samples.get(_kind(schema), "[]" if "list" in _kind(schema) else '"..."')
