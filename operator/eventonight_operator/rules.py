"""Rules between fields, once: as CEL for the API server and as Python for everybody else."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

Node = Mapping[str, Any]
Check = Callable[[Any], bool]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of one place in the resource.

    Args:
        path: where it holds; ``[]`` stands for every item of a list.
        cel: the rule for the API server; one that names ``oldSelf`` holds for updates only.
        message: what the user is told.
        check: the same rule in Python; ``None`` for rules about updates.
    """

    path: str
    cel: str
    message: str
    check: Check | None = None


def _names(items: Iterable[Node], key: str = "name") -> set[str]:
    return {str(item.get(key)) for item in items}


def _unchanged(path: str, field: str) -> Rule:
    return Rule(
        path=path,
        cel=f"self.{field} == oldSelf.{field}",
        message=f"{field} is immutable",
    )


def _declared(kind: str, plural: str) -> Rule:
    return Rule(
        path="spec.messaging",
        cel=f"self.bindings.all(b, self.{plural}.exists(x, x.name == b.{kind}))",
        message=f"binding names {'an' if kind[0] == 'e' else 'a'} {kind} that is not declared",
        check=lambda node: all(b.get(kind) in _names(node[plural]) for b in node["bindings"]),
    )


def _own_secrets(path: str, accounts: str) -> Rule:
    others = f"self.{accounts}.exists_one(b, b.secretRef.name == a.secretRef.name)"
    return Rule(
        path=path,
        cel=f"self.{accounts}.all(a, {others})",
        message=f"two {accounts} share a Secret",
        check=lambda node: (
            len({a["secretRef"]["name"] for a in node[accounts]}) == len(node[accounts])
        ),
    )


RULES: tuple[Rule, ...] = (
    Rule(
        path="spec.services[]",
        cel="!(has(self.replicas) && has(self.autoscaling))",
        message="set replicas or autoscaling, not both",
        check=lambda node: not ("replicas" in node and "autoscaling" in node),
    ),
    Rule(
        path="spec.services[].autoscaling",
        cel="self.minReplicas <= self.maxReplicas",
        message="minReplicas must not be above maxReplicas",
        check=lambda node: node.get("minReplicas", 2) <= node["maxReplicas"],
    ),
    Rule(
        path="spec",
        cel="self.services.all(s, self.services.exists_one(t, t.port == s.port))",
        message="two services share a port",
        check=lambda node: len({s["port"] for s in node["services"]}) == len(node["services"]),
    ),
    Rule(
        path="spec.mongodb.replicaSets[]",
        cel="self.members in [1, 3, 5, 7]",
        message="members must be 1, 3, 5 or 7 (at most 7 vote)",
        check=lambda node: node.get("members", 3) in {1, 3, 5, 7},
    ),
    Rule(
        path="spec",
        cel="self.unsafe.allowSingleMember || self.mongodb.replicaSets.all(r, r.members > 1)",
        message="one member survives nothing; set unsafe.allowSingleMember to accept that",
        check=lambda node: (
            bool(node.get("unsafe", {}).get("allowSingleMember"))
            or all(r.get("members", 3) > 1 for r in node["mongodb"]["replicaSets"])
        ),
    ),
    Rule(
        path="spec.mongodb.replicaSets[]",
        cel="size(self.hosts) == 0 || size(self.hosts) == self.members",
        message="hosts must be empty or name every member",
        check=lambda node: len(node.get("hosts", [])) in {0, node.get("members", 3)},
    ),
    Rule(
        path="spec.mongodb.replicaSets[]",
        cel="size(self.hosts) > 0 || has(self.statefulSet)",
        message="name the members' hosts or the statefulSet that runs them",
        check=lambda node: bool(node.get("hosts")) or "statefulSet" in node,
    ),
    Rule(
        path="spec.mongodb.replicaSets[]",
        cel="!has(self.statefulSet) || has(self.keyfileSecretRef)",
        message="a statefulSet needs keyfileSecretRef: its members trust who knows their key",
        check=lambda node: "statefulSet" not in node or "keyfileSecretRef" in node,
    ),
    Rule(
        path="spec.mongodb.replicaSets[]",
        cel="self.databases.all(d, self.databases.exists_one(e, e.user == d.user))",
        message="two databases share a user",
        check=lambda node: len(_names(node["databases"], "user")) == len(node["databases"]),
    ),
    _declared("queue", "queues"),
    _declared("exchange", "exchanges"),
    Rule(
        path="spec.messaging",
        cel="self.queues.all(q, !self.exchanges.exists(e, e.name == q.deadLetter.exchange))",
        message="a dead letter exchange must not be declared as an exchange of its own",
        check=lambda node: (
            not any(
                q.get("deadLetter", {}).get("exchange", "eventonight.dlx")
                in _names(node["exchanges"])
                for q in node["queues"]
            )
        ),
    ),
    Rule(
        path="spec.messaging",
        cel="self.queues.all(q, !q.name.endsWith('.dlq') && !q.name.endsWith('.partitions'))",
        message="queue names ending in .dlq or .partitions are reserved",
        check=lambda node: (
            not any(q["name"].endswith((".dlq", ".partitions")) for q in node["queues"])
        ),
    ),
    Rule(
        path="spec.messaging.queues[]",
        cel="self.groupSize in [1, 3, 5, 7]",
        message="groupSize must be 1, 3, 5 or 7",
        check=lambda node: node.get("groupSize", 3) in {1, 3, 5, 7},
    ),
    Rule(
        path="spec.messaging.users[].permissions",
        cel="self.configure == '^$'",
        message="services must not configure the broker; the operator does",
        check=lambda node: node.get("configure", "^$") == "^$",
    ),
    Rule(
        path="spec",
        cel="self.messaging.queues.all(q, self.services.exists(s, s.name == q.owner))",
        message="queue owner is not a declared service",
        check=lambda node: all(
            q["owner"] in _names(node["services"]) for q in node["messaging"]["queues"]
        ),
    ),
    Rule(
        path="spec.identity",
        cel="self.clients.all(c, c.serviceAccountRoles.all(r, r in self.roles))",
        message="serviceAccountRoles names a role that is not declared",
        check=lambda node: all(
            role in node["roles"]
            for client in node["clients"]
            for role in client.get("serviceAccountRoles", [])
        ),
    ),
    Rule(
        path="spec.identity",
        cel="self.realm.name != 'master'",
        message="the master realm belongs to Keycloak's administrators",
        check=lambda node: node.get("realm", {}).get("name") != "master",
    ),
    Rule(
        path="spec.identity",
        cel="!self.realm.verifyEmail || has(self.realm.mail)",
        message="verifyEmail needs mail",
        check=lambda node: not node.get("realm", {}).get("verifyEmail") or "mail" in node["realm"],
    ),
    Rule(
        path="spec.identity.realm.tokens",
        cel="self.accessTokenLifespan <= self.sessionIdleTimeout",
        message="accessTokenLifespan must not be above sessionIdleTimeout",
        check=lambda node: (
            node.get("accessTokenLifespan", 3_600) <= node.get("sessionIdleTimeout", 28_800)
        ),
    ),
    Rule(
        path="spec.identity.realm.tokens",
        cel="self.sessionIdleTimeout <= self.sessionMaxLifespan",
        message="sessionIdleTimeout must not be above sessionMaxLifespan",
        check=lambda node: (
            node.get("sessionIdleTimeout", 28_800) <= node.get("sessionMaxLifespan", 864_000)
        ),
    ),
    Rule(
        path="spec.gateway",
        cel="self.requestsPerSecond <= self.burst",
        message="requestsPerSecond must not be above burst",
        check=lambda node: node.get("requestsPerSecond", 100) <= node.get("burst", 200),
    ),
    _own_secrets("spec.messaging", "users"),
    _own_secrets("spec.identity", "clients"),
    _own_secrets("spec.mongodb.replicaSets[]", "databases"),
    Rule(
        path="spec.messaging",
        cel="self.users.all(u, u.secretRef.name != self.connection.adminSecretRef.name)",
        message="a service must not share the administrator's Secret",
        check=lambda node: (
            node["connection"]["adminSecretRef"]["name"]
            not in {u["secretRef"]["name"] for u in node["users"]}
        ),
    ),
    _unchanged("spec.messaging", "vhost"),
    _unchanged("spec.objectStore", "bucket"),
    Rule(
        path="spec.identity",
        cel="self.realm.name == oldSelf.realm.name",
        message="realm.name is immutable",
    ),
    Rule(
        path="spec.messaging",
        cel="oldSelf.exchanges.all(o, self.exchanges.all(e, e.name != o.name || e.type == o.type))",
        message="an exchange's type is immutable",
    ),
)


def violations(document: Node) -> list[str]:
    """Return a line per broken rule, with the place it is broken at."""
    return [
        f"{place}: {rule.message}"
        for rule in RULES
        if rule.check is not None
        for place, node in _places(document, rule.path)
        if not rule.check(node)
    ]


def _places(document: Node, path: str) -> list[tuple[str, Any]]:
    places: list[tuple[str, Any]] = [("", document)]
    for step in path.split("."):
        name = step.removesuffix("[]")
        found = [(f"{at}.{name}".lstrip("."), node[name]) for at, node in places if name in node]
        if step.endswith("[]"):
            found = [(f"{at}[{i}]", item) for at, items in found for i, item in enumerate(items)]
        places = found
    return places
