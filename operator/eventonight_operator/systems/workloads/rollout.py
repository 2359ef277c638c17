"""How far Deployments are: pure."""

from collections.abc import Iterable
from typing import Any

import msgspec

from eventonight_operator.standing import Standing

Document = dict[str, Any]


class Rollout(msgspec.Struct, frozen=True):
    """How far one Deployment is.

    Args:
        name: its name.
        ready: available pods of the newest kind.
        wanted: wished pods.
        done: no pod of an older kind is left and all are available.
        available: as many pods as wished answer, of whatever kind.
        stalled: why it does not get on, empty while it does.
    """

    name: str
    ready: int
    wanted: int
    done: bool
    available: bool
    stalled: str


def of_deployment(name: str, document: Document | None, least: int) -> Rollout:
    """Return how far a Deployment is; ``least``: pods it should have if it is not there yet."""
    if document is None:
        return Rollout(name, 0, least, done=False, available=least == 0, stalled="")
    spec, status = document["spec"], document.get("status") or {}
    wanted = int(spec.get("replicas", least))
    updated, available = (
        int(status.get("updatedReplicas", 0)),
        int(status.get("availableReplicas", 0)),
    )
    seen = status.get("observedGeneration", 0) >= document["metadata"].get("generation", 0)
    ready = min(updated, available, wanted) if seen else min(available, wanted)
    whole = int(status.get("replicas", 0)) == updated == wanted and available >= wanted
    return Rollout(
        name,
        ready,
        wanted,
        done=seen and whole,
        available=available >= wanted,
        stalled=_stalled(status) if seen else "",
    )


def standing(rollouts: Iterable[Rollout]) -> Standing:
    """Return how the services fare."""
    found = list(rollouts)
    parts = tuple((one.name, one.ready, one.wanted) for one in found)
    count = sum(one.done for one in found), len(found)
    stalled = [f"{one.name}: {one.stalled}" for one in found if one.stalled and not one.done]
    if stalled:
        return Standing(*count, "RolloutStalled", "; ".join(stalled), working=False, parts=parts)
    under_way = [f"{one.name} {one.ready}/{one.wanted}" for one in found if not one.done]
    if under_way:
        words = f"pods to come: {', '.join(under_way)}"
        working = all(one.available for one in found)
        return Standing(*count, "Progressing", words, working=working, parts=parts)
    return Standing(*count, parts=parts)


def _stalled(status: Document) -> str:
    for one in status.get("conditions") or []:
        if one["type"] == "Progressing" and one["status"] == "False":
            return str(one.get("message") or one.get("reason") or "no progress")
        if one["type"] == "ReplicaFailure" and one["status"] == "True":
            return str(one.get("message") or "pods cannot be made")
    return ""
