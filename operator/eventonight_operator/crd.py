"""Writes the CRD from the types and rules: ``python -m eventonight_operator.crd``."""

import json
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


KEPT = {"helm.sh/resource-policy": "keep"}
HEADER = "# Generated by: python -m eventonight_operator.crd"


def as_yaml() -> str:
    """Return the CRD as YAML."""
    return f"{HEADER}\n{_yaml(definition())}"


def as_template() -> str:
    """Return the CRD as a template of the operator's chart: upgraded with it, never deleted."""
    document = definition()
    document["metadata"]["annotations"] = KEPT
    return f"{HEADER} chart\n{{{{- if .Values.crd.install }}}}\n{_yaml(document)}{{{{- end }}}}\n"


def as_page() -> str:
    """Return the CRD as a page for people."""
    lines = [
        f"# {KIND}",
        "",
        "Generated by `python -m eventonight_operator.crd page`, in `kubectl explain`'s words.",
        "",
        f"`apiVersion: {GROUP}/{VERSION}`, `kind: {KIND}`, short name `etn`.",
        "",
    ]
    for part, schema in (("spec", spec_schema()), ("status", status_schema())):
        lines += _section(part, schema)
    return "\n".join(lines).rstrip() + "\n"


def _section(path: str, schema: Schema) -> list[str]:
    """Return a table of a part's fields, then a section for each field that has fields itself."""
    lines = [f"## {path}", "", str(schema.get("description", "")), ""]
    rules = [f"* {one['message']}" for one in schema.get("x-kubernetes-validations", [])]
    lines += [*rules, ""] if rules else []
    lines += ["| field | type | default | |", "|---|---|---|---|"]
    inner: list[str] = []
    for name, field in schema["properties"].items():
        star = "" if name not in schema.get("required", []) else " (required)"
        lines.append(f"| `{name}`{star} | {_kind(field)} | {_default(field)} | {_cell(field)} |")
        below, suffix = (field.get("items", field), "[]") if "items" in field else (field, "")
        if "properties" in below:
            inner += _section(f"{path}.{name}{suffix}", below)
    return [*lines, "", *inner]


def _kind(field: Schema) -> str:
    if "enum" in field:
        return ", ".join(f"`{one}`" for one in field["enum"])
    if "items" in field:
        return f"list of {_kind(field['items'])}, at most {field['maxItems']}"
    bounds = [f"{field[key]}" for key in ("minimum", "maximum") if key in field]
    return str(field["type"]) + (f" {'..'.join(bounds)}" if bounds else "")


def _default(field: Schema) -> str:
    default = field.get("default")
    return "" if default is None or isinstance(default, dict | list) else f"`{json.dumps(default)}`"


def _cell(field: Schema) -> str:
    return str(field.get("description", "")).replace("|", "\\|")


def _yaml(document: Schema) -> str:
    return yaml.dump(document, Dumper=_Plain, sort_keys=False, width=100)


class _Plain(yaml.SafeDumper):
    """Writes what is used twice twice, since people read this."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base class asks for it
        """Return that nothing is worth an alias."""
        return True


FORMS = {"yaml": as_yaml, "chart": as_template, "page": as_page}


def main(form: str = "yaml") -> None:
    """Write the CRD in a form to standard output."""
    sys.stdout.write(FORMS[form]())


if __name__ == "__main__":
    main(*sys.argv[1:])
