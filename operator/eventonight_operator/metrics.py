"""What the operator tells Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

PREFIX = "eventonight_operator"

PASSES = Counter(
    f"{PREFIX}_reconcile", "Attempts per system and how they ended", ["system", "result"]
)
DURATION = Histogram(
    f"{PREFIX}_reconcile_duration_seconds",
    "How long an attempt took",
    ["system"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
CORRECTIONS = Counter(f"{PREFIX}_drift_corrections", "Repairs of what others changed", ["kind"])
WRITES = Counter(f"{PREFIX}_external_writes", "Writes outside this process", ["system"])
DEPENDENCY_UP = Gauge(
    f"{PREFIX}_dependency_up", "Whether a system could be worked with", ["system"]
)
CONDITION = Gauge(f"{PREFIX}_condition", "Conditions of the resources", ["name", "type", "status"])
LEADER = Gauge(f"{PREFIX}_leader", "Whether this replica leads")
