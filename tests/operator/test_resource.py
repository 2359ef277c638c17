import re
from typing import Any

import pytest

from eventonight_operator import crd, rules, spec
from eventonight_operator.spec import ResourceError
from operator_samples import DOCUMENT, ROOT, WRONG, changed

MANIFESTS = ROOT / "manifests"


@pytest.mark.parametrize("name", ["local", "ha"])
def test_the_samples_are_valid(name: str) -> None:
    found = spec.load(MANIFESTS / f"{name}.yaml")
    assert found.spec.messaging.vhost == "eventonight"
    assert found.spec.messaging.queues == spec.decode(DOCUMENT).spec.messaging.queues


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
