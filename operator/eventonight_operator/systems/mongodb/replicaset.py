"""One replica set, as it is now, and the steps that change it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from pymongo.errors import OperationFailure

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.plan import Action, Fields, Key
from eventonight_operator.secretstore import SecretStore, credentials
from eventonight_operator.spec import ReplicaSet
from eventonight_operator.systems.mongodb import connection
from eventonight_operator.systems.mongodb.accounts import AS_IN_SECRET, Accounts, user_name
from eventonight_operator.systems.mongodb.connection import Connection, Login
from eventonight_operator.systems.mongodb.members import NAME, Pods, ReplicaSetView
from eventonight_operator.writes import permit

ALREADY_INITIALIZED = 23
STEP_DOWN_SECONDS = 60
CATCH_UP_SECONDS = 10


class Scaler(Protocol):
    """Whoever runs the pods under replica sets."""

    async def pods(self, stateful_set: str) -> Pods:
        """Return the StatefulSet's pods.

        Raises:
            SystemFaultError: there is no such StatefulSet.
        """
        ...

    async def scale(self, stateful_set: str, replicas: int) -> None:
        """Set the wished number of pods."""
        ...


def desired(one: ReplicaSet) -> list[tuple[Key, Fields]]:
    """Return what a set should hold."""
    found: list[tuple[Key, Fields]] = [
        (("replica-set", one.name), {}),
        (("administrator", one.name), {"password": AS_IN_SECRET}),
    ]
    for database in one.databases:
        fields = {"password": AS_IN_SECRET, "roles": [f"readWrite@{database.name}"]}
        found.append((("user", user_name(one, database)), fields))
    return found


class LiveSet:
    """One replica set.

    Args:
        wanted: what the resource says of it.
        secrets: where credentials live.
        namespace: where the StatefulSet's pods are.
        scaler: who runs these pods.
    """

    def __init__(
        self, wanted: ReplicaSet, secrets: SecretStore, namespace: str, scaler: Scaler | None
    ) -> None:
        self.wanted = wanted
        self.addresses = wanted.addresses(namespace)
        self._accounts = Accounts(wanted, secrets)
        self._secrets = secrets
        self._namespace = namespace
        self._scaler = scaler
        self._known: list[str] = []

    async def observe(self) -> dict[Key, Fields]:
        """Return the set's objects that are there."""
        name, pods = self.wanted.name, await self._pods()
        hosts = self.wanted.addresses(self._namespace, pods.wished if pods else 0)
        asked = dict(zip(hosts, await asyncio.gather(*map(connection.hello, hosts)), strict=True))
        heard = {host: answer for host, answer in asked.items() if answer is not None}
        if not heard and not (pods and pods.present == 0):
            raise SystemFaultError(
                "DatabaseUnreachable", f"{name}: none of {', '.join(hosts)} answers"
            )
        outside = tuple(host for host, answer in heard.items() if not answer.get("setName"))
        inside = [host for host in heard if host not in outside]
        if not inside:
            return {("view", name): {"view": ReplicaSetView({}, outside, pods)}}
        best = max(inside, key=lambda host: _usefulness(heard[host]))
        found: dict[Key, Fields] = {("replica-set", name): {}}
        seen = ReplicaSetView({best: "UNKNOWN"}, outside, pods)
        login, matches = await self._accounts.administrator(best)
        if login is not None:
            found["administrator", name] = {"password": AS_IN_SECRET if matches else "other"}
            async with connection.one(best, login) as client:
                status = await client.admin.command("replSetGetStatus")
                learners = _learners(status, await _config(client))
                seen = ReplicaSetView(_states(status), outside, pods, learners)
                found |= await self._accounts.listed(client, best)
        self._known = list(seen.states)
        return found | {("view", name): {"view": seen}}

    async def apply(self, action: Action, rest: str) -> None:
        """Do one step; doing it again changes nothing."""
        if action.verb == "delete":
            drop = {"member": self._leave, "user": self._drop_user, "database": self._drop_database}
            await drop[action.kind](rest)
        elif action.kind == "pods":
            await self._scale(int(action.fields["replicas"]))
        else:
            steps = {
                "replica-set": self._initiate,
                "administrator": self._put_administrator,
                "user": self._put_user,
                "primary": self._step_down,
                "member": self._join,
            }
            await steps[action.kind](rest)

    async def _pods(self) -> Pods | None:
        under = self.wanted.stateful_set
        if under is None or self._scaler is None:
            return None
        return await self._scaler.pods(under.name)

    async def _scale(self, replicas: int) -> None:
        if self.wanted.stateful_set is not None and self._scaler is not None:
            await self._scaler.scale(self.wanted.stateful_set.name, replicas)

    async def _initiate(self, _: str) -> None:
        host = self.addresses[0]
        async with connection.one(host, await self._accounts.member_login()) as client:
            config = {"_id": self.wanted.name, "members": [{"_id": 0, "host": host}]}
            permit(NAME)
            try:
                await client.admin.command("replSetInitiate", config)
            except OperationFailure as error:
                if error.code != ALREADY_INITIALIZED:
                    raise
        self._known = [host]

    async def _put_administrator(self, _: str) -> None:
        login = await self._accounts.admin_login()
        async with self._primary(await self._accounts.member_login()) as client:
            present = False
            if await self._accounts.member_login() is not None:
                found = await client.admin.command("usersInfo", login["username"])
                present = bool(found["users"])
            verb = "updateUser" if present else "createUser"
            permit(NAME)
            await client.admin.command(
                verb, login["username"], pwd=login["password"], roles=["root"]
            )

    async def _put_user(self, rest: str) -> None:
        database = next(d for d in self.wanted.databases if f"{d.name}/{d.user}" == rest)
        username, password = await credentials(
            self._secrets, database.secret_ref.name, "username", "password"
        )
        roles = [{"role": "readWrite", "db": database.name}]
        async with self._primary(await self._accounts.admin_login()) as client:
            target = client[database.name]
            present = (await target.command("usersInfo", username))["users"]
            verb = "updateUser" if present else "createUser"
            permit(NAME)
            await target.command(verb, username, pwd=password, roles=roles)

    async def _drop_user(self, rest: str) -> None:
        database, _, user = rest.partition("/")
        async with self._primary(await self._accounts.admin_login()) as client:
            if (await client[database].command("usersInfo", user))["users"]:
                permit(NAME)
                await client[database].command("dropUser", user)

    async def _drop_database(self, name: str) -> None:
        async with self._primary(await self._accounts.admin_login()) as client:
            permit(NAME)
            await client.drop_database(name)

    async def _join(self, host: str) -> None:
        async with self._primary(await self._accounts.admin_login()) as client:
            config = await _config(client)
            if host in {member["host"] for member in config["members"]}:
                return
            number = max(member["_id"] for member in config["members"]) + 1
            config["members"].append({"_id": number, "host": host})
            await _reconfigure(client, config)

    async def _leave(self, host: str) -> None:
        async with self._primary(await self._accounts.admin_login()) as client:
            config = await _config(client)
            kept = [member for member in config["members"] if member["host"] != host]
            if len(kept) < len(config["members"]):
                await _reconfigure(client, {**config, "members": kept})

    async def _step_down(self, host: str) -> None:
        """Hand over to another member and wait until it has taken over."""
        login = await self._accounts.admin_login()
        async with connection.one(host, login) as client:
            if (await client.admin.command("hello")).get("isWritablePrimary"):
                permit(NAME)
                await client.admin.command(
                    "replSetStepDown",
                    STEP_DOWN_SECONDS,
                    secondaryCatchUpPeriodSecs=CATCH_UP_SECONDS,
                )
        async with self._primary(login):
            return

    @asynccontextmanager
    async def _primary(self, login: Login | None) -> AsyncIterator[Connection]:
        hosts = self._known or self.addresses[:1]
        if len(hosts) == 1:
            async with connection.one(hosts[0], login) as client:
                await connection.until_writable(client)
                yield client
        else:
            async with connection.primary(hosts, self.wanted.name, login) as client:
                await client.admin.command("hello")
                yield client


def _usefulness(hello: dict[str, Any]) -> tuple[bool, bool]:
    return bool(hello.get("isWritablePrimary")), bool(hello.get("secondary"))


def _states(status: dict[str, Any]) -> dict[str, str]:
    return {member["name"]: member["stateStr"] for member in status["members"]}


def _learners(status: dict[str, Any], config: dict[str, Any]) -> int:
    """Return how many members are to vote, but do not yet; the configuration only has the former.

    A server that does not tell its voters (before MongoDB 4.4) gives new members theirs at once.
    """
    wished = sum(member["votes"] for member in config["members"])
    return int(wished - status.get("votingMembersCount", wished))


async def _config(client: Connection) -> dict[str, Any]:
    config: dict[str, Any] = (await client.admin.command("replSetGetConfig"))["config"]
    return config


async def _reconfigure(client: Connection, config: dict[str, Any]) -> None:
    permit(NAME)
    await client.admin.command("replSetReconfig", {**config, "version": config["version"] + 1})
