"""An installation as a picture that a person likes to read."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

# Conditions that are good news when they do not hold.
BAD_NEWS = frozenset({"Degraded", "Paused", "DriftDetected", "DeletionBlocked"})
UNKNOWN = "?"
Document = Mapping[str, Any]


def is_ready(resource: Document) -> bool:
    """Tell whether the resource is Ready, and says so of its present generation."""
    return any(
        one["type"] == "Ready"
        and one["status"] == "True"
        and one.get("observedGeneration") == resource["metadata"]["generation"]
        for one in _conditions(resource)
    )


def of_installation(resource: Document, look: Document | None) -> RenderableType:
    """Return the picture.

    Args:
        resource: as Kubernetes gives it.
        look: what the operator sees now, ``None`` if it cannot be asked.
    """
    metadata, status = resource["metadata"], resource.get("status") or {}
    ready = is_ready(resource)
    title = Text(
        f"{'●' if ready else '○'} {metadata['name']}", "bold green" if ready else "bold red"
    )
    title.append(f"  namespace {metadata['namespace']}, generation {metadata['generation']}", "dim")
    tree = Tree(title)
    tree.add(_services(status))
    tree.add(_queues(status, look))
    tree.add(Text(f"realm {(status.get('summary') or {}).get('realm') or UNKNOWN}"))
    tree.add(_members(status, look))
    tree.add(_drift(status))
    return Group(tree, Text(), _table(_conditions(resource)))


def _conditions(resource: Document) -> list[Document]:
    return (resource.get("status") or {}).get("conditions") or []


def _services(status: Document) -> Tree:
    tree = Tree(f"services {(status.get('summary') or {}).get('services') or UNKNOWN}")
    for one in status.get("services") or []:
        whole = one["ready"] >= one["wanted"]
        tree.add(
            Text(f"{one['name']} {one['ready']}/{one['wanted']}", "green" if whole else "yellow")
        )
    return tree


def _queues(status: Document, look: Document | None) -> Tree:
    tree = Tree(f"queues {(status.get('summary') or {}).get('queues') or UNKNOWN}")
    for name, (waiting, dead) in (look or {}).get("queues", {}).items():
        words = Text(f"{name}: {_count(waiting)} waiting")
        words.append(f", {_count(dead)} dead letters", "yellow" if dead else "dim")
        tree.add(words)
    return tree


def _members(status: Document, look: Document | None) -> Tree:
    tree = Tree(f"replica set members {(status.get('summary') or {}).get('mongo') or UNKNOWN}")
    for name, states in (look or {}).get("members", {}).items():
        branch = tree.add(name)
        for host, state in states.items():
            healthy = state in {"PRIMARY", "SECONDARY"}
            branch.add(Text(f"{host} {state.lower()}", "green" if healthy else "yellow"))
    return tree


def _drift(status: Document) -> Tree:
    drift = status.get("drift") or {}
    count = drift.get("corrections", 0)
    when = f", last {drift['lastCorrected']}" if drift.get("lastCorrected") else ""
    tree = Tree(f"repairs {count}{when}")
    for one in (drift.get("objects") or [])[:5]:
        tree.add(Text(one, "dim"))
    return tree


def _table(conditions: Iterable[Document]) -> Table:
    table = Table("condition", "", "reason", "since", "message", box=None, header_style="dim")
    for one in conditions:
        holds, bad = one["status"] == "True", one["type"] in BAD_NEWS
        style = "yellow" if one["status"] == "Unknown" else "green" if holds != bad else "red"
        table.add_row(
            one["type"],
            Text(one["status"], style),
            one["reason"],
            one["lastTransitionTime"],
            Text(one["message"]),
        )
    return table


def _count(number: int | None) -> str:
    return UNKNOWN if number is None else str(number)
