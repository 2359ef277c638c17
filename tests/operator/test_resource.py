import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from eventonight_operator import crd, rules, spec
from eventonight_operator.spec import ResourceError

ROOT = Path(__file__).parents[2]
DOCUMENT = yaml.safe_load((ROOT / "manifests/local.yaml").read_text())


def changed(path: str, value: Any) -> dict[str, Any]:
    document: dict[str, Any] = copy.deepcopy(DOCUMENT)
    *steps, last = [int(one) if one.isdecimal() else one for one in path.split("/")]
    place: Any = document
    for step in steps:
        place = place[step]
    place[last] = value
    return document


def test_the_local_resource_is_valid() -> None:
    assert spec.decode(DOCUMENT).spec.messaging.vhost == "eventonight"


WRONG = [
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
    ("spec/mongodb/replicaSets/0/databases/1/user", "users", "share a user"),
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


@pytest.mark.parametrize(("path", "value", "word"), WRONG, ids=[one[2] for one in WRONG])
def test_a_wrong_resource_is_refused_with_the_field(path: str, value: Any, word: str) -> None:
    with pytest.raises(ResourceError, match=re.escape(word)):
        spec.decode(changed(path, value))


def test_every_rule_about_one_state_has_a_case_that_breaks_it() -> None:
    said: set[str] = set()
    for path, value, _ in WRONG:
        said |= {one.partition(": ")[2] for one in rules.violations(changed(path, value))}
    assert {rule.message for rule in rules.RULES if rule.check} <= said


def leaves(schema: Any, path: str = "") -> list[tuple[str, Any]]:
    found = [(path, schema)]
    for name, one in schema.get("properties", {}).items():
        found += leaves(one, f"{path}.{name}")
    if "items" in schema:
        found += leaves(schema["items"], f"{path}[]")
    return found


def test_the_crd_is_typed_bounded_and_described() -> None:
    version = crd.definition()["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    for path, one in leaves(schema):
        assert "type" in one, path
        assert "x-kubernetes-preserve-unknown-fields" not in one, path
        if one["type"] == "string" and "enum" not in one and "format" not in one:
            assert "maxLength" in one, path
        if one["type"] == "array":
            assert "maxItems" in one, path
            assert "x-kubernetes-list-type" in one, path
        if path and not path.endswith("[]"):
            assert one.get("description"), path
    assert "phase" not in schema["properties"]["status"]["properties"]
    assert "conditions" in schema["properties"]["status"]["properties"]


def test_the_crd_has_rules_columns_and_names() -> None:
    definition = crd.definition()["spec"]
    assert len(rules.RULES) >= 20
    assert definition["names"]["shortNames"] == ["etn"]
    columns = [one["name"] for one in definition["versions"][0]["additionalPrinterColumns"]]
    assert columns[:7] == ["Ready", "Reason", "Services", "Queues", "Realm", "Mongo", "Age"]
    said = [
        rule["message"]
        for _, one in leaves(definition["versions"][0]["schema"]["openAPIV3Schema"])
        for rule in one.get("x-kubernetes-validations", [])
    ]
    assert sorted(said) == sorted(rule.message for rule in rules.RULES)
