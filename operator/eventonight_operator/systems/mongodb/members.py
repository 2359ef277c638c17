"""One step at a time from the members a replica set has to those it should have: pure."""

from collections.abc import Sequence

import msgspec

from eventonight_operator.plan import Action, Verb
from eventonight_operator.spec.status import Reason
from eventonight_operator.standing import Standing

NAME = "mongodb"
HEALTHY = frozenset({"PRIMARY", "SECONDARY", "ARBITER"})
JOINING = frozenset({"STARTUP", "STARTUP2"})


class Pods(msgspec.Struct, frozen=True):
    """The StatefulSet under a replica set.

    Args:
        wished: replicas it was last told to have.
        present: pods that are there.
    """

    wished: int
    present: int


class ReplicaSetView(msgspec.Struct, frozen=True):
    """What was seen of a replica set.

    Args:
        states: member state by host:port, of every configured member.
        reachable: hosts that answer but are no members yet.
        pods: the StatefulSet, if one runs the members.
        learners: members that are to vote and do not yet: a new one is given its vote by the
            primary some time after it is in step, and until then no majority is made with it.
    """

    states: dict[str, str] = {}
    reachable: tuple[str, ...] = ()
    pods: Pods | None = None
    learners: int = 0

    @property
    def primary(self) -> str | None:
        """The member that takes writes."""
        return next((host for host, state in self.states.items() if state == "PRIMARY"), None)

    def healthy(self, *, without: str = "") -> list[str]:
        """Return the members that work, one left out."""
        return [h for h, state in self.states.items() if state in HEALTHY and h != without]


def next_step(name: str, wanted: Sequence[str], seen: ReplicaSetView) -> list[Action]:
    """Return at most one step: never two members at once, never below a majority.

    A member leaves the configuration before its pod goes, and gives up being primary before that.
    """
    step = _shrink(name, wanted, seen) or _drop_pod(name, wanted, seen) or _grow(name, wanted, seen)
    return [step] if step else []


def not_yet(name: str, wanted: Sequence[str], seen: ReplicaSetView) -> list[Action]:
    """Return what holds up the first start of a set, nothing if it may be initiated now.

    A set that was made before must not be made twice because the members that know of it are away.
    """
    pods = seen.pods
    if pods is not None and pods.wished == 0:
        return [_pods(name, pods, 1)]
    if wanted[0] not in seen.reachable:
        return [_wait(name, wanted[0], "Progressing", "until it answers")]
    fresh = pods is not None and pods.wished == 1
    away = [host for host in wanted if host not in seen.reachable]
    if away and not fresh:
        return [_wait(name, away[0], "Progressing", "until it answers, too: it may know the set")]
    return []


def standing(wanted: int, seen: ReplicaSetView) -> Standing:
    """Return how a replica set fares."""
    healthy = seen.healthy()
    if not seen.states:
        return Standing(0, wanted, "Progressing", "the replica set is not initiated yet")
    if seen.primary is None:
        return Standing(len(healthy), wanted, "NoPrimary", "no member takes writes")
    behind = sorted(f"{h} is {s}" for h, s in seen.states.items() if s not in HEALTHY)
    if behind:
        return Standing(len(healthy), wanted, _lag(seen), "; ".join(behind))
    if seen.learners:
        voting = len(healthy) - seen.learners
        return Standing(voting, wanted, "ScalingInProgress", "a new member does not vote yet")
    return Standing(len(healthy), wanted)


def _lag(seen: ReplicaSetView) -> Reason:
    """Return why members are not in step: they join, or something is wrong with them."""
    behind = [state for state in seen.states.values() if state not in HEALTHY]
    return "ScalingInProgress" if JOINING.issuperset(behind) else "MemberNotSynced"


def _shrink(name: str, wanted: Sequence[str], seen: ReplicaSetView) -> Action | None:
    surplus = [host for host in seen.states if host not in wanted]
    if not surplus:
        return None
    leaving = surplus[-1]
    if seen.primary is None:
        return _wait(name, leaving, "NoPrimary", "for a primary before a member is removed")
    if 2 * len(seen.healthy(without=leaving)) <= len(seen.states) - 1:
        words = "as most of the others must be healthy before a member is removed"
        return _wait(name, leaving, "MemberNotSynced", words)
    if leaving == seen.primary:
        return _act("update", "primary", f"{name}/{leaving}", "steps down before it is removed")
    return _act("delete", "member", f"{name}/{leaving}")


def _drop_pod(name: str, wanted: Sequence[str], seen: ReplicaSetView) -> Action | None:
    pods = seen.pods
    if pods is None or pods.wished <= max(len(wanted), len(seen.states)):
        return None
    return _pods(name, pods, pods.wished - 1)


def _grow(name: str, wanted: Sequence[str], seen: ReplicaSetView) -> Action | None:
    missing = [host for host in wanted if host not in seen.states]
    if not missing or not seen.states:
        return None
    joining = missing[0]
    if len(seen.healthy()) < len(seen.states) or seen.primary is None:
        reason: Reason = _lag(seen) if seen.primary else "NoPrimary"
        return _wait(name, joining, reason, "as all members must be in step before one is added")
    if seen.learners:
        return _wait(name, joining, "ScalingInProgress", "until the one before it votes")
    pods = seen.pods
    if pods is not None and pods.wished <= wanted.index(joining):
        return _pods(name, pods, pods.wished + 1)
    if joining not in seen.reachable:
        return _wait(name, joining, "ScalingInProgress", "until it answers")
    return _act("create", "member", f"{name}/{joining}")


def _pods(name: str, pods: Pods, replicas: int) -> Action:
    if pods.present != pods.wished:
        words = f"until {pods.wished} pods are there, {pods.present} are"
        return _wait(name, "pods", "ScalingInProgress", words)
    change = (f"replicas: {pods.wished} -> {replicas}",)
    return Action(NAME, "update", "pods", name, change, {"replicas": replicas}, "ScalingInProgress")


def _act(verb: Verb, kind: str, name: str, *changes: str) -> Action:
    return Action(NAME, verb, kind, name, changes, reason="ScalingInProgress")


def _wait(name: str, what: str, reason: Reason, words: str) -> Action:
    return Action(NAME, "waiting", "member", f"{name}/{what}", (words,), reason=reason)
