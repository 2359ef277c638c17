"""What the plugin asks of the operator's pod: how things are, what would be done; only looks."""

import asyncio
import json
import os
import sys
from typing import Any
from urllib.parse import quote

import msgspec

from eventonight_operator.installation import Installation
from eventonight_operator.kube.access import find
from eventonight_operator.kube.client import Kube
from eventonight_operator.plan import Objects
from eventonight_operator.reconcile import Outcome, System, attempt
from eventonight_operator.secretstore import credentials
from eventonight_operator.spec import decode
from eventonight_operator.status import read
from eventonight_operator.systems.mongodb import view
from eventonight_operator.systems.rabbitmq import topology
from eventonight_operator.writes import GATE

KIND = "EvenToNight"
Document = dict[str, Any]


class ReadOnlyError(Exception):
    """Something wanted to write where only looking is allowed."""


class NoResourceError(Exception):
    """There is no such resource."""


class StoredLedger:
    """The ledger as the status has it.

    Args:
        entries: what is ours.
    """

    def __init__(self, entries: list[str]) -> None:
        self._entries = frozenset(entries)

    async def entries(self) -> frozenset[str]:
        """Return what is ours."""
        return self._entries

    async def replace(self, system: str, own: frozenset[str]) -> None:
        """Refuse."""
        raise ReadOnlyError(f"{system}: {sorted(own)}")


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How an installation is.

    Args:
        plan: what a pass would do, a line each.
        told: what is only told of: what waits for time or a person.
        faults: systems that cannot be looked at, and why.
        queues: per declared queue, its messages and its dead letters; ``None`` is unknown.
        members: per replica set, the state of each member.
    """

    plan: list[str]
    told: list[str]
    faults: list[str]
    queues: dict[str, tuple[int | None, int | None]]
    members: dict[str, dict[str, str]]


async def look(name: str) -> View:
    """Return how an installation is.

    Raises:
        NoResourceError: there is no such resource.
    """
    GATE.guard(_refuse)
    async with Kube(find()) as kube:
        now, ledger = await _installation(kube, name)
        systems = now.systems.values()
        seen = await asyncio.gather(*(_looked(one, ledger) for one in systems))
        outcomes = [outcome for outcome, _ in seen]
        observed = {one.name: found for one, (_, found) in zip(systems, seen, strict=True)}
        return View(
            plan=[str(one) for o in outcomes for one in o.left if one.doable],
            told=[str(one) for o in outcomes for one in o.left if not one.doable],
            faults=[f"{o.system}: {o.reason} {o.message}" for o in outcomes if o.fault],
            queues=_queues(now, observed["rabbitmq"]),
            members={
                one.name: view(observed["mongodb"], one.name).states
                for one in now.resource.spec.mongodb.replica_sets
            },
        )


async def broker_address(name: str) -> str:
    """Return the broker's address with the administrator's credentials in it."""
    GATE.guard(_refuse)
    async with Kube(find()) as kube:
        now, _ = await _installation(kube, name)
        messaging = now.resource.spec.messaging
        username, password = await credentials(
            now.secrets, messaging.connection.admin_secret_ref.name, "username", "password"
        )
    scheme, _, place = messaging.connection.url.partition("://")
    login = f"{quote(username, safe='')}:{quote(password, safe='')}"
    return f"{scheme}://{login}@{place}/{quote(messaging.vhost, safe='')}"


def replay(name: str, queue: str, limit: int) -> None:
    """Become the services' own command that sends dead letters back; needs the product's image."""
    address = asyncio.run(broker_address(name))
    words = [sys.executable, "-m", "services", "dlq", "replay", queue, "--limit", str(limit)]
    os.execve(words[0], words, {**os.environ, "AMQP_URL": address})  # noqa: S606 - arguments of our own


def show(found: View) -> None:
    """Print how an installation is, for the plugin."""
    sys.stdout.write(json.dumps(msgspec.to_builtins(found)) + "\n")


async def _installation(kube: Kube, name: str) -> tuple[Installation, StoredLedger]:
    document = await kube.get(KIND, name)
    if document is None:
        raise NoResourceError(f"there is no EvenToNight {name} in namespace {kube.namespace}")
    return Installation(decode(document), kube), StoredLedger(read(document).inventory)


async def _looked(system: System, ledger: StoredLedger) -> tuple[Outcome, Objects]:
    outcome = await attempt(system, ledger, apply=False)
    return outcome, {} if outcome.fault else await system.observe()


def _queues(now: Installation, observed: Objects) -> dict[str, tuple[int | None, int | None]]:
    declared = [one.name for one in now.resource.spec.messaging.queues]
    found: dict[str, tuple[int | None, int | None]] = {}
    for name in declared:
        rows = {
            queue: fields.get("messages")
            for (kind, queue), fields in observed.items()
            if kind == "queue" and topology.logical(queue, [name])
        }
        dead = rows.pop(f"{name}.dlq", None)
        known = [count for count in rows.values() if count is not None]
        found[name] = (sum(known) if known and len(known) == len(rows) else None, dead)
    return found


def _refuse() -> None:
    raise ReadOnlyError("looking writes nothing")
