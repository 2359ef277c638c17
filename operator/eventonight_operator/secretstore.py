"""Credentials live in Secrets; what is missing is made once and never changed by itself."""

import secrets
from collections.abc import Iterator, Mapping
from typing import Literal, Protocol

import msgspec

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.spec import Spec

PASSWORD_BYTES = 24
Group = Literal["messaging", "identity", "mongodb"]


class SecretStore(Protocol):
    """Secrets by name: in Kubernetes the namespace's, on one machine private files."""

    async def get(self, name: str) -> Mapping[str, str] | None:
        """Return a secret's keys and values, ``None`` where there is no such secret."""
        ...

    async def put(self, name: str, data: Mapping[str, str]) -> None:
        """Store a secret whole."""
        ...


class Account(msgspec.Struct, frozen=True):
    """Somebody that the resource declares, and the Secret they log in with.

    Args:
        group: part of the resource.
        secret: name of the Secret.
        identity: key and value that say who it is.
        proof: key of the password.
    """

    group: Group
    secret: str
    identity: tuple[str, str]
    proof: str

    def fresh(self) -> dict[str, str]:
        """Return the Secret's content with a new random password."""
        return {self.identity[0]: self.identity[1], self.proof: _password()}


def accounts(spec: Spec) -> Iterator[Account]:
    """Yield every account of services that the resource declares."""
    for user in spec.messaging.users:
        yield Account("messaging", user.secret_ref.name, ("username", user.name), "password")
    for client in spec.identity.clients:
        name = client.secret_ref.name
        yield Account("identity", name, ("clientId", client.client_id), "clientSecret")
    for replica_set in spec.mongodb.replica_sets:
        for database in replica_set.databases:
            name = database.secret_ref.name
            yield Account("mongodb", name, ("username", database.user), "password")


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
    for account in accounts(spec):
        if await store.get(account.secret) is None:
            await store.put(account.secret, account.fresh())
            made.append(account.secret)
    return made


def _password() -> str:
    return secrets.token_urlsafe(PASSWORD_BYTES)
