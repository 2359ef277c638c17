"""The broker's topology: vhost, users, exchanges, quorum queues, policies, bindings."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.plan import Action, Fields, Key, Objects, differences, surplus
from eventonight_operator.secretstore import SecretStore, credentials
from eventonight_operator.spec import Messaging, Queue, Unsafe

NAME = "rabbitmq"
TIMEOUT_SECONDS = 10.0
HASH_TYPE = "x-consistent-hash"
QUEUE_ARGUMENTS = {"x-queue-type": "quorum", "x-single-active-consumer": True}
DEAD_ARGUMENTS = {"x-queue-type": "quorum"}
ORDER = ("vhost", "user", "permission", "exchange", "policy", "queue", "binding")
SURPLUS = ("binding", "queue", "policy", "exchange")


class RabbitMQ:
    """Observes and changes one broker through its management API.

    Args:
        wanted: the resource's messaging part.
        unsafe: which safety is given up.
        secrets: where credentials live.
    """

    name = NAME

    def __init__(self, wanted: Messaging, unsafe: Unsafe, secrets: SecretStore) -> None:
        self._wanted = wanted
        self._unsafe = unsafe
        self._secrets = secrets
        self._vhost = quote(wanted.vhost, safe="")

    async def desired(self) -> Objects:
        """Return every object that should be there."""
        return desired(self._wanted)

    async def observe(self) -> Objects:
        """Return every object of the vhost that is there.

        Raises:
            SystemFaultError: the broker does not answer or refuses the administrator.
        """
        async with await self._client() as client:
            found: dict[Key, Fields] = {}
            vhosts = {one["name"] for one in await _get(client, "vhosts")}
            found |= {("user", one["name"]): one for one in await self._users(client)}
            if self._wanted.vhost not in vhosts:
                return found
            found["vhost", self._wanted.vhost] = {}
            for kind, rows in await self._vhost_objects(client):
                found |= {(kind, name): fields for name, fields in rows}
            return found

    def plan(self, desired: Objects, observed: Objects) -> list[Action]:
        """Return the steps from observed to desired; pure."""
        steps = differences(NAME, desired, observed)
        steps.sort(key=lambda action: ORDER.index(action.kind))
        return [*steps, *self._removals(desired, observed)]

    def _removals(self, desired: Objects, observed: Objects) -> Iterator[Action]:
        for action in surplus(NAME, desired, observed, SURPLUS):
            messages = observed[action.kind, action.name].get("messages", 0)
            if messages and not self._unsafe.allow_non_empty_queue_deletion:
                reason = f"holds {messages} messages; unsafe.allowNonEmptyQueueDeletion lifts this"
                yield Action(NAME, "blocked", action.kind, action.name, (reason,))
            else:
                fields = observed[action.kind, action.name]
                yield Action(NAME, "delete", action.kind, action.name, (), fields)

    async def apply(self, action: Action) -> None:
        """Do one step; doing it again changes nothing.

        Raises:
            SystemFaultError: the broker does not answer or refuses.
        """
        if action.verb == "blocked":
            return
        async with await self._client() as client:
            if action.verb == "delete":
                await self._delete(client, action)
            elif action.kind == "binding":
                await _call(client, "POST", self._binding_path(action.fields), action.fields)
            elif action.kind == "user":
                await self._put_user(client, action)
            else:
                await self._put(client, action)

    async def _put(self, client: httpx.AsyncClient, action: Action) -> None:
        name = quote(action.name, safe="")
        path = {
            "vhost": f"vhosts/{name}",
            "permission": f"permissions/{self._vhost}/{name}",
            "exchange": f"exchanges/{self._vhost}/{name}",
            "queue": f"queues/{self._vhost}/{name}",
            "policy": f"policies/{self._vhost}/{name}",
        }[action.kind]
        await _call(client, "PUT", path, dict(action.fields))
        if action.kind == "vhost":
            username, _ = await self._admin()
            everything = {"configure": ".*", "write": ".*", "read": ".*"}
            await _call(client, "PUT", f"permissions/{name}/{quote(username, safe='')}", everything)

    async def _put_user(self, client: httpx.AsyncClient, action: Action) -> None:
        user = next(one for one in self._wanted.users if one.name == action.name)
        _, password = await credentials(self._secrets, user.secret_ref.name, "username", "password")
        body = {"password": password, "tags": ""}
        await _call(client, "PUT", f"users/{quote(action.name, safe='')}", body)

    async def _delete(self, client: httpx.AsyncClient, action: Action) -> None:
        if action.kind == "binding":
            key = quote(str(action.fields["properties_key"]), safe="")
            await _call(client, "DELETE", f"{self._binding_path(action.fields)}/{key}")
            return
        plural = {"queue": "queues", "policy": "policies", "exchange": "exchanges"}[action.kind]
        empty = (
            "?if-empty=true"
            if action.kind == "queue" and not (self._unsafe.allow_non_empty_queue_deletion)
            else ""
        )
        name = quote(action.name, safe="")
        await _call(client, "DELETE", f"{plural}/{self._vhost}/{name}{empty}")

    def _binding_path(self, fields: Fields) -> str:
        source = quote(fields["source"], safe="")
        target = quote(fields["destination"], safe="")
        return f"bindings/{self._vhost}/e/{source}/{fields['destination_type'][0]}/{target}"

    async def _users(self, client: httpx.AsyncClient) -> list[Fields]:
        listed = {one["name"]: one for one in await _get(client, "users")}
        found: list[Fields] = []
        for user in self._wanted.users:
            if user.name not in listed:
                continue
            _, password = await credentials(
                self._secrets, user.secret_ref.name, "username", "password"
            )
            matches = _password_matches(listed[user.name].get("password_hash", ""), password)
            found.append(
                {"name": user.name, "password": "as in its Secret" if matches else "other"}
            )
        return found

    async def _vhost_objects(
        self, client: httpx.AsyncClient
    ) -> list[tuple[str, list[tuple[str, Fields]]]]:
        vhost = self._vhost
        rows = {
            "permission": await _get(client, f"vhosts/{vhost}/permissions"),
            "exchange": await _get(client, f"exchanges/{vhost}"),
            "queue": await _get(client, f"queues/{vhost}"),
            "policy": await _get(client, f"policies/{vhost}"),
            "binding": await _get(client, f"bindings/{vhost}"),
        }
        return [
            (kind, [(_name_of(kind, one), one) for one in found if self._ours(kind, one)])
            for kind, found in rows.items()
        ]

    def _ours(self, kind: str, one: Fields) -> bool:
        if kind == "permission":
            return one["user"] in {user.name for user in self._wanted.users}
        if kind in {"exchange", "binding"}:
            name = one["source" if kind == "binding" else "name"]
            return bool(name) and not name.startswith("amq.")
        return True

    async def _admin(self) -> tuple[str, str]:
        name = self._wanted.connection.admin_secret_ref.name
        username, password = await credentials(self._secrets, name, "username", "password")
        return username, password

    async def _client(self) -> httpx.AsyncClient:
        base = self._wanted.connection.management_url.rstrip("/") + "/api/"
        return httpx.AsyncClient(base_url=base, auth=await self._admin(), timeout=TIMEOUT_SECONDS)


def desired(wanted: Messaging) -> Objects:
    """Return the broker's objects that the resource declares, in the order of creation."""
    objects: dict[Key, Fields] = {("vhost", wanted.vhost): {}}
    for user in wanted.users:
        permissions = user.permissions
        objects["user", user.name] = {"password": "as in its Secret"}
        objects["permission", user.name] = {
            "configure": permissions.configure,
            "write": permissions.write,
            "read": permissions.read,
        }
    for exchange in wanted.exchanges:
        objects["exchange", exchange.name] = _exchange(exchange.type)
    for queue in wanted.queues:
        objects |= _queue_objects(queue)
    for binding in wanted.bindings:
        queue = next(one for one in wanted.queues if one.name == binding.queue)
        target = ("e", _hash_exchange(queue)) if queue.partitions > 1 else ("q", queue.name)
        objects |= [_binding(binding.exchange, *target, binding.routing_key)]
    return objects


def _queue_objects(queue: Queue) -> dict[Key, Fields]:
    dead = f"{queue.name}.dlq"
    objects: dict[Key, Fields] = {
        ("exchange", queue.dead_letter.exchange): _exchange("direct"),
        ("policy", queue.name): _policy(queue),
        ("queue", dead): _queue(DEAD_ARGUMENTS),
    }
    objects |= [_binding(queue.dead_letter.exchange, "q", dead, dead)]
    if queue.partitions == 1:
        objects["queue", queue.name] = _queue(QUEUE_ARGUMENTS)
        return objects
    hashing = _hash_exchange(queue)
    objects["exchange", hashing] = {**_exchange(HASH_TYPE), "arguments": {"hash-header": "key"}}
    for index in range(queue.partitions):
        partition = f"{queue.name}.{index}"
        objects["queue", partition] = _queue(QUEUE_ARGUMENTS)
        objects |= [_binding(hashing, "q", partition, "1")]
    return objects


def _policy(queue: Queue) -> Fields:
    name = queue.name.replace(".", "\\.")
    return {
        "pattern": f"^{name}(\\.\\d+)?$",
        "apply-to": "queues",
        "priority": 10,
        "definition": {
            "delivery-limit": queue.delivery_limit,
            "dead-letter-exchange": queue.dead_letter.exchange,
            "dead-letter-routing-key": f"{queue.name}.dlq",
            "dead-letter-strategy": queue.dead_letter.strategy,
            "max-length": queue.max_length,
            "overflow": "reject-publish",
        },
    }


def _exchange(kind: str) -> dict[str, Any]:
    return {"type": kind, "durable": True, "auto_delete": False, "internal": False, "arguments": {}}


def _queue(arguments: dict[str, Any]) -> Fields:
    return {"durable": True, "auto_delete": False, "arguments": arguments}


def _hash_exchange(queue: Queue) -> str:
    return f"{queue.name}.partitions"


def _binding(source: str, kind: str, target: str, key: str) -> tuple[Key, Fields]:
    fields = {
        "source": source,
        "destination": target,
        "destination_type": {"q": "queue", "e": "exchange"}[kind],
        "routing_key": key,
        "arguments": {},
    }
    return ("binding", _binding_name(fields)), fields


def _name_of(kind: str, one: Fields) -> str:
    if kind == "binding":
        return _binding_name(one)
    return str(one["user" if kind == "permission" else "name"])


def _binding_name(fields: Fields) -> str:
    return f"{fields['source']} -> {fields['destination']} [{fields['routing_key']}]"


def _password_matches(stored: str, password: str) -> bool:
    raw = base64.b64decode(stored or "")
    salt, digest = raw[:4], raw[4:]
    return hashlib.sha256(salt + password.encode()).digest() == digest


async def _get(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await _call(client, "GET", path)
    rows: list[dict[str, Any]] = answer.json()
    return rows


async def _call(
    client: httpx.AsyncClient, method: str, path: str, body: Fields | None = None
) -> httpx.Response:
    try:
        answer = await client.request(method, path, json=body)
    except httpx.HTTPError as error:
        raise SystemFaultError("BrokerUnreachable", f"{method} {path}: {error!r}") from error
    if answer.status_code in {401, 403}:
        raise SystemFaultError("BrokerUnauthorized", "the broker refuses the administrator")
    if answer.status_code == httpx.codes.NOT_FOUND and method == "DELETE":
        return answer
    if answer.is_error:
        words = answer.text[:200]
        raise SystemFaultError("Progressing", f"{method} {path}: {answer.status_code} {words}")
    return answer
