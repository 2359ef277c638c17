"""Replica sets: initiated, scaled member by member, one user per service's database."""

import asyncio
from collections.abc import Collection

from eventonight_operator import adoption
from eventonight_operator.ledger import entry, names
from eventonight_operator.plan import Action, Fields, Key, Objects, differences
from eventonight_operator.secretstore import SecretStore
from eventonight_operator.spec import MongoDB
from eventonight_operator.standing import Standing
from eventonight_operator.systems.mongodb import members
from eventonight_operator.systems.mongodb.accounts import user_name
from eventonight_operator.systems.mongodb.connection import faults
from eventonight_operator.systems.mongodb.members import NAME, ReplicaSetView
from eventonight_operator.systems.mongodb.replicaset import LiveSet, Scaler, desired

ORDER = ("replica-set", "administrator", "user", "primary", "member", "pods")


class Mongo:
    """Observes and changes the resource's replica sets.

    Args:
        wanted: the resource's mongodb part.
        secrets: where credentials live.
        namespace: where the StatefulSets' pods are.
        scaler: who runs these pods; ``None`` leaves every host to others.
    """

    name = NAME

    def __init__(
        self,
        wanted: MongoDB,
        secrets: SecretStore,
        *,
        namespace: str = "default",
        scaler: Scaler | None = None,
    ) -> None:
        self._sets = {
            one.name: LiveSet(one, secrets, namespace, scaler) for one in wanted.replica_sets
        }

    async def desired(self) -> Objects:
        """Return every object that should be there, members apart: these come one by one."""
        return {key: fields for one in self._sets.values() for key, fields in desired(one.wanted)}

    async def observe(self) -> Objects:
        """Return the replica sets' objects that are there.

        Raises:
            SystemFaultError: a set does not answer, or the administrator's password is wrong.
        """
        found: dict[Key, Fields] = {}
        with faults():
            for objects in await asyncio.gather(*(one.observe() for one in self._sets.values())):
                found |= objects
        return found

    def plan(self, desired: Objects, observed: Objects, owned: Collection[str]) -> list[Action]:
        """Return the steps from observed to desired; pure."""
        steps = differences(NAME, desired, observed)
        for name, one in self._sets.items():
            seen = view(observed, name)
            steps += members.next_step(name, one.addresses, seen)
            if ("replica-set", name) not in observed:
                held = members.not_yet(name, one.addresses, seen)
                own = [step for step in steps if step.name.partition("/")[0] == name]
                steps = [step for step in steps if step not in own] + (held or own)
        gone = names(owned, NAME, "user") - {name for kind, name in desired if kind == "user"}
        steps += [_delete("user", one) for one in sorted(gone) if ("user", one) in observed]
        return sorted(steps, key=lambda action: ORDER.index(action.kind))

    def removal(self, observed: Objects, owned: Collection[str]) -> list[Action]:
        """Return the steps that remove the users and databases that are ours; pure."""
        steps = []
        for name, one in self._sets.items():
            for database in one.wanted.databases:
                user = user_name(one.wanted, database)
                place = f"{name}/{database.name}"
                if entry(NAME, "user", user) not in owned:
                    continue
                steps += [_delete("database", place)] if ("database", place) in observed else []
                steps += [_delete("user", user)] if ("user", user) in observed else []
        return steps

    def claims(self) -> frozenset[str]:
        """Return the ledger's entries of what the resource declares."""
        return frozenset(
            entry(NAME, "user", user_name(one.wanted, database))
            for one in self._sets.values()
            for database in one.wanted.databases
        )

    def foreign(self, observed: Objects, owned: Collection[str]) -> frozenset[str]:
        """Return the entries of declared objects that are there and not in the ledger."""
        return adoption.unowned(self.claims(), observed, owned)

    def root(self, action: Action) -> str | None:
        """Return the claim that a step's object belongs to; only users are ever disputed."""
        return entry(NAME, "user", action.name) if action.kind == "user" else None

    def standing(self, observed: Objects) -> Standing:
        """Return how many members work; pure."""
        each = [
            members.standing(one.wanted.members, view(observed, name))
            for name, one in self._sets.items()
        ]
        worst = next((one for one in each if one.reason != "AllReady"), Standing())
        return Standing(
            sum(one.ready for one in each),
            sum(one.wanted for one in each),
            worst.reason,
            worst.message,
        )

    async def apply(self, action: Action) -> None:
        """Do one step; doing it again changes nothing.

        Raises:
            SystemFaultError: the set does not answer or refuses.
        """
        name, _, rest = action.name.partition("/")
        with faults():
            await self._sets[name].apply(action, rest)


def view(observed: Objects, name: str) -> ReplicaSetView:
    """Return what was seen of a replica set."""
    seen: ReplicaSetView = observed.get(("view", name), {}).get("view", ReplicaSetView())
    return seen


def _delete(kind: str, name: str) -> Action:
    return Action(NAME, "delete", kind, name)
