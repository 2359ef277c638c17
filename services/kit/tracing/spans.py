"""Spans of requests, calls and messages, in OpenTelemetry's terms and names."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from typing import Any

import structlog
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.contracts.topology import EXCHANGE

FIELDS = ("traceparent", "tracestate")
FAILED_OUTCOMES = frozenset({"requeued", "dead"})
SERVER_ERROR = 500
CLIENT_ERROR = 400

_w3c = TraceContextTextMapPropagator()


class Spans:
    """Records one service's spans and sends them from a thread of its own.

    The queue before that thread is bounded: while the receiver is away, spans are lost and nothing
    waits.

    Args:
        service: the service's name, unless ``OTEL_SERVICE_NAME`` gives another.
    """

    def __init__(self, service: str) -> None:
        facts = {
            "service.name": os.environ.get("OTEL_SERVICE_NAME") or service,
            "service.namespace": "eventonight",
            "service.version": version("eventonight"),
        }
        self._provider = TracerProvider(resource=Resource.create(facts), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("eventonight")

    def close(self) -> None:
        """Send what is left; takes as long as the receiver makes it."""
        self._provider.shutdown()

    def request(
        self, method: str, path: str, headers: Iterable[tuple[bytes, bytes]]
    ) -> AbstractContextManager[Span]:
        """Return the span of a request to us, the continuation of the caller's if there is one."""
        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        return self._tracer.start_as_current_span(
            method,
            context=_w3c.extract(told),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "url.path": path},
        )

    @contextmanager
    def call(self, method: str, host: str, port: int, path: str) -> Iterator[dict[str, str]]:
        """Keep a span for the length of a call of ours, and yield the headers to send along."""
        facts: dict[str, str | int] = {
            "http.request.method": method,
            "server.address": host,
            "server.port": port,
            "url.path": path,
        }
        if not _in_trace():
            yield {}
            return
        with self._tracer.start_as_current_span(method, kind=SpanKind.CLIENT, attributes=facts):
            yield self.carrier()

    @contextmanager
    def publishing(self, routing_key: str, message_id: str) -> Iterator[dict[str, str]]:
        """Keep a span for the length of a publish, and yield the headers to send along."""
        if not _in_trace():
            yield {}
            return
        facts = _messaging("send", EXCHANGE, routing_key, message_id)
        with self._tracer.start_as_current_span(
            f"send {EXCHANGE}", kind=SpanKind.PRODUCER, attributes=facts
        ):
            yield self.carrier()

    def consuming(
        self, queue: str, routing_key: str, message_id: str, headers: Mapping[str, Any]
    ) -> AbstractContextManager[Span]:
        """Return the span of a message being processed, the continuation of its publisher's."""
        return self._tracer.start_as_current_span(
            f"process {queue}",
            context=_w3c.extract(_texts(headers)),
            kind=SpanKind.CONSUMER,
            attributes=_messaging("process", queue, routing_key, message_id),
        )

    def start(self, name: str, facts: Mapping[str, str | int]) -> Span | None:
        """Return a new span of a database command, ``None`` outside of what is traced."""
        if not trace.get_current_span().is_recording():
            return None
        return self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=facts)

    @staticmethod
    def answered(method: str, route: str, status: int) -> None:
        """Note on the present span how a request of ours was answered."""
        span = trace.get_current_span()
        span.update_name(f"{method} {route}")
        span.set_attributes({"http.route": route, "http.response.status_code": status})
        if status >= SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR))

    @staticmethod
    def heard(status: int) -> None:
        """Note on the present span how a call of ours was answered."""
        span = trace.get_current_span()
        span.set_attribute("http.response.status_code", status)
        if status >= CLIENT_ERROR:
            span.set_status(Status(StatusCode.ERROR))

    @staticmethod
    def ended(outcome: str) -> None:
        """Note on the present span what became of a message."""
        span = trace.get_current_span()
        span.set_attribute("eventonight.outcome", outcome)
        if outcome in FAILED_OUTCOMES:
            span.set_status(Status(StatusCode.ERROR, outcome))

    @staticmethod
    def carrier() -> dict[str, str]:
        """Return the present trace in W3C's words; empty where there is none."""
        told: dict[str, str] = {}
        _w3c.inject(told)
        return told

    @staticmethod
    @contextmanager
    def resumed(told: Mapping[str, Any]) -> Iterator[None]:
        """Be in the trace that a carrier tells of for the length of a block."""
        token = context.attach(_w3c.extract(_texts(told)))
        try:
            yield
        finally:
            context.detach(token)


def add_ids(
    _logger: structlog.typing.WrappedLogger, _name: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Add the ids of the present trace and span to a log line."""
    present = trace.get_current_span().get_span_context()
    if present.is_valid:
        line["trace_id"] = format(present.trace_id, "032x")
        line["span_id"] = format(present.span_id, "016x")
    return line


def _in_trace() -> bool:
    return trace.get_current_span().get_span_context().is_valid


def _texts(told: Mapping[str, Any]) -> dict[str, str]:
    return {name: told[name] for name in FIELDS if isinstance(told.get(name), str)}


def _messaging(
    operation: str, destination: str, routing_key: str, message_id: str
) -> dict[str, str]:
    return {
        "messaging.system": "rabbitmq",
        "messaging.operation.type": operation,
        "messaging.destination.name": destination,
        "messaging.rabbitmq.destination.routing_key": routing_key,
        "messaging.message.id": message_id,
    }
