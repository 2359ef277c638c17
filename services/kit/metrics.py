"""The measures every service exposes, in Prometheus' terms."""

import platform
from importlib.metadata import version

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

CONTENT_TYPE = CONTENT_TYPE_LATEST

BUILD = Gauge(
    "eventonight_build_info",
    "Always 1; the labels tell the build.",
    ["service", "version", "python"],
)
REQUESTS = Counter(
    "eventonight_http_requests_total",
    "Answered requests.",
    ["service", "method", "route", "status"],
)
DURATION = Histogram(
    "eventonight_http_request_duration_seconds",
    "From the first byte in to the last byte out.",
    ["service", "method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
OUTBOX_DEPTH = Gauge(
    "eventonight_outbox_pending", "Events committed and not yet published.", ["service"]
)
OUTBOX_AGE = Gauge(
    "eventonight_outbox_oldest_seconds", "Age of the oldest event not yet published.", ["service"]
)
PUBLISHED = Counter(
    "eventonight_events_published_total", "Events the broker confirmed.", ["service", "event"]
)
CONSUMED = Counter(
    "eventonight_messages_total",
    "Messages by outcome: done, duplicate, retried, requeued, dead.",
    ["service", "queue", "outcome"],
)
CONSUMER_LAG = Gauge(
    "eventonight_consumer_lag_messages", "Messages ready in the queue.", ["service", "queue"]
)
DEPENDENCY_UP = Gauge(
    "eventonight_dependency_up", "1 while the dependency answers.", ["service", "dependency"]
)


def announce(service: str) -> None:
    """Publish the build's identity."""
    BUILD.labels(service, version("eventonight"), platform.python_version()).set(1)


def render() -> bytes:
    """Return all measures in the text format."""
    return generate_latest(REGISTRY)
