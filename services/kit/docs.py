"""A service's docs page, rendered here from its OpenAPI document: no script, nothing fetched."""

from html import escape
from typing import Any


def page(document: dict[str, Any]) -> str:
    """Return an HTML page that shows every operation of an OpenAPI 3.1 document."""
    title = escape(document["info"]["title"])
    operations = "\n".join(
        f"<li><code>{escape(method.upper())} {escape(path)}</code> "
        f"{escape(str(operation.get('summary', '')))}</li>"
        for path, methods in sorted(document["paths"].items())
        for method, operation in methods.items()
        if isinstance(operation, dict)
    )
    return (
        f"<!doctype html><html lang=en><title>{title}</title><h1>{title}</h1><ul>{operations}</ul>"
    )
