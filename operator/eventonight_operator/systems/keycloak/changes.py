"""Each step in the realm, safe to do again."""

from urllib.parse import quote

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.plan import Action
from eventonight_operator.secretstore import SecretStore
from eventonight_operator.spec import Identity
from eventonight_operator.systems.keycloak.api import Admin
from eventonight_operator.systems.keycloak.realm import (
    SCOPE,
    client_secret,
    mapper_body,
    nested_realm,
)


class Changes:
    """Changes one realm.

    Args:
        admin: the realm's admin API.
        wanted: the resource's identity part.
        secrets: where credentials live.
    """

    def __init__(self, admin: Admin, wanted: Identity, secrets: SecretStore) -> None:
        self._admin = admin
        self._wanted = wanted
        self._secrets = secrets

    async def apply(self, action: Action) -> None:
        """Do one step."""
        if action.verb == "delete":
            removals = {
                "realm": self._remove_realm,
                "role": self._remove_role,
                "client": self._remove_client,
                "client-role": self._remove_client_role,
            }
            await removals[action.kind](action)
            return
        steps = {
            "realm": self._realm,
            "role": self._role,
            "scope": self._scope,
            "claim": self._claim,
            "client": self._client,
            "client-scope": self._client_scope,
            "client-role": self._client_role,
            "profile": self._profile,
            "required-action": self._required_action,
            "texts": self._texts,
        }
        await steps[action.kind](action)

    async def _realm(self, action: Action) -> None:
        body = nested_realm(action.fields)
        if action.verb == "create":
            await self._admin.create_realm({"realm": self._wanted.realm.name, **body})
        else:
            await self._admin.call("PUT", "", body)

    async def _role(self, action: Action) -> None:
        await self._admin.call("POST", "roles", {"name": action.name}, or_exists=True)

    async def _scope(self, action: Action) -> None:
        body = {"name": SCOPE, **action.fields, "attributes": {"include.in.token.scope": "false"}}
        await self._admin.call("POST", "client-scopes", body, or_exists=True)

    async def _claim(self, action: Action) -> None:
        scope = await self._admin.scope(SCOPE)
        if scope is None:
            raise SystemFaultError("Progressing", f"client scope {SCOPE} is missing")
        base = f"client-scopes/{scope['id']}/protocol-mappers/models"
        body = mapper_body(action.name, action.fields)
        present = [one for one in await self._admin.rows(base) if one["name"] == action.name]
        if present:
            await self._admin.call(
                "PUT", f"{base}/{present[0]['id']}", {"id": present[0]["id"], **body}
            )
        else:
            await self._admin.call("POST", base, body, or_exists=True)

    async def _client(self, action: Action) -> None:
        client = next(one for one in self._wanted.clients if one.client_id == action.name)
        _, secret = await client_secret(self._secrets, client)
        body = {**action.fields, "clientId": action.name, "secret": secret}
        present = await self._admin.client(action.name)
        if present is None:
            await self._admin.call("POST", "clients", body, or_exists=True)
        else:
            await self._admin.call("PUT", f"clients/{present['id']}", body)

    async def _client_scope(self, action: Action) -> None:
        client, scope = (
            await self._admin.client(action.name.partition("/")[0]),
            await self._admin.scope(SCOPE),
        )
        if client is None or scope is None:
            raise SystemFaultError("Progressing", f"{action.name}: client or scope is missing")
        await self._admin.call("PUT", f"clients/{client['id']}/default-client-scopes/{scope['id']}")

    async def _client_role(self, action: Action) -> None:
        target, role = await self._mapping(action)
        await self._admin.call("POST", target, [role])

    async def _remove_client_role(self, action: Action) -> None:
        target, role = await self._mapping(action)
        await self._admin.call("DELETE", target, [role])

    async def _mapping(self, action: Action) -> tuple[str, dict[str, object]]:
        """Return where a service account's role is mapped, and the role."""
        name, _, role = action.name.partition("/")
        client = await self._admin.client(name)
        account = await self._admin.find(f"clients/{(client or {}).get('id')}/service-account-user")
        if account is None:
            raise SystemFaultError("Progressing", f"{name} has no service account")
        owner, _, role_name = role.rpartition(":")
        source, place = "roles", "realm"
        if owner:
            owning = await self._admin.client(owner) or {}
            source, place = f"clients/{owning.get('id')}/roles", f"clients/{owning.get('id')}"
        found = await self._admin.find(f"{source}/{quote(role_name, safe='')}")
        if found is None:
            raise SystemFaultError("InvalidReference", f"role {role} does not exist")
        return f"users/{account['id']}/role-mappings/{place}", found

    async def _remove_realm(self, _: Action) -> None:
        await self._admin.call("DELETE", "")

    async def _remove_role(self, action: Action) -> None:
        await self._admin.call("DELETE", f"roles/{quote(action.name, safe='')}")

    async def _remove_client(self, action: Action) -> None:
        client = await self._admin.client(action.name)
        if client is not None:
            await self._admin.call("DELETE", f"clients/{client['id']}")

    async def _profile(self, action: Action) -> None:
        profile = await self._admin.find("users/profile") or {}
        kept = [one for one in profile.get("attributes", []) if one["name"] not in action.fields]
        profile["attributes"] = [
            *(
                {"name": name, "displayName": name, **fields}
                for name, fields in action.fields.items()
            ),
            *kept,
        ]
        await self._admin.call("PUT", "users/profile", profile)

    async def _required_action(self, action: Action) -> None:
        path = f"authentication/required-actions/{quote(action.name, safe='')}"
        present = await self._admin.find(path) or {}
        await self._admin.call("PUT", path, {**present, **action.fields})

    async def _texts(self, action: Action) -> None:
        await self._admin.call("POST", f"localization/{action.name}", dict(action.fields))
