"""Replica sets: initiated, with an administrator and one user per service's database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.plan import Action, Fields, Key, Objects, differences
from eventonight_operator.secretstore import SecretStore, credentials
from eventonight_operator.spec import Database, MongoDB, ReplicaSet

NAME = "mongodb"
TIMEOUT_MS = 5_000
ELECTION_MS = 20_000
AUTHENTICATION_FAILED = 18
NOT_INITIALIZED = 94
UNAUTHORIZED = 13
USER_EXISTS = 51_003
ALREADY_INITIALIZED = 23
AS_IN_SECRET = "as in its Secret"  # noqa: S105 - a word for people
ORDER = ("replica-set", "administrator", "member", "user")

Connection = AsyncMongoClient[dict[str, Any]]


class Mongo:
    """Observes and changes the resource's replica sets.

    Args:
        wanted: the resource's mongodb part.
        secrets: where credentials live.
    """

    name = NAME

    def __init__(self, wanted: MongoDB, secrets: SecretStore) -> None:
        self._sets = {one.name: one for one in wanted.replica_sets}
        self._secrets = secrets

    async def desired(self) -> Objects:
        """Return every object that should be there."""
        objects: dict[Key, Fields] = {}
        for one in self._sets.values():
            objects["replica-set", one.name] = {}
            objects["administrator", one.name] = {}
            objects |= {("member", f"{one.name}/{host}"): {} for host in one.hosts}
            for database in one.databases:
                objects["user", _user_name(one, database)] = {
                    "password": AS_IN_SECRET,
                    "roles": [f"readWrite@{database.name}"],
                }
        return objects

    async def observe(self) -> Objects:
        """Return the replica sets' objects that are there.

        Raises:
            SystemFaultError: a set does not answer, or the administrator's password is wrong.
        """
        found: dict[Key, Fields] = {}
        for one in self._sets.values():
            found |= await self._observe(one)
        return found

    def plan(self, desired: Objects, observed: Objects) -> list[Action]:
        """Return the steps from observed to desired; pure."""
        steps = differences(NAME, desired, observed)
        return sorted(steps, key=lambda action: ORDER.index(action.kind))

    async def apply(self, action: Action) -> None:
        """Do one step; doing it again changes nothing.

        Raises:
            SystemFaultError: the set does not answer or refuses.
        """
        name, _, rest = action.name.partition("/")
        one = self._sets[name]
        steps = {
            "replica-set": self._initiate,
            "administrator": self._create_administrator,
            "member": self._add_member,
            "user": self._put_user,
        }
        with _faults():
            await steps[action.kind](one, rest)

    async def _observe(self, one: ReplicaSet) -> dict[Key, Fields]:
        with _faults():
            async with self._connected(one, anonymous=True) as client:
                hello = await client.admin.command("hello")
            if not hello.get("setName"):
                return {}
            found: dict[Key, Fields] = {("replica-set", one.name): {}}
            try:
                async with self._connected(one) as client:
                    return found | await self._observe_inside(one, client)
            except OperationFailure as error:
                if error.code == AUTHENTICATION_FAILED and await self._has_no_user(one):
                    return found
                raise

    async def _observe_inside(self, one: ReplicaSet, client: Connection) -> dict[Key, Fields]:
        config = (await client.admin.command("replSetGetConfig"))["config"]
        found: dict[Key, Fields] = {("administrator", one.name): {}}
        found |= {("member", f"{one.name}/{member['host']}"): {} for member in config["members"]}
        for database in one.databases:
            users = (await client[database.name].command("usersInfo", database.user))["users"]
            if users:
                matches = await self._can_log_in(one, database)
                found["user", _user_name(one, database)] = {
                    "password": AS_IN_SECRET if matches else "other",
                    "roles": [f"{role['role']}@{role['db']}" for role in users[0]["roles"]],
                }
        return found

    async def _has_no_user(self, one: ReplicaSet) -> bool:
        """Tell whether the localhost exception still holds, so that nobody was made yet."""
        async with self._connected(one, anonymous=True) as client:
            try:
                await client.admin.command("usersInfo")
            except OperationFailure as error:
                return error.code != UNAUTHORIZED
            return True

    async def _can_log_in(self, one: ReplicaSet, database: Database) -> bool:
        username, password = await credentials(
            self._secrets, database.secret_ref.name, "username", "password"
        )
        client: Connection = AsyncMongoClient(
            _hosts(one),
            username=username,
            password=password,
            authSource=database.name,
            directConnection=True,
            serverSelectionTimeoutMS=TIMEOUT_MS,
            timeoutMS=TIMEOUT_MS,
        )
        async with client:
            try:
                await client[database.name].command("ping")
                await client[database.name].command("connectionStatus")
            except OperationFailure as error:
                if error.code == AUTHENTICATION_FAILED:
                    return False
                raise
        return True

    async def _initiate(self, one: ReplicaSet, _: str) -> None:
        first = {"_id": 0, "host": _hosts(one)}
        async with self._connected(one, anonymous=True) as client:
            try:
                await client.admin.command("replSetInitiate", {"_id": one.name, "members": [first]})
            except OperationFailure as error:
                if error.code != ALREADY_INITIALIZED:
                    raise

    async def _create_administrator(self, one: ReplicaSet, _: str) -> None:
        username, password = await self._administrator(one)
        async with self._connected(one, anonymous=True, primary=True) as client:
            try:
                await client.admin.command("createUser", username, pwd=password, roles=["root"])
            except OperationFailure as error:
                if error.code != USER_EXISTS:
                    raise

    async def _add_member(self, one: ReplicaSet, host: str) -> None:
        async with self._connected(one, primary=True) as client:
            config = (await client.admin.command("replSetGetConfig"))["config"]
            if host in {member["host"] for member in config["members"]}:
                return
            number = max(member["_id"] for member in config["members"]) + 1
            config["members"].append({"_id": number, "host": host})
            config["version"] += 1
            await client.admin.command("replSetReconfig", config)

    async def _put_user(self, one: ReplicaSet, rest: str) -> None:
        database = next(d for d in one.databases if f"{d.name}/{d.user}" == rest)
        username, password = await credentials(
            self._secrets, database.secret_ref.name, "username", "password"
        )
        roles = [{"role": "readWrite", "db": database.name}]
        async with self._connected(one, primary=True) as client:
            target = client[database.name]
            present = (await target.command("usersInfo", username))["users"]
            verb = "updateUser" if present else "createUser"
            await target.command(verb, username, pwd=password, roles=roles)

    async def _administrator(self, one: ReplicaSet) -> tuple[str, str]:
        username, password = await credentials(
            self._secrets, one.admin_secret_ref.name, "username", "password"
        )
        return username, password

    @asynccontextmanager
    async def _connected(
        self, one: ReplicaSet, *, anonymous: bool = False, primary: bool = False
    ) -> AsyncIterator[Connection]:
        login: dict[str, Any] = {}
        if not anonymous:
            username, password = await self._administrator(one)
            login = {"username": username, "password": password, "authSource": "admin"}
        client: Connection = AsyncMongoClient(
            _hosts(one),
            directConnection=len(one.hosts) <= 1 or anonymous,
            serverSelectionTimeoutMS=TIMEOUT_MS,
            timeoutMS=ELECTION_MS if primary else TIMEOUT_MS,
            **login,
        )
        async with client:
            if primary:
                await _until_writable(client)
            yield client


async def _until_writable(client: Connection) -> None:
    """Wait, on the server's own topology signal, until the node is primary."""
    hello = await client.admin.command("hello")
    while not hello.get("isWritablePrimary"):
        if "topologyVersion" not in hello:
            raise SystemFaultError("NoPrimary", "the replica set has no primary")
        hello = await client.admin.command(
            "hello", topologyVersion=hello["topologyVersion"], maxAwaitTimeMS=ELECTION_MS // 2
        )


class _faults:  # noqa: N801 - reads as a statement
    """Turn the driver's errors into faults with a closed reason."""

    def __enter__(self) -> None:
        return

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OperationFailure):
            refused = error.code in {AUTHENTICATION_FAILED, UNAUTHORIZED}
            reason = "DatabaseUnauthorized" if refused else "Progressing"
            raise SystemFaultError(reason, str(error)[:300]) from error
        if isinstance(error, PyMongoError):
            raise SystemFaultError("DatabaseUnreachable", str(error)[:300]) from error


def _hosts(one: ReplicaSet) -> str:
    return one.hosts[0]


def _user_name(one: ReplicaSet, database: Database) -> str:
    return f"{one.name}/{database.name}/{database.user}"
