"""The AsyncAPI 3.0 document of the broker, from the event types and what contexts declare."""

from collections.abc import Sequence
from typing import Any

import msgspec

from services.contracts.events import ENVELOPES, EVENTS, Event
from services.contracts.topology import EXCHANGE, Queue

REF = "#/components/schemas/{name}"


def document(queues: Sequence[Queue], version: str) -> dict[str, Any]:
    """Return the document; every event is a channel, every queue that reads it is named there."""
    _, schemas = msgspec.json.schema_components(list(ENVELOPES.values()), ref_template=REF)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "EvenToNight events",
            "version": version,
            "description": f"Persistent JSON messages on the durable topic exchange '{EXCHANGE}'.",
        },
        "defaultContentType": "application/json",
        "channels": {event.routing_key: _channel(event, queues) for event in EVENTS},
        "operations": _operations(queues),
        "components": {
            "messages": {event.__name__: _message(event) for event in EVENTS},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _channel(event: type[Event], queues: Sequence[Queue]) -> dict[str, Any]:
    readers = [queue.name for queue in queues if event in queue.events]
    name = event.__name__
    return {
        "address": event.routing_key,
        "description": f"Read by: {', '.join(readers) or 'nobody yet'}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": EXCHANGE, "type": "topic", "durable": True},
            }
        },
    }


def _message(event: type[Event]) -> dict[str, Any]:
    return {
        "name": event.routing_key,
        "summary": (event.__doc__ or "").strip().splitlines()[0],
        "payload": {"$ref": REF.format(name=f"{event.__name__}Envelope")},
    }


def _operations(queues: Sequence[Queue]) -> dict[str, Any]:
    return {
        f"{queue.owner}.{event.routing_key}": {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{event.routing_key}"},
            "summary": f"{queue.owner} reads it from {queue.name}.",
        }
        for queue in queues
        for event in queue.events
    }
