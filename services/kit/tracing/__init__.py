"""Traces by OpenTelemetry, recorded at the kit's doors; off, and not even imported, by default.

``OTEL_EXPORTER_OTLP_ENDPOINT`` (or ``..._TRACES_ENDPOINT``) switches them on and says where to send
them; the other standard ``OTEL_*`` variables mean what they always do. A trace begins with a
request or a message. What a service does by itself is not traced, nor a question for its health.
"""

import os
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from services.kit.tracing.spans import Spans

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
CLOSE_SECONDS = 2.0
NOTHING: AbstractContextManager[Any] = nullcontext()

_known: dict[str, "Spans"] = {}


def wanted() -> bool:
    """Tell whether this process is to record traces."""
    environ = os.environ
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return (
        not off
        and environ.get("OTEL_TRACES_EXPORTER", "otlp") != "none"
        and any(environ.get(name) for name in ENDPOINTS)
    )


def of(service: str) -> "Spans | None":
    """Return what records a service's spans, ``None`` when tracing is off."""
    if not wanted():
        return None
    if service not in _known:
        from services.kit.tracing.spans import Spans  # noqa: PLC0415 - imported only when on

        _known[service] = Spans(service)
    return _known[service]


def log_ids() -> list[structlog.typing.Processor]:
    """Return what adds the trace's and span's ids to log lines: nothing when tracing is off."""
    if not wanted():
        return []
    from services.kit.tracing.spans import add_ids  # noqa: PLC0415 - imported only when on

    return [add_ids]


def close() -> None:
    """Send what is recorded, as far as that is done within two seconds."""
    ends = [threading.Thread(target=one.close, daemon=True) for one in _known.values()]
    for end in ends:
        end.start()
    for end in ends:
        end.join(CLOSE_SECONDS / len(ends))
