"""Times as Kubernetes writes them."""

from datetime import UTC, datetime


def timestamp() -> str:
    """Return now, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(moment: str) -> float:
    """Return the seconds since a time that Kubernetes wrote."""
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
