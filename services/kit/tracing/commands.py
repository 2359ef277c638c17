"""Spans of database commands, told by the driver's own monitoring."""

from opentelemetry.trace import Span, Status, StatusCode
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from services.kit.tracing.spans import Spans

# A command that is cancelled is never told to have ended.
MOST_OPEN = 1_000


class Commands(CommandListener):
    """Records commands that are part of a trace; what they ask for is not told."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._open: dict[int, Span] = {}

    def started(self, event: CommandStartedEvent) -> None:
        """Begin a span if there is a trace around the caller."""
        name, command = event.command_name, event.command
        facts: dict[str, str | int] = {
            "db.system.name": "mongodb",
            "db.namespace": event.database_name,
            "db.operation.name": name,
        }
        collection = command.get("collection" if name == "getMore" else name)
        if isinstance(collection, str):
            facts["db.collection.name"] = collection
            name = f"{name} {collection}"
        span = self._spans.start(name, facts)
        if span is not None:
            if len(self._open) >= MOST_OPEN:
                self._open.clear()
            self._open[event.request_id] = span

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """End the span."""
        span = self._open.pop(event.request_id, None)
        if span is not None:
            span.end()

    def failed(self, event: CommandFailedEvent) -> None:
        """End the span with the failure's name."""
        span = self._open.pop(event.request_id, None)
        if span is not None:
            span.set_status(Status(StatusCode.ERROR, str(event.failure.get("codeName", ""))))
            span.end()
