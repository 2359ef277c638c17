"""What the resource declares, as the broker's objects, in the order of creation."""

import re
from collections.abc import Iterable
from typing import Any

from eventonight_operator.ledger import entry
from eventonight_operator.plan import Fields, Key, Objects
from eventonight_operator.spec import Messaging, Queue

NAME = "rabbitmq"
HASH_TYPE = "x-consistent-hash"
AS_IN_SECRET = "as in its Secret"  # noqa: S105 - a word for people
GROUP_SIZE = "x-quorum-initial-group-size"
QUEUE_ARGUMENTS = {"x-queue-type": "quorum", "x-single-active-consumer": True}
DEAD_ARGUMENTS = {"x-queue-type": "quorum"}
_PART = re.compile(r"\.(dlq|partitions|\d+)$")


EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}


def desired(wanted: Messaging, administrator: str) -> Objects:
    """Return the broker's objects that the resource declares, in the order of creation.

    Args:
        wanted: the resource's messaging part.
        administrator: who needs permissions in the vhost before making anything there.
    """
    objects: dict[Key, Fields] = {("vhost", wanted.vhost): {}}
    objects["permission", administrator] = EVERYTHING
    for user in wanted.users:
        permissions = user.permissions
        objects["user", user.name] = {"password": AS_IN_SECRET}
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


def claims(wanted: Messaging) -> frozenset[str]:
    """Return the ledger's entries of what is declared."""
    found: list[Key] = [("vhost", wanted.vhost)]
    found += [("user", one.name) for one in wanted.users]
    found += [("exchange", one.name) for one in wanted.exchanges]
    found += [("exchange", one.dead_letter.exchange) for one in wanted.queues]
    found += [("queue", one.name) for one in wanted.queues]
    return frozenset(entry(NAME, *one) for one in found)


def logical(name: str, queues: Iterable[str]) -> str | None:
    """Return which of these declared queues a broker's object of this name is part of."""
    known = set(queues)
    if name in known:
        return name
    owner = _PART.sub("", name)
    return owner if owner in known else None


def group_sizes(wanted: Messaging) -> dict[str, int]:
    """Return the wished number of members of each of the broker's queues."""
    sizes = {}
    for queue in wanted.queues:
        for kind, name in _queue_objects(queue):
            if kind == "queue":
                sizes[name] = queue.group_size
    return sizes


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
    return ("binding", binding_name(fields)), fields


def binding_name(fields: Fields) -> str:
    """Return how a binding is told of."""
    return f"{fields['source']} -> {fields['destination']} [{fields['routing_key']}]"
