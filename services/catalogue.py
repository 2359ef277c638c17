"""What the services are, as a whole: their contexts, queues and generated documents."""

import importlib
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import yaml

from services.contracts.topology import DEAD_LETTER_EXCHANGE, EXCHANGE, Queue
from services.kit import asyncapi
from services.kit import openapi as openapi_of
from services.kit.http import API_VERSION
from services.kit.settings import load

CONTEXTS = ("users", "events", "media")

# Documents are generated from the built application; nothing of this is ever connected to.
EXAMPLE_ENVIRONMENT = {
    "PORT": "9000",
    "HOST": "localhost:8080",
    "KEYCLOAK_URL": "http://localhost:8082",
    "TOKEN_ISSUER": "http://auth.localhost:8080/realms/eventonight",
    "MONGO_URL": "mongodb://localhost/example",
    "AMQP_URL": "amqp://localhost/eventonight",
    "CLIENT_ID": "example",
    "CLIENT_SECRET": "example",
    "MEDIA_URL": "http://localhost:9020",
    "EVENTS_URL": "http://localhost:9010",
    "PEERS": "events=http://localhost:9010,media=http://localhost:9020",
    "S3_ENDPOINT": "http://localhost:8333",
    "S3_BUCKET": "eventonight-media",
    "S3_ACCESS_KEY": "example",
    "S3_SECRET_KEY": "example",
}

# Which part of an installation each address in the settings leads to.
ADDRESSES = {
    "mongo_url": "mongodb",
    "amqp_url": "rabbitmq",
    "keycloak_url": "keycloak",
    "redis_url": "redis",
    "s3_endpoint": "s3",
}


def app_of(name: str) -> Any:
    """Return the wiring module of a context: ``Settings`` and ``build(settings) -> Service``."""
    return importlib.import_module(f"services.{name}.app")


def queues() -> list[Queue]:
    """Return what every context declares to read."""
    return [importlib.import_module(f"services.{name}.messaging").QUEUE for name in CONTEXTS]


def openapi(name: str) -> str:
    """Return a context's OpenAPI 3.1 document as JSON text."""
    app = app_of(name)
    service = app.build(load(app.Settings, EXAMPLE_ENVIRONMENT))
    return _json(openapi_of.document(service.app))


def asyncapi_document(_: str = "") -> str:
    """Return the broker's AsyncAPI 3.0 document as JSON text."""
    return _json(asyncapi.document(queues(), API_VERSION))


def topology(_: str = "") -> str:
    """Return the ``messaging`` lists of the EvenToNight resource as YAML text."""
    declared = queues()
    return yaml.safe_dump(
        {
            "exchanges": [{"name": EXCHANGE, "type": "topic"}],
            "queues": [_queue(queue) for queue in declared],
            "bindings": [
                {"exchange": EXCHANGE, "queue": queue.name, "routingKey": event.routing_key}
                for queue in declared
                for event in queue.events
            ],
            "users": [_account(name, declared) for name in CONTEXTS],
        },
        sort_keys=False,
    )


def needs(_: str = "") -> str:
    """Return what each service talks to, by the addresses in its settings, as YAML text."""
    return yaml.safe_dump({name: _needs(name) for name in CONTEXTS})


def _needs(name: str) -> list[str]:
    fields = {field.name for field in msgspec.structs.fields(app_of(name).Settings)}
    others = {f"{other}_url": other for other in CONTEXTS}
    found = {place for field, place in (ADDRESSES | others).items() if field in fields}
    return sorted(found | (set(CONTEXTS) - {name} if "peers" in fields else set()))


DOCUMENTS: dict[str, Callable[[str], str]] = {
    "openapi": openapi,
    "asyncapi": asyncapi_document,
    "topology": topology,
    "needs": needs,
}


def _queue(queue: Queue) -> dict[str, object]:
    return {
        "name": queue.name,
        "owner": queue.owner,
        "partitions": queue.partitions,
        "deliveryLimit": queue.delivery_limit,
        "deadLetter": {"exchange": DEAD_LETTER_EXCHANGE, "strategy": "at-least-once"},
    }


def _account(name: str, declared: Sequence[Queue]) -> dict[str, object]:
    own = [re.escape(queue.name) for queue in declared if queue.owner == name]
    return {
        "name": name,
        "permissions": {
            "configure": "^$",
            "write": f"^{EXCHANGE}$",
            "read": rf"^({'|'.join(own)})(\.\d+)?$",
        },
        "secretRef": {"name": f"{name}-rabbitmq"},
    }


def _json(document: object) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
