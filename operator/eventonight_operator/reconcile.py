"""One attempt at one system: observe, plan purely, apply; each system fails alone."""

import asyncio
import random
from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from eventonight_operator import adoption
from eventonight_operator.faults import SystemFaultError
from eventonight_operator.ledger import Ledger, OpenLedger, of_system
from eventonight_operator.plan import Action, Objects
from eventonight_operator.secretstore import SecretStore, ensure_secrets
from eventonight_operator.spec import AdoptionPolicy, EvenToNight
from eventonight_operator.spec.status import Reason
from eventonight_operator.standing import Standing
from eventonight_operator.systems.keycloak import Keycloak
from eventonight_operator.systems.mongodb import Mongo
from eventonight_operator.systems.rabbitmq import RabbitMQ

ROUNDS = 4
TRIES = 5
FIRST_PAUSE = 0.5
SYSTEM_SECONDS = 120.0


class System(Protocol):
    """An outside system that is brought to its wished state."""

    name: str

    async def desired(self) -> Objects:
        """Return every object that should be there."""
        ...

    async def observe(self) -> Objects:
        """Return the objects that are there."""
        ...

    def plan(self, desired: Objects, observed: Objects, owned: Collection[str]) -> list[Action]:
        """Return the steps from observed to desired; pure. ``owned``: the ledger's entries."""
        ...

    def removal(self, observed: Objects, owned: Collection[str]) -> list[Action]:
        """Return the steps that remove what is ours; pure."""
        ...

    async def apply(self, action: Action) -> None:
        """Do one step; doing it again changes nothing."""
        ...

    def claims(self) -> frozenset[str]:
        """Return the ledger's entries of what the resource declares."""
        ...

    def root(self, action: Action) -> str | None:
        """Return the claim that a step's object belongs to, ``None`` if it is never disputed."""
        ...

    def standing(self, observed: Objects) -> Standing:
        """Return how the system fares; pure."""
        ...


class Outcome(msgspec.Struct, frozen=True):
    """How one system fared in an attempt.

    Args:
        system: its name.
        done: steps taken.
        left: steps not taken, and what is only told of.
        reason: why it is not ready, or ``AllReady``.
        message: for people.
        standing: how it fares, where it was observed.
        adopted: entries of what was taken over.
    """

    system: str
    done: tuple[Action, ...] = ()
    left: tuple[Action, ...] = ()
    reason: Reason = "AllReady"
    message: str = ""
    standing: Standing | None = None
    adopted: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether the system is as wished."""
        return self.reason == "AllReady" and all(one.verb == "advice" for one in self.left)

    @property
    def ready(self) -> bool:
        """Whether the system is as wished and fares well."""
        return self.settled and (self.standing is None or self.standing.reason == "AllReady")


def systems(resource: EvenToNight, secrets: SecretStore) -> list[System]:
    """Return the outside systems of a resource that is not run by Kubernetes."""
    spec = resource.spec
    return [
        Mongo(spec.mongodb, secrets, namespace=resource.metadata.namespace),
        RabbitMQ(spec.messaging, spec.unsafe, secrets),
        Keycloak(spec.identity, secrets),
    ]


async def diff(
    resource: EvenToNight, secrets: SecretStore, ledger: Ledger | None = None
) -> list[Outcome]:
    """Return what an attempt at each system would do; writes nothing."""
    books = ledger or OpenLedger()
    found = systems(resource, secrets)
    return list(await asyncio.gather(*(attempt(one, books, apply=False) for one in found)))


async def reconcile(
    resource: EvenToNight,
    secrets: SecretStore,
    only: Collection[str] = (),
    ledger: Ledger | None = None,
) -> list[Outcome]:
    """Bring every system, or only those named, to its wished state; return how each fared."""
    await ensure_secrets(resource.spec, secrets)
    books = ledger or OpenLedger()
    found = [one for one in systems(resource, secrets) if not only or one.name in only]
    return list(await asyncio.gather(*(_until_ready(one, books) for one in found)))


async def _until_ready(system: System, ledger: Ledger) -> Outcome:
    done: list[Action] = []
    for number in range(TRIES):
        outcome = await attempt(system, ledger)
        done += outcome.done
        if outcome.ready or any(one.verb == "blocked" for one in outcome.left):
            break
        if number + 1 < TRIES:
            await asyncio.sleep(FIRST_PAUSE * 2 ** (number + 1) * random.uniform(0.5, 1))  # noqa: S311
    return msgspec.structs.replace(outcome, done=tuple(done))


async def attempt(
    system: System,
    ledger: Ledger,
    *,
    policy: AdoptionPolicy = "Always",
    apply: bool = True,
) -> Outcome:
    """Observe a system and, unless told otherwise, bring it to its wished state.

    Whatever the system refuses is told in the outcome, never raised.
    """
    work = _Attempt(system, ledger, policy)
    reason: Reason
    try:
        async with asyncio.timeout(SYSTEM_SECONDS):
            await work.run(apply=apply)
    except TimeoutError:
        reason, message = "DependencyTimeout", f"no end within {SYSTEM_SECONDS:g} s"
    except SystemFaultError as error:
        reason, message = error.reason, error.message
    else:
        reason, message = _verdict(work.left) if apply else ("AllReady", "")
    return Outcome(
        system.name,
        tuple(work.done),
        tuple(one for one in work.left if one not in work.done),
        reason,
        message,
        work.standing,
        tuple(work.adopted),
    )


class _Attempt:
    """What an attempt has come to so far, kept where an error does not lose it."""

    def __init__(self, system: System, ledger: Ledger, policy: AdoptionPolicy) -> None:
        self._system = system
        self._ledger = ledger
        self._policy: AdoptionPolicy = policy
        self.done: list[Action] = []
        self.left: list[Action] = []
        self.adopted: list[str] = []
        self.standing: Standing | None = None

    async def run(self, *, apply: bool) -> None:
        for number in range(ROUNDS):
            todo = [one for one in await self._look() if one.doable]
            if not apply or (not todo and not self.adopted):
                break
            await self._claim()
            if not todo:
                break
            if number + 1 < ROUNDS:
                await self._apply(todo)
        if apply and all(one.verb == "advice" for one in self.left):
            await self._settle()

    async def _look(self) -> list[Action]:
        system = self._system
        desired, observed = await system.desired(), await system.observe()
        owned = await self._ledger.entries()
        self.left = system.plan(desired, observed, owned)
        self.standing = system.standing(observed)
        found = adoption.adopted(
            self._policy, self.left, observed, system.claims(), owned, system.root
        )
        self.adopted += [one for one in found if one not in self.adopted]
        return self.left

    async def _claim(self) -> None:
        await self._write(await self._ledger.entries() | self._system.claims())

    async def _settle(self) -> None:
        """Forget what was ours, is no longer declared and, as nothing is left to do, gone."""
        entries = await self._ledger.entries()
        own = of_system(entries, self._system.name)
        await self._write((entries - own) | self._system.claims())

    async def _write(self, entries: frozenset[str]) -> None:
        if entries != await self._ledger.entries():
            await self._ledger.replace(entries)

    async def _apply(self, todo: Sequence[Action]) -> None:
        for action in todo:
            await self._system.apply(action)
            self.done.append(action)


def _verdict(left: Sequence[Action]) -> tuple[Reason, str]:
    for verb in ("blocked", "create", "update", "delete", "waiting"):
        found = [one for one in left if one.verb == verb]
        if found:
            return found[0].reason, "; ".join(str(one) for one in found[:5])
    return "AllReady", ""
