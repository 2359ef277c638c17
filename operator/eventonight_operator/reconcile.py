"""One pass: observe every system, plan purely, apply; each system fails alone."""

import asyncio
import random
from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.plan import Action, Objects
from eventonight_operator.secretstore import SecretStore, ensure_secrets
from eventonight_operator.spec import EvenToNight
from eventonight_operator.systems.keycloak import Keycloak
from eventonight_operator.systems.mongodb import Mongo
from eventonight_operator.systems.rabbitmq import RabbitMQ

PASSES = 4
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

    def plan(self, desired: Objects, observed: Objects) -> list[Action]:
        """Return the steps from observed to desired; pure."""
        ...

    async def apply(self, action: Action) -> None:
        """Do one step."""
        ...


class Outcome(msgspec.Struct, frozen=True):
    """How one system fared in a pass."""

    system: str
    done: tuple[Action, ...] = ()
    left: tuple[Action, ...] = ()
    reason: str = "AllReady"
    message: str = ""

    @property
    def ready(self) -> bool:
        """Whether nothing is left to do."""
        return self.reason == "AllReady" and not self.left


def systems(resource: EvenToNight, secrets: SecretStore) -> list[System]:
    """Return the outside systems of a resource."""
    spec = resource.spec
    return [
        Mongo(spec.mongodb, secrets),
        RabbitMQ(spec.messaging, spec.unsafe, secrets),
        Keycloak(spec.identity, secrets),
    ]


async def diff(resource: EvenToNight, secrets: SecretStore) -> list[Outcome]:
    """Return what a pass would do; writes nothing."""
    found = systems(resource, secrets)
    return list(await asyncio.gather(*(_guarded(one, apply=False) for one in found)))


async def reconcile(
    resource: EvenToNight, secrets: SecretStore, only: Collection[str] = ()
) -> list[Outcome]:
    """Bring every system, or only those named, to its wished state; return how each fared."""
    await ensure_secrets(resource.spec, secrets)
    found = [one for one in systems(resource, secrets) if not only or one.name in only]
    return list(await asyncio.gather(*(_guarded(one, apply=True) for one in found)))


async def _guarded(system: System, *, apply: bool) -> Outcome:
    done: list[Action] = []
    fault = SystemFaultError("Progressing", "not tried")
    for attempt in range(PASSES if apply else 1):
        if attempt:
            await asyncio.sleep(FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1))  # noqa: S311
        try:
            async with asyncio.timeout(SYSTEM_SECONDS):
                left = await _plan(system)
                if not apply:
                    return Outcome(system.name, (), tuple(left))
                await _apply(system, left, done)
                rest = await _plan(system)
        except TimeoutError:
            fault = SystemFaultError("DependencyTimeout", f"no end within {SYSTEM_SECONDS:g} s")
        except SystemFaultError as error:
            fault = error
        else:
            blocked = any(action.verb == "blocked" for action in rest)
            if not rest or blocked:
                reason = "QueueNotEmpty" if blocked else "AllReady"
                return Outcome(system.name, tuple(done), tuple(rest), reason)
            fault = SystemFaultError("Progressing", "; ".join(map(str, rest[:5])))
    return Outcome(system.name, tuple(done), (), fault.reason, fault.message)


async def _plan(system: System) -> list[Action]:
    return system.plan(await system.desired(), await system.observe())


async def _apply(system: System, actions: Sequence[Action], done: list[Action]) -> None:
    for action in actions:
        await system.apply(action)
        if action.verb != "blocked":
            done.append(action)
