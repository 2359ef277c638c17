"""What the operator decides: pure, so tried in great numbers."""

import copy
import random
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventonight_operator import adoption, backoff, conditions, deletion, environment, spec, status
from eventonight_operator.conditions import Fared
from eventonight_operator.election import (
    LEASE_SECONDS,
    RENEW_SECONDS,
    Election,
    LeadershipLostError,
)
from eventonight_operator.faults import SystemFaultError
from eventonight_operator.kube.client import Kube, KubeError
from eventonight_operator.plan import Action
from eventonight_operator.reconcile import Outcome
from eventonight_operator.schedule import Schedule
from eventonight_operator.spec.status import CONDITION_TYPES, Condition
from eventonight_operator.standing import Standing
from eventonight_operator.systems.mongodb.members import (
    HEALTHY,
    Pods,
    ReplicaSetView,
    next_step,
    not_yet,
    standing,
)
from eventonight_operator.systems.rabbitmq import steps, topology
from eventonight_operator.systems.workloads import manifests
from eventonight_operator.systems.workloads.flat import flat, quantity
from eventonight_operator.writes import Gate
from operator_samples import DOCUMENT

LONGEST_LOOKUP = 6
FINE = Outcome("x", standing=Standing(1, 1))


def all_fine(generation: int = 1) -> dict[str, Fared]:
    return {name: Fared(generation, FINE) for name in conditions.OF_SYSTEM}


def said(fared: dict[str, Fared], **given: Any) -> dict[str, tuple[str, str]]:
    found = conditions.of_installation(1, fared, **given)
    return {one.type: (one.status, one.reason) for one in found}


@given(st.integers(0, 40), st.floats(0, 1))
def test_a_pause_is_bounded(failures: int, dice: float) -> None:
    seconds = backoff.pause(failures, lambda: dice)
    assert seconds <= backoff.LONGEST_SECONDS
    assert (seconds == 0) == (failures == 0)
    assert failures == 0 or seconds >= backoff.FIRST_SECONDS * backoff.LEAST_SHARE


@given(st.integers(0, 9_999))
def test_at_most_twelve_attempts_in_five_minutes(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a test that can be repeated
    now, attempts, failures = 0.0, 0, 0
    while now <= 300:
        attempts, failures = attempts + 1, failures + 1
        now += backoff.pause(failures, dice.random)
    assert attempts <= 12


def test_a_wake_during_a_look_is_not_lost_and_does_not_hurry_what_fails() -> None:
    now = [0.0]
    schedule = Schedule(lambda: now[0])
    schedule.begin("x")
    schedule.wake(["x"])
    schedule.note(FINE, 30)
    assert schedule.due("x")
    schedule.begin("x")
    schedule.note(FINE, 30)
    assert not schedule.due("x")
    schedule.note(Outcome("x", reason="BrokerUnreachable", fault=True), 30)
    schedule.wake(["x"])
    assert not schedule.due("x")
    schedule.reset()
    assert schedule.due("x")


class FakeLeases:
    """One Lease in memory, with the API's rule that only the newest may be replaced."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.down = False

    async def get(self, *_: str) -> dict[str, Any] | None:
        if self.down:
            raise KubeError(0, "away")
        return copy.deepcopy(self.lease)

    async def introduce(self, document: dict[str, Any]) -> None:
        document["metadata"]["resourceVersion"] = 1
        self.lease = copy.deepcopy(document)

    async def replace(self, document: dict[str, Any]) -> None:
        assert self.lease is not None
        version = document["metadata"]["resourceVersion"]
        if version != self.lease["metadata"]["resourceVersion"]:
            raise KubeError(409, "not the newest")
        document["metadata"]["resourceVersion"] = version + 1
        self.lease = copy.deepcopy(document)


async def test_writing_ends_before_another_may_begin() -> None:
    now, leases = [0.0], FakeLeases()

    def replica(name: str) -> Election:
        return Election(cast("Kube", leases), "lease", name, lambda: now[0])

    one, other, gate = replica("one"), replica("other"), Gate({})
    gate.guard(one.check)
    with pytest.raises(LeadershipLostError):
        gate.permit("x")
    assert await one._try()
    assert not await other._try()
    gate.permit("x")
    leases.down = True
    now[0] = RENEW_SECONDS - 0.1
    await one._try()
    gate.permit("x")
    now[0] = RENEW_SECONDS + 0.1
    with pytest.raises(LeadershipLostError):
        gate.permit("x")
    leases.down = False
    assert not await other._try()
    now[0] = LEASE_SECONDS + 0.1
    assert await other._try()
    assert not await one._try()
    # Without the fence, the first would write on: that is what it is for.
    Gate({}).permit("x")


async def test_a_restart_in_place_need_not_wait_and_a_release_is_taken_at_once() -> None:
    now, leases = [0.0], FakeLeases()
    one = Election(cast("Kube", leases), "lease", "one", lambda: now[0])
    assert await one._try()
    again = Election(cast("Kube", leases), "lease", "one", lambda: now[0])
    assert await again._try()
    other = Election(cast("Kube", leases), "lease", "other", lambda: now[0])
    assert not await other._try()
    await again.release()
    assert await other._try()


def test_conditions_of_all_being_well_and_of_one_being_away() -> None:
    fine = said(all_fine())
    assert set(fine) == set(CONDITION_TYPES)
    assert fine["Ready"] == ("True", "AllReady")
    assert fine["Degraded"] == ("False", "AllReady")
    away = Outcome("keycloak", reason="KeycloakUnreachable", message="no", fault=True)
    found = said(all_fine() | {"keycloak": Fared(1, away)})
    assert found["IdentityReady"] == ("False", "KeycloakUnreachable")
    assert found["MessagingReady"] == ("True", "AllReady")
    assert found["Ready"] == ("False", "KeycloakUnreachable")
    assert found["Degraded"] == ("True", "KeycloakUnreachable")


def test_a_rollout_is_not_ready_but_the_services_are_available() -> None:
    rolling = Standing(0, 1, "Progressing", "pods to come", working=True)
    found = said(all_fine() | {"workloads": Fared(1, Outcome("workloads", standing=rolling))})
    assert found["ServicesAvailable"] == ("True", "AllReady")
    assert found["Ready"] == ("False", "Progressing")
    assert found["Degraded"] == ("False", "AllReady")


def test_what_was_not_looked_at_since_the_change_is_not_ready() -> None:
    found = conditions.of_installation(2, all_fine(1))
    assert next(one for one in found if one.type == "Ready").status == "False"


def test_the_time_of_a_condition_moves_only_with_its_status() -> None:
    first = conditions.merged([], conditions.of_installation(1, all_fine()), "then")
    away = Outcome("keycloak", reason="KeycloakUnreachable", fault=True)
    other = conditions.of_installation(1, all_fine() | {"keycloak": Fared(1, away)})
    second = {one.type: one for one in conditions.merged(first, other, "now")}
    assert second["MessagingReady"].last_transition_time == "then"
    assert second["IdentityReady"].last_transition_time == "now"
    again = conditions.merged(second.values(), other, "later")
    assert {one.last_transition_time for one in again} == {"then", "now"}


def test_a_restart_does_not_make_an_installation_unknown() -> None:
    first = conditions.merged([], conditions.of_installation(1, all_fine()), "then")
    assert conditions.merged(first, conditions.of_installation(1, {}, first), "now") == first


def test_events_are_told_of_transitions_only() -> None:
    fine = conditions.merged([], conditions.of_installation(1, all_fine()), "then")
    assert [one[1] for one in conditions.transitions([], fine)] == ["AllReady"]
    assert conditions.transitions(fine, fine) == []
    away = Outcome("keycloak", reason="KeycloakUnreachable", message="no", fault=True)
    other = conditions.of_installation(1, all_fine() | {"keycloak": Fared(1, away)})
    found = conditions.transitions(fine, conditions.merged(fine, other, "now"))
    assert found == [("Warning", "KeycloakUnreachable", "no")]


documents = st.recursive(
    st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, max_size=3),
    max_leaves=8,
)


def applied(old: Any, change: Any) -> Any:
    """Return a document with a merge patch applied, as RFC 7386 says."""
    if not isinstance(change, dict):
        return change
    found = dict(old) if isinstance(old, dict) else {}
    for key, value in change.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = applied(found.get(key), value)
    return found


@given(
    st.dictionaries(st.text("ab", max_size=2), documents, max_size=4),
    st.dictionaries(st.text("ab", max_size=2), documents, max_size=4),
)
def test_a_status_change_is_exact_and_empty_for_equals(old: Any, new: Any) -> None:
    change = status.change(old, new)
    assert (change == {}) == (old == new)
    assert applied(old, change) == new


def test_passing_credentials_on_is_no_repair() -> None:
    password = Action("x", "update", "user", "a", ("password: (hidden) -> (hidden)",))
    assert not status.is_repair(password, secret_changed=True)
    assert status.is_repair(password, secret_changed=False)
    wish = f"{status.MARK_OF_WISH}: a -> b"
    assert not status.is_repair(
        Action("x", "update", "Deployment", "a", (wish,)), secret_changed=False
    )
    assert not status.is_repair(Action("x", "create", "member", "a"), secret_changed=False)


def test_what_is_not_ours_is_left_unless_it_matches() -> None:
    step = Action("x", "update", "vhost", "a", ("limit: 1 -> 2",))
    foreign = {"x/vhost/a"}

    def root(_: Action) -> str:
        return "x/vhost/a"

    with pytest.raises(SystemFaultError, match="limit: 1 -> 2"):
        adoption.check("IfMatching", [step], foreign, root)
    with pytest.raises(SystemFaultError, match="Never"):
        adoption.check("Never", [], foreign, root)
    adoption.check("Always", [step], foreign, root)
    adoption.check("IfMatching", [], foreign, root)
    adoption.check("IfMatching", [step], set(), root)


HOSTS = [f"m-{n}:1" for n in range(7)]


@given(
    st.sampled_from([1, 3, 5, 7]),
    st.sampled_from([1, 3, 5, 7]),
    st.integers(0, 9_999),
    st.sampled_from(["pods", "hosts"]),
)
def test_members_come_and_go_one_by_one_and_a_majority_stays(
    start: int, goal: int, seed: int, kind: str
) -> None:
    """Members fall behind and come back at random meanwhile, and the primary moves."""
    dice = random.Random(seed)  # noqa: S311 - a test that can be repeated
    with_pods = kind == "pods"
    states = dict.fromkeys(HOSTS[:start], "SECONDARY") | {HOSTS[0]: "PRIMARY"}
    wished = present = start
    for _ in range(200):
        pods = Pods(wished, present) if with_pods else None
        reachable = HOSTS[:present] if with_pods else HOSTS
        outside = tuple(host for host in reachable if host not in states)
        before = dict(states)
        seen = ReplicaSetView(dict(states), outside, pods)
        found = next_step("rs", HOSTS[:goal], seen)
        assert len(found) <= 1
        for step in (one for one in found if one.doable):
            host = step.name.partition("/")[2]
            if step.kind == "pods":
                assert abs(int(step.fields["replicas"]) - wished) == 1
                wished = int(step.fields["replicas"])
                # A pod goes only after its member has left the configuration.
                assert all(host in HOSTS[:wished] for host in states)
            elif step.kind == "primary":
                states[host] = "SECONDARY"
                states[next(h for h in states if h != host)] = "PRIMARY"
            elif step.verb == "create":
                assert set(before.values()) <= HEALTHY
                states[host] = "STARTUP2"
            else:
                assert before[host] != "PRIMARY"
                del states[host]
                working = sum(state in HEALTHY for state in states.values())
                assert 2 * working > len(states)
        assert abs(len(states) - len(before)) <= 1
        present += (wished > present) - (wished < present)
        _weather(states, dice)
        if not found and len(states) == goal and (not with_pods or wished == goal):
            return
    raise AssertionError(f"{start} -> {goal} is not reached: {states}, {wished} pods")


def _weather(states: dict[str, str], dice: random.Random) -> None:
    for host, state in states.items():
        if state in {"STARTUP2", "DOWN"} and dice.random() < 0.7:
            states[host] = "SECONDARY"
        elif state == "SECONDARY" and dice.random() < 0.05:
            states[host] = "DOWN"


def test_without_a_primary_nothing_moves() -> None:
    states = dict.fromkeys(HOSTS[:3], "SECONDARY")
    for goal in (1, 5):
        (step,) = next_step("rs", HOSTS[:goal], ReplicaSetView(states, tuple(HOSTS[3:])))
        assert (step.verb, step.reason) == ("waiting", "NoPrimary")


def test_a_member_counts_once_it_votes() -> None:
    states = dict.fromkeys(HOSTS[:2], "SECONDARY") | {HOSTS[0]: "PRIMARY"}
    seen = ReplicaSetView(states, tuple(HOSTS[2:]), learners=1)
    assert standing(2, seen).reason == "ScalingInProgress"
    assert standing(2, seen).ready == 1
    (step,) = next_step("rs", HOSTS[:3], seen)
    assert (step.verb, step.reason) == ("waiting", "ScalingInProgress")
    voting = ReplicaSetView(states, tuple(HOSTS[2:]))
    assert standing(2, voting).ready == 2
    assert next_step("rs", HOSTS[:3], voting)[0].verb == "create"


def test_a_set_is_not_made_twice_because_its_members_are_away() -> None:
    fresh = ReplicaSetView({}, (HOSTS[0],), Pods(1, 1))
    assert not_yet("rs", HOSTS[:3], fresh) == []
    # Three pods were wished, so a set was there; the one that answers has lost its disk.
    emptied = ReplicaSetView({}, (HOSTS[0],), Pods(3, 3))
    (step,) = not_yet("rs", HOSTS[:3], emptied)
    assert step.verb == "waiting"


def rabbit(
    members: int, nodes: int, version: str, size: int, steady: float = 999.0
) -> list[Action]:
    document = msgspec.to_builtins(spec.decode(DOCUMENT).spec.messaging)
    document["queues"] = [{"name": "q", "owner": "users", "groupSize": size}]
    document["bindings"] = []
    wanted = msgspec.convert(document, spec.Messaging)
    names = [f"n{n}" for n in range(nodes)]
    queue = {"members": names[:members], "online": names[:members]}
    broker = {"running": names, "version": version, "steady": steady}
    seen: dict[tuple[str, str], Any] = {steps.BROKER: broker}
    if members:
        seen["queue", "q"] = queue
    return [
        one
        for one in steps.plan(wanted, spec.Unsafe(), {("queue", "q"): {}}, seen, [])
        if one.name == "q"
    ]


def test_a_group_grows_with_the_broker_where_the_broker_lets_it() -> None:
    (step,) = rabbit(1, 3, "3.13.1", 3)
    assert (step.verb, step.kind, step.fields["node"]) == ("update", "group", "n1")
    (step,) = rabbit(1, 3, "3.10.8", 3)
    assert step.verb == "advice"
    assert "rabbitmq-queues grow" in str(step)
    assert rabbit(3, 3, "4.1.0", 3) == []
    assert rabbit(3, 3, "4.1.0", 5) == []


def test_a_queue_waits_for_nodes_where_it_could_not_grow_later() -> None:
    assert rabbit(0, 1, "3.10.8", 3, steady=5)[0].verb == "waiting"
    assert rabbit(0, 1, "3.10.8", 3, steady=130)[0].verb == "create"
    assert rabbit(0, 3, "3.10.8", 3, steady=5)[0].verb == "create"
    assert rabbit(0, 1, "3.13.0", 3, steady=5)[0].verb == "create"


def with_first_queue(**fields: Any) -> tuple[str, list[Action]]:
    """Return the first queue, and the plan if there is nothing but that queue in this state."""
    wanted = spec.decode(DOCUMENT).spec.messaging
    desired = topology.desired(wanted, "admin")
    key = ("queue", wanted.queues[0].name)
    seen: dict[tuple[str, str], Any] = {
        steps.BROKER: {"running": ["n"]},
        key: {"members": ["n"], "unbound": 99.0, **desired[key], **fields},
    }
    return key[1], steps.plan(wanted, spec.Unsafe(allow_single_member=True), desired, seen, [])


def about(queue: str, plan: list[Action]) -> list[Action]:
    return [one for one in plan if queue in (one.name, one.fields.get("destination"))]


@pytest.mark.parametrize("online", [[], ["n"]])
def test_what_stays_silent_is_made_anew_before_anything_is_told_to_it(online: list[str]) -> None:
    queue, plan = with_first_queue(online=online, silent=steps.SILENT_SECONDS)
    assert (plan[0].verb, plan[0].name) == ("update", queue)
    assert about(queue, plan) == plan[:1]


def test_what_is_silent_for_a_moment_is_waited_for_and_told_nothing() -> None:
    queue, plan = with_first_queue(online=["n"], silent=steps.SILENT_SECONDS - 1)
    assert [one.verb for one in about(queue, plan)] == ["waiting"]


@pytest.mark.parametrize("fields", [{}, {"messages": 3, "online": []}])
def test_what_answers_or_is_counted_is_not_made_anew(fields: dict[str, Any]) -> None:
    queue, plan = with_first_queue(**{"online": ["n"], **fields})
    assert "queue" not in {one.kind for one in about(queue, plan)}


def test_a_queue_without_most_of_its_members_is_lost() -> None:
    seen: dict[tuple[str, str], Any] = {
        ("queue", "a"): {"members": ["1", "2", "3"], "online": ["1", "2"]},
        ("queue", "b"): {"members": ["1", "2", "3"], "online": ["1"]},
    }
    assert steps.ready_queues(["a", "b"], seen) == (1, ["b"])


@pytest.mark.parametrize(
    ("one", "other"), [("1", "1000m"), ("0.5", "500m"), ("1Gi", "1024Mi"), ("128M", "128000k")]
)
def test_amounts_are_compared_by_value(one: str, other: str) -> None:
    assert quantity(one) == quantity(other)


def resource(**changes: Any) -> spec.EvenToNight:
    document = {**DOCUMENT, "metadata": {"name": "dev", "namespace": "ns", "uid": "u"}}
    document["spec"] = {**DOCUMENT["spec"], "defaults": {"image": "i:1", "replicas": 2}, **changes}
    return spec.decode(document)


def objects(**changes: Any) -> dict[str, Any]:
    found = manifests.of_resource(resource(**changes), {})
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in found}


def test_every_pod_is_restricted_and_says_what_it_runs() -> None:
    for one in objects().values():
        assert one["metadata"]["ownerReferences"][0]["uid"] == "u"
        if one["kind"] != "Deployment":
            continue
        pod = one["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        options = {one["name"]: one["value"] for one in pod["dnsConfig"]["options"]}
        assert int(options["timeout"]) * int(options["attempts"]) <= LONGEST_LOOKUP
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["command"] == ["python", "-m", "services"]
        assert container["args"] == ["run", one["metadata"]["name"]]
        assert container["resources"]["limits"]["memory"]


def test_credentials_go_by_reference_and_addresses_by_name() -> None:
    env = objects()["Deployment/users"]["spec"]["template"]["spec"]["containers"][0]["env"]
    names = [one["name"] for one in env]
    assert len(names) == len(set(names))
    found = {one["name"]: one for one in env}
    assert found["MONGO_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "users-mongodb"
    assert "$(MONGO_USERNAME):$(MONGO_PASSWORD)@" in found["MONGO_URL"]["value"]
    assert found["EVENTS_URL"]["value"] == "http://events:9010"
    assert "BIND" in found
    assert names.index("AMQP_PASSWORD") < names.index("AMQP_URL")


def test_members_of_a_stateful_set_are_addressed_the_same_however_many_there_are() -> None:
    def address(members: int) -> str:
        wanted = {
            "name": "rs0",
            "members": members,
            "statefulSet": {"name": "mongodb"},
            "keyfileSecretRef": {"name": "key"},
            "adminSecretRef": {"name": "admin"},
            "databases": [{"name": "d", "user": "users", "secretRef": {"name": "s"}}],
        }
        found = environment.of_service(
            resource(mongodb={"replicaSets": [wanted]}).spec,
            "users",
            address=lambda one: one.name,
            namespace="ns",
        )
        return next(one.value for one in found if one.name == "MONGO_URL")

    assert address(1) == address(3) == address(5)
    assert "mongodb-2.mongodb.ns.svc:27017" in address(1)


def test_what_is_autoscaled_has_no_replicas_of_ours_and_one_pod_has_no_budget() -> None:
    scaled = [{"name": "users", "port": 9000, "autoscaling": {"maxReplicas": 4}}]
    rest = DOCUMENT["spec"]["services"][1:]
    found = objects(services=[*scaled, *rest])
    assert "replicas" not in found["Deployment/users"]["spec"]
    assert "HorizontalPodAutoscaler/users" in found
    assert "PodDisruptionBudget/users" in found
    assert "PodDisruptionBudget/events" not in found


def test_a_wish_that_changes_marks_the_object_and_one_that_stays_does_not() -> None:
    def mark(**changes: Any) -> str:
        return str(objects(**changes)["Deployment/users"]["metadata"]["annotations"])

    assert mark() == mark()
    other = {"image": "i:2", "replicas": 2}
    assert mark() != mark(defaults=other)


def test_a_service_without_an_image_is_named() -> None:
    with pytest.raises(SystemFaultError, match=r"services\[users\].image"):
        objects(defaults={"replicas": 2})


def test_objects_are_compared_by_the_names_of_their_parts() -> None:
    one = {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    other = {"env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]}
    assert flat(one) == flat(other)


def test_the_end_of_a_deletion_tells_what_stays() -> None:
    told = deletion.told(deletion.Progress(orphans=("rabbitmq/vhost/a",)), ["keycloak/realm/b"])
    assert [(kind, reason) for kind, reason, _ in told] == [
        ("Warning", "Orphaned"),
        ("Normal", "Retained"),
    ]
    assert deletion.told(deletion.Progress(), []) == []


@pytest.mark.parametrize("given_", [{}, {"paused": True}, {"deleting": True}, {"blocked": "x"}])
def test_conditions_always_have_a_known_reason(given_: Any) -> None:
    found = conditions.of_installation(1, {}, **given_)
    merged = conditions.merged([], found, "2026-01-01T00:00:00Z")
    again = msgspec.convert(msgspec.to_builtins(merged), list[Condition])
    assert again == merged
