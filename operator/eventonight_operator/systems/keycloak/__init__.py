"""The realm: its settings, roles, clients, claims and user profile; never the people in it."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx

from eventonight_operator import adoption
from eventonight_operator.ledger import entry, names
from eventonight_operator.plan import Action, Fields, Key, Objects, differences
from eventonight_operator.secretstore import SecretStore, credentials
from eventonight_operator.spec import Client, Identity
from eventonight_operator.standing import Standing
from eventonight_operator.systems.keycloak import realm
from eventonight_operator.systems.keycloak.api import TIMEOUT_SECONDS, Admin, Session
from eventonight_operator.systems.keycloak.changes import Changes
from eventonight_operator.systems.keycloak.mailtexts import MAIL_LOCALE
from eventonight_operator.systems.keycloak.realm import AS_IN_SECRET, NAME, SCOPE

MOST_CLIENTS = 500
ORDER = (
    "realm",
    "role",
    "scope",
    "claim",
    "client",
    "client-scope",
    "client-role",
    "profile",
    "required-action",
    "texts",
)


class Keycloak:
    """Observes and changes one realm through the admin API.

    Args:
        wanted: the resource's identity part.
        secrets: where credentials live.
    """

    name = NAME

    def __init__(self, wanted: Identity, secrets: SecretStore) -> None:
        self._wanted = wanted
        self._secrets = secrets
        self._session = Session(self._login)

    async def desired(self) -> Objects:
        """Return every object that should be there."""
        return realm.desired(self._wanted)

    async def observe(self) -> Objects:
        """Return the realm's objects that the resource speaks of, and every role and client.

        Raises:
            SystemFaultError: Keycloak does not answer or refuses the administrator.
        """
        async with self._admin() as admin:
            present = await admin.find("")
            if present is None:
                return {}
            found: dict[Key, Fields] = {
                ("realm", self._wanted.realm.name): realm.flat_realm(present)
            }
            found |= {("role", one["name"]): {} for one in await admin.rows("roles?max=200")}
            found |= await self._observe_scope(admin)
            clients = {
                one["clientId"]: one for one in await admin.rows(f"clients?max={MOST_CLIENTS}")
            }
            found |= {("client", name): {} for name in clients}
            for client in self._wanted.clients:
                if client.client_id in clients:
                    found |= await self._observe_client(admin, client, clients[client.client_id])
            profile = await admin.find("users/profile") or {}
            found["profile", "attributes"] = {
                one["name"]: realm.profile_attribute(one) for one in profile.get("attributes", [])
            }
            for action in await admin.rows("authentication/required-actions"):
                found["required-action", action["alias"]] = action
            found["texts", MAIL_LOCALE] = await admin.find(f"localization/{MAIL_LOCALE}") or {}
            return found

    def plan(self, desired: Objects, observed: Objects, owned: Collection[str]) -> list[Action]:
        """Return the steps from observed to desired; pure."""
        steps = differences(NAME, desired, observed)
        steps.sort(key=lambda action: ORDER.index(action.kind))
        declared = {one.client_id for one in self._wanted.clients}
        extra = [
            key
            for key in observed
            if key[0] == "client-role" and key not in desired and key[1].split("/")[0] in declared
        ]
        gone = [
            (kind, name)
            for kind in ("client", "role")
            for name in sorted(names(owned, NAME, kind))
            if (kind, name) in observed and (kind, name) not in desired
        ]
        return [*steps, *(Action(NAME, "delete", *key) for key in [*extra, *gone])]

    def removal(self, observed: Objects, owned: Collection[str]) -> list[Action]:
        """Return the step that removes the realm, if it is ours; pure."""
        key = ("realm", self._wanted.realm.name)
        ours = key in observed and entry(NAME, *key) in owned
        return [Action(NAME, "delete", *key)] if ours else []

    def claims(self) -> frozenset[str]:
        """Return the ledger's entries of what the resource declares."""
        return realm.claims(self._wanted)

    def foreign(self, observed: Objects, owned: Collection[str]) -> frozenset[str]:
        """Return the entries of declared objects that are there and not in the ledger."""
        return adoption.unowned(self.claims(), observed, owned)

    def root(self, action: Action) -> str | None:
        """Return the claim that a step's object belongs to."""
        if action.kind == "role":
            return entry(NAME, "role", action.name)
        if action.kind.startswith("client"):
            return entry(NAME, "client", action.name.partition("/")[0])
        return entry(NAME, "realm", self._wanted.realm.name)

    def standing(self, observed: Objects) -> Standing:
        """Return whether the realm is there; pure."""
        return Standing(int(("realm", self._wanted.realm.name) in observed), 1)

    async def apply(self, action: Action) -> None:
        """Do one step; doing it again changes nothing.

        Raises:
            SystemFaultError: Keycloak does not answer or refuses.
        """
        async with self._admin() as admin:
            await Changes(admin, self._wanted, self._secrets).apply(action)

    async def _observe_scope(self, admin: Admin) -> dict[Key, Fields]:
        scope = await admin.scope(SCOPE)
        if scope is None:
            return {}
        mappers = await admin.rows(f"client-scopes/{scope['id']}/protocol-mappers/models")
        found: dict[Key, Fields] = {("scope", SCOPE): {"protocol": scope["protocol"]}}
        return found | {("claim", one["name"]): realm.mapper_fields(one) for one in mappers}

    async def _observe_client(
        self, admin: Admin, client: Client, present: dict[str, Any]
    ) -> dict[Key, Fields]:
        _, secret = await realm.client_secret(self._secrets, client)
        name, base = client.client_id, f"clients/{present['id']}"
        matches = present.get("secret") == secret
        found: dict[Key, Fields] = {
            ("client", name): {**present, "secret": AS_IN_SECRET if matches else "other"}
        }
        scopes = await admin.rows(f"{base}/default-client-scopes")
        if any(one["name"] == SCOPE for one in scopes):
            found["client-scope", f"{name}/{SCOPE}"] = {}
        account = await admin.find(f"{base}/service-account-user")
        if account is None:
            return found
        held = await admin.find(f"users/{account['id']}/role-mappings") or {}
        mapped = [("", held.get("realmMappings", []))]
        mapped += [
            (f"{one['client']}:", one["mappings"])
            for one in held.get("clientMappings", {}).values()
        ]
        usual = f"default-roles-{self._wanted.realm.name.lower()}"
        for prefix, roles in mapped:
            for role in roles:
                if prefix or role["name"] != usual:
                    found["client-role", f"{name}/{prefix}{role['name']}"] = {}
        return found

    async def _login(self) -> tuple[str, str]:
        username, password = await credentials(
            self._secrets, self._wanted.keycloak.admin_secret_ref.name, "username", "password"
        )
        return username, password

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[Admin]:
        base = self._wanted.keycloak.url.rstrip("/")
        async with httpx.AsyncClient(base_url=base, timeout=TIMEOUT_SECONDS) as client:
            yield Admin(client, self._session, quote(self._wanted.realm.name, safe=""))
