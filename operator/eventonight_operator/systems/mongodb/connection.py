"""Connections to replica sets: as the administrator, as a member, or as nobody yet."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.spec.status import Reason

TIMEOUT_MS = 5_000
ELECTION_MS = 20_000
REACH_MS = 2_000
AUTHENTICATION_FAILED = 18
UNAUTHORIZED = 13

Connection = AsyncMongoClient[dict[str, Any]]


class Login(dict[str, Any]):
    """How somebody proves who they are, as the driver's options."""

    @classmethod
    def of(cls, username: str, password: str, source: str = "admin") -> "Login":
        """Return the login of an account."""
        return cls(username=username, password=password, authSource=source)

    @classmethod
    def of_member(cls, key: str) -> "Login":
        """Return the login that members of a set use among themselves: the key, no white space."""
        return cls.of("__system", "".join(key.split()), "local")


@asynccontextmanager
async def one(host: str, login: Login | None = None) -> AsyncIterator[Connection]:
    """Connect to one member, whatever its part in the set."""
    client: Connection = AsyncMongoClient(
        host,
        directConnection=True,
        serverSelectionTimeoutMS=TIMEOUT_MS,
        timeoutMS=ELECTION_MS,
        **(login or Login()),
    )
    async with client:
        yield client


@asynccontextmanager
async def primary(
    hosts: Sequence[str], name: str, login: Login | None
) -> AsyncIterator[Connection]:
    """Connect to a set's primary, wherever it is now."""
    client: Connection = AsyncMongoClient(
        list(hosts),
        replicaSet=name,
        serverSelectionTimeoutMS=ELECTION_MS,
        timeoutMS=ELECTION_MS,
        **(login or Login()),
    )
    async with client:
        yield client


async def hello(host: str) -> dict[str, Any] | None:
    """Return what a server says of itself, ``None`` if none answers there."""
    client: Connection = AsyncMongoClient(
        host, directConnection=True, serverSelectionTimeoutMS=REACH_MS, timeoutMS=REACH_MS
    )
    async with client:
        try:
            return await client.admin.command("hello")
        except PyMongoError:
            return None


async def has_no_user(host: str) -> bool:
    """Tell whether the localhost exception still holds, so that nobody was made yet."""
    async with one(host) as client:
        try:
            await client.admin.command("usersInfo")
        except OperationFailure as error:
            return error.code != UNAUTHORIZED
        return True


async def until_writable(client: Connection) -> None:
    """Wait, on the server's own topology signal, until the node is primary."""
    hello = await client.admin.command("hello")
    while not hello.get("isWritablePrimary"):
        if "topologyVersion" not in hello:
            raise SystemFaultError("NoPrimary", "the replica set has no primary")
        hello = await client.admin.command(
            "hello", topologyVersion=hello["topologyVersion"], maxAwaitTimeMS=ELECTION_MS // 2
        )


class faults:  # noqa: N801 - reads as a statement
    """Turn the driver's errors into faults with a closed reason."""

    def __enter__(self) -> None:
        return

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OperationFailure):
            refused = error.code in {AUTHENTICATION_FAILED, UNAUTHORIZED}
            reason: Reason = "DatabaseUnauthorized" if refused else "Progressing"
            raise SystemFaultError(reason, str(error)[:300]) from error
        if isinstance(error, PyMongoError):
            raise SystemFaultError("DatabaseUnreachable", str(error)[:300]) from error
