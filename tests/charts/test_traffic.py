"""Who may talk to whom, worked out from the rendered NetworkPolicies as a cluster would."""

from dataclasses import dataclass
from typing import Any

import pytest

import helm
from helm import Object

pytestmark = pytest.mark.charts

PRODUCT = {"users": 9000, "events": 9010, "media": 9020}
OUTSIDE = "outside"
STRANGER = "stranger"
PORTS = {
    *PRODUCT.values(),
    *(53, 443, 1025, 4369, 5432, 5672, 6379, 6443, 7800, 8000, 8079, 8080, 8082, 8333),
    *(8888, 9000, 9333, 15672, 15692, 25672, 27017, 57800),
}

# The whole list: whatever is not here must not be possible.
WANTED = {
    *((anybody, "gateway", 8000) for anybody in (OUTSIDE, STRANGER, "operator", "monitoring")),
    ("seed", "gateway", 8000),
    *(("gateway", name, port) for name, port in PRODUCT.items()),
    ("gateway", "keycloak", 8080),
    ("gateway", "portal", 8079),
    *((name, "keycloak", 8080) for name in PRODUCT),
    *((name, "rabbitmq", 5672) for name in PRODUCT),
    ("users", "mongodb", 27017),
    ("events", "mongodb", 27017),
    ("media", "s3", 8333),
    ("users", "media", 9020),
    ("users", "events", 9010),
    ("events", "media", 9020),
    ("media", "events", 9010),
    ("mongodb", "mongodb", 27017),
    ("rabbitmq", "rabbitmq", 4369),
    ("rabbitmq", "rabbitmq", 25672),
    ("rabbitmq", OUTSIDE, 443),
    ("rabbitmq", OUTSIDE, 6443),
    ("keycloak", "postgres", 5432),
    ("keycloak", "portal", 1025),
    ("operator", "mongodb", 27017),
    ("operator", "rabbitmq", 5672),
    ("operator", "rabbitmq", 15672),
    ("operator", "keycloak", 8080),
    *(("monitoring", name, port) for name, port in PRODUCT.items()),
    ("monitoring", "gateway", 8082),
    ("monitoring", "rabbitmq", 15692),
    ("monitoring", "keycloak", 9000),
}
# Pods that no policy of this chart holds back.
FREE = {OUTSIDE, STRANGER, "operator", "monitoring"}


@dataclass(frozen=True)
class Pod:
    """What a policy can know of a pod."""

    name: str
    labels: tuple[tuple[str, str], ...]
    namespace: str = helm.NAMESPACE


def pod(name: str, namespace: str = helm.NAMESPACE, **labels: str) -> Pod:
    return Pod(
        name, tuple((key.replace("__", "/"), value) for key, value in labels.items()), namespace
    )


def population(objects: list[Object]) -> list[Pod]:
    """Return the chart's pods, the operator's and the services', and some that are nobody's."""
    found = [
        Pod(name.partition("-")[0] if name.startswith("seed") else name, labels_of(template))
        for name, template in helm.pods(objects)
    ]
    part = {"app.kubernetes.io/part-of": "eventonight"}
    found += [
        Pod(name, tuple({"app.kubernetes.io/name": name, **part}.items())) for name in PRODUCT
    ]
    operator = (("app.kubernetes.io/name", "eventonight-operator"),)
    return [
        *found,
        Pod("operator", operator),
        Pod(STRANGER, ()),
        Pod(OUTSIDE, (), "elsewhere"),
        Pod("monitoring", (), "monitoring"),
    ]


def labels_of(template: Object) -> tuple[tuple[str, str], ...]:
    return tuple(template["metadata"]["labels"].items())


class Policies:
    """The semantics of NetworkPolicy: what a policy selects is closed but for what one allows."""

    def __init__(self, objects: list[Object]) -> None:
        self._all = [one["spec"] for one in helm.of(objects, "NetworkPolicy")]

    def allow(self, source: Pod, target: Pod, port: int) -> bool:
        return self._side("Egress", source, target, port) and self._side(
            "Ingress", target, source, port
        )

    def _side(self, direction: str, held: Pod, peer: Pod, port: int) -> bool:
        holding = [
            one
            for one in self._all
            if direction in one["policyTypes"]
            and held.namespace == helm.NAMESPACE
            and selects(one["podSelector"], dict(held.labels))
        ]
        key, peers = ("egress", "to") if direction == "Egress" else ("ingress", "from")
        return not holding or any(
            matches(rule, peers, peer, port) for one in holding for rule in one.get(key) or []
        )


def matches(rule: Object, peers: str, peer: Pod, port: int) -> bool:
    ports = rule.get("ports")
    if ports and not any(one["port"] == port and one["protocol"] == "TCP" for one in ports):
        return False
    return peers not in rule or any(is_peer(one, peer) for one in rule[peers])


def is_peer(wanted: Object, peer: Pod) -> bool:
    assert wanted.keys() <= {"podSelector", "namespaceSelector"}
    if "namespaceSelector" in wanted:
        if not selects(
            wanted["namespaceSelector"], {"kubernetes.io/metadata.name": peer.namespace}
        ):
            return False
    elif peer.namespace != helm.NAMESPACE:
        return False
    return selects(wanted.get("podSelector", {}), dict(peer.labels))


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def possible(objects: list[Object]) -> set[tuple[str, str, int]]:
    """Return every connection that is possible with at least one closed end."""
    policies, everybody = Policies(objects), population(objects)
    return {
        (source.name, target.name, port)
        for source in everybody
        for target in everybody
        for port in PORTS
        if not (source.name in FREE and target.name in FREE)
        and policies.allow(source, target, port)
    }


def with_dns(flows: set[tuple[str, str, int]], names: set[str]) -> set[tuple[str, str, int]]:
    return flows | {(name, place, 53) for name in names for place in FREE}


def test_exactly_the_wanted_connections_are_possible() -> None:
    objects = helm.render("dev")
    names = {one.name for one in population(objects)} - FREE
    # To the outside by port is to anybody who is not closed, wherever they are.
    wanted = {flow for flow in WANTED if flow[1] != OUTSIDE}
    wanted |= {(a, place, p) for a, b, p in WANTED if b == OUTSIDE for place in FREE}
    assert possible(objects) == with_dns(wanted, names)


def test_without_policies_everything_is_possible() -> None:
    """The control of the test before: the model itself closes nothing."""
    objects = helm.render("dev", networkPolicies__enabled=False)
    assert ("media", "mongodb", 27017) in possible(objects)
    assert (STRANGER, "postgres", 5432) in possible(objects)


@pytest.mark.parametrize("index", range(3))
def test_a_policy_that_is_missing_is_noticed(index: int) -> None:
    """Another control: each policy closes something that nothing else does."""
    objects = helm.render("dev")
    before = possible(objects)
    policies = helm.of(objects, "NetworkPolicy")
    for gone in policies[index::3]:
        assert possible([one for one in objects if one is not gone]) > before


def test_only_who_has_a_database_reaches_the_databases() -> None:
    reached = {a for a, b, p in possible(helm.render("ha")) if (b, p) == ("mongodb", 27017)}
    assert reached == {"users", "events", "operator", "mongodb"}


def test_members_of_a_keycloak_cluster_find_each_other() -> None:
    assert ("keycloak", "keycloak", 7800) in possible(helm.render("ha"))
    assert ("keycloak", "keycloak", 7800) not in possible(helm.render("dev"))


def test_parts_elsewhere_can_be_reached() -> None:
    hosts = ["a.example:27017", "b.example:27017", "c.example:27017"]
    objects = helm.render(
        "dev", mongodb__enabled=False, mongodb__external__hosts=hosts, secrets__mongodbAdmin="mine"
    )
    assert ("users", OUTSIDE, 27017) in possible(objects)
    assert ("media", OUTSIDE, 27017) not in possible(objects)


def test_mail_goes_to_its_server() -> None:
    objects = helm.render("dev", mail__host="smtp.example", mail__port=25672)
    found = possible(objects)
    assert ("keycloak", OUTSIDE, 25672) in found
    assert ("keycloak", "portal", 1025) not in found


def test_further_ways_out_are_added() -> None:
    rule = {"ports": [{"port": 443, "protocol": "TCP"}]}
    objects = helm.render("dev", networkPolicies__egress={"media": [rule]})
    assert ("media", OUTSIDE, 443) in possible(objects)
    assert ("users", OUTSIDE, 443) not in possible(objects)
