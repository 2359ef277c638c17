"""Writes the CRD from the types and rules: ``python -m eventonight_operator.crd``."""

import sys
from typing import Any

import msgspec
import yaml

from eventonight_operator.rules import RULES
from eventonight_operator.spec import GROUP, KIND, PLURAL, VERSION, Spec

Schema = dict[str, Any]

REF = "#/$defs/{name}"
MAX_TEXT = 32_768
LIST_KEYS = {
    "services": ["name"],
    "exchanges": ["name"],
    "queues": ["name"],
    "users": ["name"],
    "clients": ["clientId"],
    "replicaSets": ["name"],
    "databases": ["name"],
    "conditions": ["type"],
}
SETS = {"roles", "serviceAccountRoles", "realmManagementRoles", "hosts"}
REASONS = [
    "AllReady",
    "Progressing",
    "KeycloakUnreachable",
    "KeycloakUnauthorized",
    "BrokerUnreachable",
    "BrokerUnauthorized",
    "DatabaseUnreachable",
    "DatabaseUnauthorized",
    "QuorumLost",
    "MemberNotSynced",
    "NoPrimary",
    "ScalingInProgress",
    "RolloutStalled",
    "AdoptionConflict",
    "DriftCorrected",
    "SecretMissing",
    "SecretInvalid",
    "QueueNotEmpty",
    "InvalidReference",
    "ReconcilePaused",
    "DependencyTimeout",
]
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


def _text(description: str, limit: int = 256) -> Schema:
    return {"type": "string", "maxLength": limit, "description": description}


def _number(description: str) -> Schema:
    return {"type": "integer", "format": "int64", "minimum": 0, "description": description}


def status_schema() -> Schema:
    """Return the structural schema of ``status``."""
    return {
        "type": "object",
        "description": "What was observed.",
        "properties": {
            "observedGeneration": _number("Generation that the status speaks of."),
            "operatorVersion": _text("Version of the operator that wrote it."),
            "replicas": _number("Pods of all services."),
            "selector": _text("Label selector of the services' pods."),
            "conditions": {
                "type": "array",
                "description": "metav1 conditions.",
                "maxItems": 16,
                **_list_type("conditions"),
                "items": _condition(),
            },
            "summary": {
                "type": "object",
                "description": "Short texts for people.",
                "properties": {
                    "services": _text("Ready of wished services."),
                    "queues": _text("Ready of wished queues."),
                    "realm": _text("Realm."),
                    "mongo": _text("Healthy of wished members."),
                },
            },
            "drift": _drift(),
            "inventory": {
                "type": "array",
                "description": "What was made for this resource, as system/kind/name.",
                "maxItems": 512,
                "x-kubernetes-list-type": "set",
                "items": {"type": "string", "maxLength": 512},
            },
        },
    }


def _drift() -> Schema:
    return {
        "type": "object",
        "description": "What was found to differ.",
        "properties": {
            "lastDetected": {"type": "string", "format": "date-time", "description": "When."},
            "lastCorrected": {"type": "string", "format": "date-time", "description": "When."},
            "corrections": _number("Repairs so far."),
            "objects": {
                "type": "array",
                "description": "The latest, as kind/name.",
                "maxItems": 20,
                "x-kubernetes-list-type": "atomic",
                "items": {"type": "string", "maxLength": 512},
            },
        },
    }


def _condition() -> Schema:
    return {
        "type": "object",
        "required": ["type", "status", "reason", "message", "lastTransitionTime"],
        "properties": {
            "type": _text("What is told of."),
            "status": {
                "type": "string",
                "enum": ["True", "False", "Unknown"],
                "description": "Whether it holds.",
            },
            "reason": {
                "type": "string",
                "enum": list(REASONS),
                "description": "Why, one word of a closed list.",
            },
            "message": _text("Why, for people.", MAX_TEXT),
            "observedGeneration": _number("Generation it speaks of."),
            "lastTransitionTime": {
                "type": "string",
                "format": "date-time",
                "description": "When the status changed last.",
            },
        },
    }


def main() -> None:
    """Write the CRD as YAML to standard output."""
    sys.stdout.write("# Generated by: python -m eventonight_operator.crd\n")
    sys.stdout.write(yaml.safe_dump(definition(), sort_keys=False, width=100))


if __name__ == "__main__":
    main()
