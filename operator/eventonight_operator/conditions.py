"""What the installation's conditions are: pure, from how each system fared."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from eventonight_operator.reconcile import Outcome
from eventonight_operator.spec.status import Condition, ConditionType, Reason, Verdict

OF_SYSTEM: Mapping[str, ConditionType] = {
    "secrets": "CredentialsSynced",
    "mongodb": "DatabaseReady",
    "rabbitmq": "MessagingReady",
    "keycloak": "IdentityReady",
    "workloads": "ServicesAvailable",
}
# What passes by itself; everything else is something that is wrong.
PASSING: frozenset[Reason] = frozenset({"AllReady", "Progressing", "ScalingInProgress"})
# Conditions that are told as warnings when they come to hold, and by which reason.
WARNINGS: Mapping[ConditionType, str] = {
    "Degraded": "",
    "DeletionBlocked": "",
    "DriftDetected": "DriftDetected",
}
LISTED = 5
EventKind = Literal["Normal", "Warning"]


class Fared(msgspec.Struct, frozen=True):
    """How a system fared, and for which generation of the resource."""

    generation: int
    outcome: Outcome


class Said(msgspec.Struct, frozen=True):
    """One condition, as yet without time."""

    type: ConditionType
    status: Verdict
    reason: Reason = "AllReady"
    message: str = ""
    generation: int = 0


def of_installation(
    generation: int,
    fared: Mapping[str, Fared],
    old: Iterable[Condition] = (),
    *,
    paused: bool = False,
    blocked: str = "",
    deleting: bool = False,
    drift: Sequence[str] = (),
) -> list[Said]:
    """Return every condition.

    Args:
        generation: of the resource now.
        fared: how each system fared last; of those not tried yet, the old conditions stay.
        old: the conditions so far.
        paused: whether nothing is done.
        blocked: what holds the deletion up.
        deleting: whether the resource is being deleted.
        drift: what differs and is only reported.
    """
    before = {one.type: _kept(one) for one in old}
    each = [_of_system(name, fared.get(name), before, generation) for name in OF_SYSTEM]
    trouble = next((one for one in each if _is_trouble(one)), None)
    why = (trouble.reason, trouble.message) if trouble else None
    reconciled = _reconciled(generation, each, fared, before)
    return [
        _ready(generation, [*each, reconciled], paused=paused, deleting=deleting),
        reconciled,
        *each,
        _flag("Degraded", generation, why),
        _flag("Paused", generation, ("ReconcilePaused", "nothing is done") if paused else None),
        _flag("DriftDetected", generation, ("Progressing", _list(drift)) if drift else None),
        _flag("DeletionBlocked", generation, ("QueueNotEmpty", blocked) if blocked else None),
    ]


def unreadable(generation: int, old: Iterable[Condition], words: str) -> list[Said]:
    """Return the conditions of a resource that breaks a rule; what was known of it stays."""
    kept = [_kept(one) for one in old if one.type != "Ready"]
    return [Said("Ready", "False", "InvalidReference", words, generation), *kept]


def merged(old: Iterable[Condition], said: Iterable[Said], now: str) -> list[Condition]:
    """Return the conditions with their times: a time changes only with the status."""
    before = {one.type: one for one in old}
    found = []
    for one in said:
        known = before.get(one.type)
        since = known.last_transition_time if known and known.status == one.status else now
        found.append(
            Condition(
                type=one.type,
                status=one.status,
                reason=one.reason,
                message=one.message,
                observed_generation=one.generation,
                last_transition_time=since,
            )
        )
    return found


def transitions(
    old: Iterable[Condition], new: Iterable[Condition]
) -> list[tuple[EventKind, str, str]]:
    """Return the events that tell of what has become different: kind, reason and note."""
    before = {one.type: one for one in old}
    found: list[tuple[EventKind, str, str]] = []
    for one in new:
        known = before.get(one.type)
        was = (known.status, known.reason) if known else ("False", "AllReady")
        if (one.status, one.reason) == was:
            continue
        if one.type == "Ready" and one.status == "True":
            found.append(("Normal", one.reason, "everything is as the resource says"))
        elif one.type in WARNINGS and one.status == "True":
            found.append(("Warning", WARNINGS[one.type] or one.reason, one.message))
        elif one.type == "Paused" and (one.status == "True" or known is not None):
            words = (
                ("ReconcilePaused", "paused") if one.status == "True" else ("Resumed", "goes on")
            )
            found.append(("Normal", *words))
    return found


def problem(outcome: Outcome) -> tuple[Reason, str] | None:
    """Return why a system is not ready, ``None`` if it is."""
    if outcome.reason != "AllReady":
        return outcome.reason, outcome.message
    if outcome.standing is not None and outcome.standing.reason != "AllReady":
        return outcome.standing.reason, outcome.standing.message
    left = [str(one) for one in outcome.left if one.verb != "advice"]
    return ("Progressing", f"differs and is only reported: {_list(left)}") if left else None


def _kept(one: Condition) -> Said:
    return Said(one.type, one.status, one.reason, one.message, one.observed_generation)


def _is_trouble(one: Said) -> bool:
    return one.status == "False" and one.reason not in PASSING


def _of_system(
    name: str, fared: Fared | None, before: Mapping[ConditionType, Said], generation: int
) -> Said:
    kind = OF_SYSTEM[name]
    if fared is None:
        unknown = Said(kind, "Unknown", "Progressing", "not looked at yet", generation)
        return before.get(kind, unknown)
    outcome = fared.outcome
    wrong = problem(outcome)
    working = outcome.settled and outcome.standing is not None and outcome.standing.working
    if wrong is None or (name == "workloads" and working and wrong[0] == "Progressing"):
        advice = _list([str(one) for one in outcome.left if one.verb == "advice"])
        return Said(kind, "True", "AllReady", wrong[1] if wrong else advice, fared.generation)
    return Said(kind, "False", *wrong, fared.generation)


def _reconciled(
    generation: int,
    each: Sequence[Said],
    fared: Mapping[str, Fared],
    before: Mapping[ConditionType, Said],
) -> Said:
    kind: ConditionType = "Reconciled"
    trouble = next((one for one in each if _is_trouble(one)), None)
    if trouble is not None:
        return Said(kind, "False", trouble.reason, trouble.message, generation)
    late = [one.type for one in each if one.generation < generation or one.status == "Unknown"]
    if late:
        words = f"to be looked at for generation {generation}: {', '.join(late)}"
        return Said(kind, "False", "Progressing", words, generation)
    for one in fared.values():
        wrong = problem(one.outcome)
        if wrong is not None:
            return Said(kind, "False", *wrong, generation)
    untried = OF_SYSTEM.keys() - fared.keys()
    return before[kind] if untried and kind in before else Said(kind, "True", generation=generation)


def _ready(generation: int, others: Sequence[Said], *, paused: bool, deleting: bool) -> Said:
    kind: ConditionType = "Ready"
    if deleting:
        return Said(kind, "False", "Progressing", "is being deleted", generation)
    if paused:
        return Said(kind, "Unknown", "ReconcilePaused", "nothing is looked at", generation)
    failing = [one for one in others if one.status != "True"]
    if not failing:
        return Said(kind, "True", generation=generation)
    worst = min(failing, key=lambda one: one.reason in PASSING)
    return Said(kind, "False", worst.reason, f"{worst.type}: {worst.message}", generation)


def _flag(kind: ConditionType, generation: int, why: tuple[Reason, str] | None) -> Said:
    if why is None:
        return Said(kind, "False", generation=generation)
    return Said(kind, "True", *why, generation)


def _list(words: Sequence[str]) -> str:
    more = f" and {len(words) - LISTED} more" if len(words) > LISTED else ""
    return "; ".join(words[:LISTED]) + more
