"""Wished and observed objects compared: the pure heart of every system."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from eventonight_operator.spec.status import Reason

Fields = Mapping[str, Any]
Key = tuple[str, str]
Objects = Mapping[Key, Fields]
Verb = Literal["create", "update", "delete", "blocked", "waiting", "advice"]

STEPS = frozenset({"create", "update", "delete"})

MASK = "(hidden)"
SECRET_FIELDS = frozenset({"password", "secret", "values"})


class Action(msgspec.Struct, frozen=True):
    """One step from the observed to the wished state.

    Args:
        system: the outside system.
        verb: what is done. Three are only told of: ``blocked`` needs a person, ``waiting`` needs
            time, ``advice`` holds nothing up.
        kind: kind of object, e.g. ``queue``.
        name: the object's name.
        changes: ``field: old -> new`` per differing field, secrets hidden.
        fields: the wished fields, whole.
        reason: why it is blocked or waiting.
    """

    system: str
    verb: Verb
    kind: str
    name: str
    changes: tuple[str, ...] = ()
    fields: Fields = {}
    reason: Reason = "Progressing"

    @property
    def doable(self) -> bool:
        """Whether it is a step to take, and not only told of."""
        return self.verb in STEPS

    @property
    def secret_only(self) -> bool:
        """Whether only credentials differ."""
        return bool(self.changes) and all(MASK in change for change in self.changes)

    def __str__(self) -> str:
        """Return the step as a line for people."""
        detail = f" ({'; '.join(self.changes)})" if self.changes else ""
        return f"{self.system}: {self.verb} {self.kind} {self.name}{detail}"


def differences(system: str, desired: Objects, observed: Objects) -> list[Action]:
    """Return what creates and updates wished objects, in the order they are wished in."""
    actions = []
    for (kind, name), fields in desired.items():
        present = observed.get((kind, name))
        if present is None:
            actions.append(Action(system, "create", kind, name, (), fields))
            continue
        changes = tuple(
            _change(field, present.get(field), wished)
            for field, wished in fields.items()
            if _plain(present.get(field)) != _plain(wished)
        )
        if changes:
            actions.append(Action(system, "update", kind, name, changes, fields))
    return actions


def surplus(
    system: str, desired: Objects, observed: Objects, kinds: tuple[str, ...]
) -> list[Action]:
    """Return what deletes observed objects of these kinds that nobody wishes, kind by kind."""
    return [
        Action(system, "delete", kind, name)
        for wanted in kinds
        for kind, name in observed
        if kind == wanted and (kind, name) not in desired
    ]


def _plain(value: Any) -> Any:
    """Return a value in which the order of lists of texts does not count."""
    if isinstance(value, list | tuple | set | frozenset):
        return sorted((_plain(one) for one in value), key=repr)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return value


def _change(field: str, old: Any, new: Any) -> str:
    if field in SECRET_FIELDS:
        old, new = MASK, MASK
    return f"{field}: {old} -> {new}"
