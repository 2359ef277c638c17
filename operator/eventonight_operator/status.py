"""The resource's status: assembled purely, and what of it has to be written."""

from collections.abc import Mapping
from typing import Any

import msgspec

from eventonight_operator.conditions import Fared
from eventonight_operator.plan import Action
from eventonight_operator.spec.status import (
    MAX_DRIFT,
    Converged,
    Drift,
    ServiceStatus,
    Status,
    Summary,
)

UNKNOWN = "unknown"
MARK_OF_WISH = "metadata.annotations.eventonight.io/applied"
# Steps of a scaling under way are no repair of what others did.
OF_SCALING = frozenset({"pods", "member", "primary", "group"})
Document = dict[str, Any]


def read(document: Mapping[str, Any]) -> Status:
    """Return the status of a resource, empty where there is none."""
    return msgspec.convert(document.get("status") or {}, Status, strict=False)


def written(status: Status) -> Document:
    """Return a status as Kubernetes stores it."""
    found: Document = _present(msgspec.to_builtins(status))
    return found


def change(old: Any, new: Any) -> Any:
    """Return the merge patch that makes one document the other; empty when they are equal."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    found: Document = {key: None for key in old if key not in new}
    for key, value in new.items():
        if key not in old or old[key] != value:
            found[key] = change(old.get(key), value)
    return found


def summary(fared: Mapping[str, Fared], old: Summary, realm: str) -> Summary:
    """Return the short texts; of a system that cannot be asked, nothing is claimed."""
    return Summary(
        services=_counted(fared.get("workloads"), old.services),
        queues=_counted(fared.get("rabbitmq"), old.queues),
        realm=_realm(fared.get("keycloak"), old.realm, realm),
        mongo=_counted(fared.get("mongodb"), old.mongo),
    )


def services(fared: Fared | None, old: list[ServiceStatus]) -> list[ServiceStatus]:
    """Return the pods of each service, as last seen."""
    if fared is None or fared.outcome.standing is None:
        return old
    return [ServiceStatus(name=n, ready=r, wanted=w) for n, r, w in fared.outcome.standing.parts]


def converged(old: Converged, system: str, generation: int) -> Converged:
    """Return what was once in place, a system being so now."""
    return msgspec.structs.replace(old, **{system: generation})


def drifted(old: Drift, actions: list[Action], now: str, *, corrected: bool) -> Drift:
    """Return the drift with these differences noted."""
    if not actions:
        return old
    fresh = [f"{one.kind}/{one.name}" for one in actions]
    objects = [*dict.fromkeys(reversed([*old.objects, *fresh]))][:MAX_DRIFT]
    return Drift(
        last_detected=now,
        last_corrected=now if corrected else old.last_corrected,
        corrections=old.corrections + (len(actions) if corrected else 0),
        objects=objects,
    )


def is_repair(action: Action, *, secret_changed: bool) -> bool:
    """Tell whether a step undoes what others did, the system having been as wished before.

    Args:
        action: the step.
        secret_changed: whether credentials are new, so that passing them on is no repair.
    """
    if action.kind in OF_SCALING:
        return False
    if action.secret_only:
        return not secret_changed
    return not any(one.startswith(MARK_OF_WISH) for one in action.changes)


def _counted(fared: Fared | None, old: str) -> str:
    if fared is None:
        return old
    standing = fared.outcome.standing
    return UNKNOWN if standing is None else f"{standing.ready}/{standing.wanted}"


def _realm(fared: Fared | None, old: str, name: str) -> str:
    if fared is None:
        return old
    standing = fared.outcome.standing
    if standing is None:
        return UNKNOWN
    return name if standing.ready else ""


def _present(value: Any) -> Any:
    """Return a document without what is not there."""
    if isinstance(value, dict):
        return {key: _present(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_present(one) for one in value]
    return value
