"""Resources to begin with, and one edit of them."""

import copy
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DOCUMENT = yaml.safe_load((ROOT / "manifests/local.yaml").read_text())


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the local resource with one value replaced; the path's steps are parted by ``/``."""
    document: dict[str, Any] = copy.deepcopy(DOCUMENT)
    *steps, last = [int(one) if one.isdecimal() else one for one in path.split("/")]
    place: Any = document
    for step in steps:
        place = place[step]
    place[last] = value
    return document


WRONG: list[tuple[str, Any, str]] = [
    ("spec/services/0/replicas", -1, "replicas"),
    ("spec/services/0/port", 70_000, "port"),
    ("spec/messaging/queues/0/name", "", "name"),
    ("spec/messaging/nonsense", 1, "nonsense"),
    ("spec/services/0/autoscaling", {"maxReplicas": 3}, "not both"),
    (
        "spec/services/0",
        {"name": "users", "port": 9000, "autoscaling": {"maxReplicas": 1}},
        "minReplicas",
    ),
    ("spec/services/1/port", 9000, "share a port"),
    ("spec/mongodb/replicaSets/0/members", 4, "members must be 1, 3, 5 or 7"),
    ("spec/mongodb/replicaSets/0/members", 9, "members"),
    ("spec/unsafe", {}, "allowSingleMember"),
    ("spec/mongodb/replicaSets/0/hosts", ["a:1", "b:2"], "every member"),
    ("spec/mongodb/replicaSets/0/hosts", [], "statefulSet that runs them"),
    ("spec/mongodb/replicaSets/0/statefulSet", {"name": "mongodb"}, "keyfileSecretRef"),
    ("spec/mongodb/replicaSets/0/databases/1/user", "users", "share a user"),
    ("spec/mongodb/replicaSets/0/databases/1/secretRef/name", "users-mongodb", "databases share"),
    ("spec/messaging/users/1/secretRef/name", "users-rabbitmq", "two users share"),
    ("spec/messaging/users/1/secretRef/name", "rabbitmq-admin", "administrator's Secret"),
    ("spec/identity/clients/1/secretRef/name", "users-client", "two clients share"),
    ("spec/messaging/bindings/0/queue", "nowhere", "queue that is not declared"),
    ("spec/messaging/bindings/0/exchange", "nowhere", "exchange that is not declared"),
    ("spec/messaging/exchanges/0/name", "eventonight.dlx", "dead letter exchange"),
    ("spec/messaging/queues/0/name", "x.dlq", "reserved"),
    ("spec/messaging/queues/0/groupSize", 2, "groupSize"),
    ("spec/messaging/queues/0/owner", "nobody", "owner"),
    ("spec/messaging/users/0/permissions/configure", ".*", "configure"),
    ("spec/identity/clients/0/serviceAccountRoles", ["king"], "role that is not declared"),
    ("spec/identity/realm/name", "master", "master realm"),
    ("spec/identity/realm", {"name": "x", "verifyEmail": True}, "needs mail"),
    ("spec/identity/realm/tokens", {"accessTokenLifespan": 60_000}, "accessTokenLifespan"),
    ("spec/identity/realm/tokens", {"sessionIdleTimeout": 900_000}, "sessionIdleTimeout"),
    ("spec/gateway/burst", 5, "burst"),
]
