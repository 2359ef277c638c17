"""Writes the CRD from the types and rules: ``python -m eventonight_operator.crd``."""

import sys
from typing import Any

import msgspec
import yaml

from eventonight_operator.rules import RULES
from eventonight_operator.spec import GROUP, KIND, PLURAL, VERSION, Spec
from eventonight_operator.spec.status import Status

Schema = dict[str, Any]

REF = "#/$defs/{name}"
LIST_KEYS = {
    "services": ["name"],
    "exchanges": ["name"],
    "queues": ["name"],
    "users": ["name"],
    "clients": ["clientId"],
    "replicaSets": ["name"],
    "databases": ["name"],
    "imagePullSecrets": ["name"],
    "conditions": ["type"],
}
SETS = {"roles", "serviceAccountRoles", "realmManagementRoles", "hosts", "inventory"}
COLUMNS = (
    ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status", 0),
    ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason", 0),
    ("Services", "string", ".status.summary.services", 0),
    ("Queues", "string", ".status.summary.queues", 0),
    ("Realm", "string", ".status.summary.realm", 0),
    ("Mongo", "string", ".status.summary.mongo", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Paused", "string", ".status.conditions[?(@.type=='Paused')].status", 1),
    ("Degraded", "string", ".status.conditions[?(@.type=='Degraded')].status", 1),
    ("Drift", "string", ".status.conditions[?(@.type=='DriftDetected')].status", 1),
    ("Observed", "integer", ".status.observedGeneration", 1),
)


def definition() -> Schema:
    """Return the CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["etn"],
                "categories": ["all", "eventonight"],
            },
            "versions": [_version()],
        },
    }


def _version() -> Schema:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.defaults.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path, "priority": priority}
            for name, kind, path, priority in COLUMNS
        ],
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "description": "One installation of EvenToNight.",
                "required": ["spec"],
                "properties": {"spec": spec_schema(), "status": status_schema()},
            }
        },
    }


def spec_schema() -> Schema:
    """Return the structural schema of ``spec``, rules included."""
    (top,), parts = msgspec.json.schema_components([Spec], ref_template=REF)
    schema = _structural(top, parts, "spec")
    for rule in RULES:
        place = _at(schema, rule.path.split(".")[1:])
        place.setdefault("x-kubernetes-validations", []).append(
            {"rule": rule.cel, "message": rule.message}
        )
    return schema


def _structural(schema: Schema, parts: Schema, name: str) -> Schema:
    """Inline references, drop what a structural schema must not have, add list types."""
    if "anyOf" in schema:
        kept = next(one for one in schema["anyOf"] if one.get("type") != "null")
        schema = {**kept, **{k: v for k, v in schema.items() if k == "description"}}
    if "$ref" in schema:
        schema = {**parts[schema["$ref"].rpartition("/")[2]], **_without(schema, "$ref")}
    out = _without(schema, "title", "additionalProperties", "anyOf")
    if "default" in out:
        out["default"] = _without_nulls(out["default"])
    if out.get("default") is None:
        out.pop("default", None)
    if "properties" in out:
        out["properties"] = {
            key: _structural(value, parts, key) for key, value in out["properties"].items()
        }
    if "items" in out:
        out["items"] = _structural(out["items"], parts, name)
        out.update(_list_type(name))
    if "enum" in out:
        out["type"] = "string"
    if not out.get("required"):
        out.pop("required", None)
    return out


def _list_type(name: str) -> Schema:
    if name in LIST_KEYS:
        return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": LIST_KEYS[name]}
    return {"x-kubernetes-list-type": "set" if name in SETS else "atomic"}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return value


def _without(schema: Schema, *keys: str) -> Schema:
    return {key: value for key, value in schema.items() if key not in keys}


def _at(schema: Schema, steps: list[str]) -> Schema:
    for step in steps:
        schema = schema["properties"][step.removesuffix("[]")]
        if step.endswith("[]"):
            schema = schema["items"]
    return schema


def status_schema() -> Schema:
    """Return the structural schema of ``status``; it has no defaults: nothing is assumed."""
    (top,), parts = msgspec.json.schema_components([Status], ref_template=REF)
    return _without_defaults(_structural(top, parts, "status"))


def _without_defaults(schema: Schema) -> Schema:
    out = _without(schema, "default")
    if "properties" in out:
        out["properties"] = {k: _without_defaults(v) for k, v in out["properties"].items()}
    if "items" in out:
        out["items"] = _without_defaults(out["items"])
    return out


class _Plain(yaml.SafeDumper):
    """Writes what is used twice twice, since people read this."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class asks for it
        """Return that nothing is worth an alias."""
        return True


def main() -> None:
    """Write the CRD as YAML to standard output."""
    sys.stdout.write("# Generated by: python -m eventonight_operator.crd\n")
    sys.stdout.write(yaml.dump(definition(), Dumper=_Plain, sort_keys=False, width=100))


if __name__ == "__main__":
    main()
