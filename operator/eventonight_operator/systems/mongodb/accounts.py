"""Who may do what in a replica set: administrator, members among themselves, services."""

from pymongo.errors import OperationFailure

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.plan import Fields, Key
from eventonight_operator.secretstore import SecretStore, credentials
from eventonight_operator.spec import Database, ReplicaSet
from eventonight_operator.systems.mongodb import connection
from eventonight_operator.systems.mongodb.connection import Connection, Login

AS_IN_SECRET = "as in its Secret"  # noqa: S105 - a word for people
MOST_USERS = 1_000


def user_name(one: ReplicaSet, database: Database) -> str:
    """Return how a service's user is told of."""
    return f"{one.name}/{database.name}/{database.user}"


class Accounts:
    """The accounts of one replica set, seen through one of its members.

    Args:
        wanted: what the resource says of the set.
        secrets: where credentials live.
    """

    def __init__(self, wanted: ReplicaSet, secrets: SecretStore) -> None:
        self._wanted = wanted
        self._secrets = secrets

    async def administrator(self, host: str) -> tuple[Login | None, bool]:
        """Return a login that may do everything, ``None`` while there is no administrator yet.

        The second value tells whether the administrator's Secret logs in.
        """
        login = await self.admin_login()
        try:
            async with connection.one(host, login) as client:
                await client.admin.command("connectionStatus")
        except OperationFailure as error:
            if error.code != connection.AUTHENTICATION_FAILED:
                raise
        else:
            return login, True
        member = await self.member_login()
        if member is None:
            if await connection.has_no_user(host):
                return None, False
            raise SystemFaultError(
                "DatabaseUnauthorized", f"{self._wanted.name}: the administrator is refused"
            )
        async with connection.one(host, member) as client:
            found = await client.admin.command("usersInfo", login["username"])
        return (member, False) if found["users"] else (None, False)

    async def listed(self, client: Connection, host: str) -> dict[Key, Fields]:
        """Return the users of all databases, and the declared databases that hold something."""
        name = self._wanted.name
        listed = await client.admin.command("usersInfo", {"forAllDBs": True})
        users = {(one["db"], one["user"]): one for one in listed["users"][:MOST_USERS]}
        found: dict[Key, Fields] = {
            ("user", f"{name}/{db}/{user}"): {} for db, user in users if db != "admin"
        }
        for database in self._wanted.databases:
            present = users.get((database.name, database.user))
            if present:
                matches = await self._can_log_in(host, database)
                found["user", user_name(self._wanted, database)] = {
                    "password": AS_IN_SECRET if matches else "other",
                    "roles": [f"{role['role']}@{role['db']}" for role in present["roles"]],
                }
        there = await client.list_database_names()
        return found | {
            ("database", f"{name}/{one.name}"): {}
            for one in self._wanted.databases
            if one.name in there
        }

    async def _can_log_in(self, host: str, database: Database) -> bool:
        username, password = await credentials(
            self._secrets, database.secret_ref.name, "username", "password"
        )
        try:
            async with connection.one(host, Login.of(username, password, database.name)) as client:
                await client[database.name].command("connectionStatus")
        except OperationFailure as error:
            if error.code == connection.AUTHENTICATION_FAILED:
                return False
            raise
        return True

    async def admin_login(self) -> Login:
        """Return the administrator's login, as in its Secret."""
        username, password = await credentials(
            self._secrets, self._wanted.admin_secret_ref.name, "username", "password"
        )
        return Login.of(username, password)

    async def member_login(self) -> Login | None:
        """Return the members' own login, which works before there is any account."""
        reference = self._wanted.keyfile_secret_ref
        if reference is None:
            return None
        # Not by `credentials`: in a key, unlike in a password, white space does not count.
        key = (await self._secrets.get(reference.name) or {}).get("key")
        if not key:
            raise SystemFaultError("SecretMissing", f"secret {reference.name}: key is missing")
        return Login.of_member(key)
