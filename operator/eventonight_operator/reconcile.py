"""One attempt at one system: observe, plan purely, apply; each system fails alone."""

import asyncio
import random
from collections.abc import Callable, Collection, Coroutine, Sequence
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

    def foreign(self, observed: Objects, owned: Collection[str]) -> frozenset[str]:
        """Return the entries of declared objects that are there and not ours; pure."""
        ...

    def root(self, action: Action) -> str | None:
        """Return the entry that a step's object belongs to, ``None`` if it is never disputed."""
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
        fault: whether it was given up on an error, and is to be left alone for a while.
    """

    system: str
    done: tuple[Action, ...] = ()
    left: tuple[Action, ...] = ()
    reason: Reason = "AllReady"
    message: str = ""
    standing: Standing | None = None
    adopted: tuple[str, ...] = ()
    fault: bool = False

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
    skip: Callable[[Action], bool] = lambda _: False,
) -> Outcome:
    """Observe a system and, unless told otherwise, bring it to its wished state.

    Whatever the system refuses is told in the outcome, never raised.

    Args:
        system: what is looked at.
        ledger: what is ours.
        policy: what to do with what is not.
        apply: whether steps are taken at all.
        skip: names steps that are left.
    """
    work = _Attempt(system, ledger, policy)
    return await _told(work, work.run(apply=apply, skip=skip), verdict=apply)


async def removal(system: System, ledger: Ledger, seconds: float) -> Outcome:
    """Remove what is ours of a system, as far as that may be done now; never raises."""
    work = _Attempt(system, ledger, "Always")
    return await _told(work, work.remove(), verdict=True, seconds=seconds)


async def _told(
    work: "_Attempt",
    run: Coroutine[None, None, None],
    *,
    verdict: bool,
    seconds: float = SYSTEM_SECONDS,
) -> Outcome:
    reason: Reason
    fault = True
    try:
        async with asyncio.timeout(seconds):
            await run
    except TimeoutError:
        reason, message = "DependencyTimeout", f"no end within {seconds:g} s"
    except SystemFaultError as error:
        reason, message = error.reason, error.message
    else:
        fault = False
        reason, message = _verdict(work.left) if verdict else ("AllReady", "")
    return Outcome(
        work.system.name,
        tuple(work.done),
        tuple(one for one in work.left if one not in work.done),
        reason,
        message,
        work.standing,
        tuple(work.adopted),
        fault,
    )


class _Attempt:
    """What an attempt has come to so far, kept where an error does not lose it."""

    def __init__(self, system: System, ledger: Ledger, policy: AdoptionPolicy) -> None:
        self.system = system
        self._ledger = ledger
        self._policy: AdoptionPolicy = policy
        self.done: list[Action] = []
        self.left: list[Action] = []
        self.adopted: list[str] = []
        self.standing: Standing | None = None

    async def run(self, *, apply: bool, skip: Callable[[Action], bool]) -> None:
        for number in range(ROUNDS):
            todo = [one for one in await self._look() if one.doable and not skip(one)]
            if not apply or (not todo and not self.adopted):
                break
            await self._claim()
            if not todo:
                break
            if number + 1 < ROUNDS:
                await self._apply(todo)
        if apply and all(one.verb == "advice" for one in self.left):
            await self._settle()

    async def remove(self) -> None:
        for number in range(ROUNDS):
            observed, owned = await self.system.observe(), await self._ledger.entries()
            self.left = self.system.removal(observed, owned)
            if number + 1 == ROUNDS or not any(one.doable for one in self.left):
                break
            await self._apply([one for one in self.left if one.doable])
        if not self.left:
            await self._write(frozenset())

    async def _look(self) -> list[Action]:
        system = self.system
        desired, observed = await system.desired(), await system.observe()
        owned = await self._ledger.entries()
        self.left = system.plan(desired, observed, owned)
        self.standing = system.standing(observed)
        foreign = system.foreign(observed, owned)
        adoption.check(self._policy, self.left, foreign, system.root)
        self.adopted += sorted(foreign.difference(self.adopted))
        return self.left

    async def _claim(self) -> None:
        own = of_system(await self._ledger.entries(), self.system.name)
        await self._write(own | self.system.claims())

    async def _settle(self) -> None:
        """Forget what was ours, is no longer declared and, as nothing is left to do, gone."""
        await self._write(self.system.claims())

    async def _write(self, own: frozenset[str]) -> None:
        if own != of_system(await self._ledger.entries(), self.system.name):
            await self._ledger.replace(self.system.name, own)

    async def _apply(self, todo: Sequence[Action]) -> None:
        for action in todo:
            await self.system.apply(action)
            self.done.append(action)


def _verdict(left: Sequence[Action]) -> tuple[Reason, str]:
    for verb in ("blocked", "create", "update", "delete", "waiting"):
        found = [one for one in left if one.verb == verb]
        if found:
            return found[0].reason, "; ".join(str(one) for one in found[:5])
    return "AllReady", ""
