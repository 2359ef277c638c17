"""Credentials live in Secrets; what is missing is made once and never changed by itself."""

import secrets
from collections.abc import Mapping
from typing import Protocol

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.spec import Spec

PASSWORD_BYTES = 24


class SecretStore(Protocol):
    """Secrets by name: in Kubernetes the namespace's, on one machine private files."""

    async def get(self, name: str) -> Mapping[str, str] | None:
        """Return a secret's keys and values, ``None`` where there is no such secret."""
        ...

    async def put(self, name: str, data: Mapping[str, str]) -> None:
        """Store a secret whole."""
        ...


async def credentials(store: SecretStore, name: str, *keys: str) -> tuple[str, ...]:
    """Return values of a secret.

    Raises:
        SystemFaultError: the secret or a key is missing, or a value has a line break.
    """
    data = await store.get(name)
    if data is None:
        raise SystemFaultError("SecretMissing", f"secret {name} is missing")
    for key in keys:
        if not data.get(key):
            raise SystemFaultError("SecretInvalid", f"secret {name}: key {key} is missing")
        if data[key] != data[key].strip() or "\n" in data[key]:
            raise SystemFaultError("SecretInvalid", f"secret {name}: {key} has stray white space")
    return tuple(data[key] for key in keys)


async def ensure_secrets(spec: Spec, store: SecretStore) -> list[str]:
    """Make the secrets of accounts that the resource declares; return the names of new ones."""
    made = []
    for name, data in _wanted(spec).items():
        if await store.get(name) is None:
            await store.put(name, data)
            made.append(name)
    return made


def _wanted(spec: Spec) -> dict[str, dict[str, str]]:
    wanted = {
        user.secret_ref.name: {"username": user.name, "password": _password()}
        for user in spec.messaging.users
    }
    wanted |= {
        client.secret_ref.name: {"clientId": client.client_id, "clientSecret": _password()}
        for client in spec.identity.clients
    }
    for replica_set in spec.mongodb.replica_sets:
        wanted |= {
            database.secret_ref.name: {"username": database.user, "password": _password()}
            for database in replica_set.databases
        }
    return wanted


def _password() -> str:
    return secrets.token_urlsafe(PASSWORD_BYTES)
