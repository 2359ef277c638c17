"""The broker's topology: vhost, users, exchanges, quorum queues, policies, bindings."""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import quote

import httpx

from eventonight_operator import adoption
from eventonight_operator.ledger import entry
from eventonight_operator.plan import Action, Fields, Key, Objects
from eventonight_operator.secretstore import SecretStore, credentials
from eventonight_operator.spec import Messaging, Unsafe
from eventonight_operator.standing import Standing
from eventonight_operator.systems.rabbitmq import steps, topology
from eventonight_operator.systems.rabbitmq.api import answers, call, connect, password_matches, rows
from eventonight_operator.systems.rabbitmq.topology import AS_IN_SECRET, NAME, binding_name

PLURALS = {
    "vhost": "vhosts",
    "queue": "queues",
    "policy": "policies",
    "exchange": "exchanges",
    "user": "users",
    "permission": "permissions",
}
OUTSIDE_VHOSTS = {"vhost", "user"}


class RabbitMQ:
    """Observes and changes one broker through its management API.

    Args:
        wanted: the resource's messaging part.
        unsafe: which safety is given up.
        secrets: where credentials live.
        clock: seconds that only go forward.
    """

    name = NAME

    def __init__(
        self,
        wanted: Messaging,
        unsafe: Unsafe,
        secrets: SecretStore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wanted = wanted
        self._unsafe = unsafe
        self._secrets = secrets
        self._clock = clock
        self._vhost = quote(wanted.vhost, safe="")
        self._unbound: dict[str, float] = {}
        self._silent: dict[Key, float] = {}
        self._nodes: tuple[int, float] = (0, clock())

    async def desired(self) -> Objects:
        """Return every object that should be there."""
        administrator, _ = await self._admin()
        return topology.desired(self._wanted, administrator)

    async def observe(self) -> Objects:
        """Return every object of the vhost that is there.

        Raises:
            SystemFaultError: the broker does not answer or refuses the administrator.
        """
        async with await self._client() as client:
            found: dict[Key, Fields] = {steps.BROKER: await self._broker(client)}
            vhosts = {one["name"] for one in await rows(client, "vhosts")}
            found |= {("user", one["name"]): one for one in await self._users(client)}
            if self._wanted.vhost not in vhosts:
                return found
            found["vhost", self._wanted.vhost] = {}
            for kind, objects in (await self._vhost_objects(client)).items():
                found |= {(kind, _name_of(kind, one)): one for one in objects}
            self._note_unbound(found)
            await self._note_silent(client, found)
        return found

    def plan(self, desired: Objects, observed: Objects, owned: Collection[str]) -> list[Action]:
        """Return the steps from observed to desired; pure."""
        return steps.plan(self._wanted, self._unsafe, desired, observed, owned)

    def removal(self, observed: Objects, owned: Collection[str]) -> list[Action]:
        """Return the steps that remove what is ours; pure."""
        return steps.removal(self._wanted, self._unsafe, observed, owned)

    def claims(self) -> frozenset[str]:
        """Return the ledger's entries of what the resource declares."""
        return topology.claims(self._wanted)

    def foreign(self, observed: Objects, owned: Collection[str]) -> frozenset[str]:
        """Return the entries of declared objects that are there and not in the ledger."""
        return adoption.unowned(self.claims(), observed, owned)

    def root(self, action: Action) -> str | None:
        """Return the claim that a step's object belongs to; growing a group disputes nothing."""
        if action.kind == "group":
            return None
        if action.kind == "permission":
            return entry(NAME, "user", action.name)
        name = str(action.fields.get("destination", action.name))
        queue = topology.logical(name, [one.name for one in self._wanted.queues])
        return entry(NAME, "queue", queue) if queue else entry(NAME, action.kind, action.name)

    def standing(self, observed: Objects) -> Standing:
        """Return how many queues have a quorum; pure."""
        wanted = topology.group_sizes(self._wanted)
        ready, lost = steps.ready_queues(wanted, observed)
        if lost:
            words = f"most members are away: {', '.join(sorted(lost))}"
            return Standing(ready, len(wanted), "QuorumLost", words)
        return Standing(ready, len(wanted))

    async def apply(self, action: Action) -> None:
        """Do one step; doing it again changes nothing.

        Raises:
            SystemFaultError: the broker does not answer or refuses.
        """
        async with await self._client() as client:
            if action.verb == "delete":
                await self._delete(client, action)
            elif action.kind == "binding":
                await call(client, "POST", self._binding_path(action.fields), action.fields)
            elif action.kind == "user":
                await self._put_user(client, action)
            elif action.kind == "group":
                path = f"queues/quorum/{self._vhost}/{quote(action.name, safe='')}/replicas/add"
                await call(client, "POST", path, action.fields)
            else:
                await self._put(client, action)

    async def _put(self, client: httpx.AsyncClient, action: Action) -> None:
        path = self._path(action)
        if action.verb == "update" and action.kind in {"queue", "exchange"}:
            await call(client, "DELETE", path)
        await call(client, "PUT", path, self._body(action))

    def _body(self, action: Action) -> Fields:
        fields = dict(action.fields)
        size = topology.group_sizes(self._wanted).get(action.name)
        if action.kind == "queue" and size:
            fields["arguments"] = {**fields["arguments"], topology.GROUP_SIZE: size}
        return fields

    def _path(self, action: Action) -> str:
        name, plural = quote(action.name, safe=""), PLURALS[action.kind]
        return (
            f"{plural}/{name}"
            if action.kind in OUTSIDE_VHOSTS
            else f"{plural}/{self._vhost}/{name}"
        )

    async def _put_user(self, client: httpx.AsyncClient, action: Action) -> None:
        user = next(one for one in self._wanted.users if one.name == action.name)
        _, password = await credentials(self._secrets, user.secret_ref.name, "username", "password")
        await call(client, "PUT", self._path(action), {"password": password, "tags": ""})

    async def _delete(self, client: httpx.AsyncClient, action: Action) -> None:
        if action.kind == "binding":
            key = quote(str(action.fields["properties_key"]), safe="")
            await call(client, "DELETE", f"{self._binding_path(action.fields)}/{key}")
            return
        # Only classic queues can be asked to go away on the condition that they are empty.
        classic = action.fields.get("type") == "classic"
        careful = classic and not self._unsafe.allow_non_empty_queue_deletion
        await call(client, "DELETE", self._path(action) + ("?if-empty=true" if careful else ""))

    def _binding_path(self, fields: Fields) -> str:
        source = quote(fields["source"], safe="")
        target = quote(fields["destination"], safe="")
        return f"bindings/{self._vhost}/e/{source}/{fields['destination_type'][0]}/{target}"

    async def _broker(self, client: httpx.AsyncClient) -> Fields:
        overview: dict[str, Any] = (await call(client, "GET", "overview")).json()
        nodes = await rows(client, "nodes?columns=name,running")
        running = sorted(one["name"] for one in nodes if one["running"])
        if self._nodes[0] != len(running):
            self._nodes = (len(running), self._clock())
        steady = self._clock() - self._nodes[1]
        return {"version": overview["rabbitmq_version"], "running": running, "steady": steady}

    async def _users(self, client: httpx.AsyncClient) -> list[Fields]:
        listed = {one["name"]: one for one in await rows(client, "users")}
        found: list[Fields] = []
        for user in self._wanted.users:
            if user.name not in listed:
                continue
            _, password = await credentials(
                self._secrets, user.secret_ref.name, "username", "password"
            )
            matches = password_matches(listed[user.name].get("password_hash", ""), password)
            found.append({"name": user.name, "password": AS_IN_SECRET if matches else "other"})
        return found

    async def _vhost_objects(self, client: httpx.AsyncClient) -> dict[str, list[dict[str, Any]]]:
        vhost = self._vhost
        found = {
            "permission": await rows(client, f"vhosts/{vhost}/permissions"),
            "exchange": await rows(client, f"exchanges/{vhost}"),
            "queue": [_known(one) for one in await rows(client, f"queues/{vhost}")],
            "policy": await rows(client, f"policies/{vhost}"),
            "binding": await rows(client, f"bindings/{vhost}"),
        }
        return {
            kind: [one for one in objects if _counts(kind, one)] for kind, objects in found.items()
        }

    def _note_unbound(self, found: dict[Key, Fields]) -> None:
        """Note since when queues have had no bindings, so that their counters can be trusted."""
        bound = {str(one["destination"]) for (kind, _), one in found.items() if kind == "binding"}
        loose = {name for kind, name in found if kind == "queue"} - bound
        now = self._clock()
        self._unbound = {name: self._unbound.get(name, now) for name in loose}
        for name, since in self._unbound.items():
            found["queue", name] = {**found["queue", name], "unbound": now - since}

    async def _note_silent(self, client: httpx.AsyncClient, found: dict[Key, Fields]) -> None:
        """Note since when declared queues have been silent of which nothing else shows a life."""
        queues = [("queue", name) for name in topology.group_sizes(self._wanted)]
        doubtful = [key for key in queues if steps.is_doubtful(found.get(key, {}))]
        told = await asyncio.gather(*(self._works(client, key, found[key]) for key in doubtful))
        now = self._clock()
        silent = [key for key, works in zip(doubtful, told, strict=True) if not works]
        self._silent = {key: self._silent.get(key, now) for key in silent}
        for key, since in self._silent.items():
            found[key] = {**found[key], "silent": now - since}

    async def _works(self, client: httpx.AsyncClient, key: Key, fields: Fields) -> bool:
        path = f"queues/{self._vhost}/{quote(key[1], safe='')}"
        return bool(fields.get("online")) and await answers(client, path)

    async def _admin(self) -> tuple[str, str]:
        name = self._wanted.connection.admin_secret_ref.name
        username, password = await credentials(self._secrets, name, "username", "password")
        return username, password

    async def _client(self) -> httpx.AsyncClient:
        return connect(self._wanted.connection.management_url, *await self._admin())


def _known(queue: dict[str, Any]) -> dict[str, Any]:
    """Return a queue without the size its group began with, which growing it does not change."""
    arguments = {k: v for k, v in queue["arguments"].items() if k != topology.GROUP_SIZE}
    return {**queue, "arguments": arguments}


def _name_of(kind: str, one: Fields) -> str:
    if kind == "binding":
        return binding_name(one)
    return str(one["user" if kind == "permission" else "name"])


def _counts(kind: str, one: Fields) -> bool:
    """Leave out what the broker made by itself."""
    if kind in {"exchange", "binding"}:
        name = one["source" if kind == "binding" else "name"]
        return bool(name) and not name.startswith("amq.")
    return True
