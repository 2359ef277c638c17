"""The realm: its settings, roles, clients, claims and user profile; never the people in it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.plan import Action, Fields, Key, Objects, differences
from eventonight_operator.secretstore import SecretStore, credentials
from eventonight_operator.spec import Client, Identity, Realm
from eventonight_operator.systems.mailtexts import MAIL_LOCALE, MAIL_TEXTS
from eventonight_operator.systems.userprofile import user_profile

NAME = "keycloak"
TIMEOUT_SECONDS = 20.0
SCOPE = "eventonight"
AS_IN_SECRET = "as in its Secret"  # noqa: S105 - a word for people
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
        self._realm = quote(wanted.realm.name, safe="")

    async def desired(self) -> Objects:
        """Return every object that should be there."""
        return desired(self._wanted)

    async def observe(self) -> Objects:
        """Return the realm's objects that the resource speaks of.

        Raises:
            SystemFaultError: Keycloak does not answer or refuses the administrator.
        """
        async with self._admin() as admin:
            realm = await admin.find("")
            if realm is None:
                return {}
            found: dict[Key, Fields] = {("realm", self._wanted.realm.name): _flat_realm(realm)}
            roles = await admin.rows("roles?max=200")
            found |= {("role", one["name"]): {} for one in roles}
            found |= await self._observe_scope(admin)
            for client in self._wanted.clients:
                found |= await self._observe_client(admin, client)
            profile = await admin.find("users/profile") or {}
            found["profile", "attributes"] = {
                one["name"]: _profile_attribute(one) for one in profile.get("attributes", [])
            }
            for action in await admin.rows("authentication/required-actions"):
                found["required-action", action["alias"]] = action
            found["texts", MAIL_LOCALE] = await admin.find(f"localization/{MAIL_LOCALE}") or {}
            return found

    def plan(self, desired: Objects, observed: Objects) -> list[Action]:
        """Return the steps from observed to desired; pure."""
        steps = differences(NAME, desired, observed)
        return sorted(steps, key=lambda action: ORDER.index(action.kind))

    async def apply(self, action: Action) -> None:
        """Do one step; doing it again changes nothing.

        Raises:
            SystemFaultError: Keycloak does not answer or refuses.
        """
        async with self._admin() as admin:
            steps = {
                "realm": self._apply_realm,
                "role": self._apply_role,
                "scope": self._apply_scope,
                "claim": self._apply_claim,
                "client": self._apply_client,
                "client-scope": self._apply_client_scope,
                "client-role": self._apply_client_role,
                "profile": self._apply_profile,
                "required-action": self._apply_required_action,
                "texts": self._apply_texts,
            }
            await steps[action.kind](admin, action)

    async def _observe_scope(self, admin: "_Admin") -> dict[Key, Fields]:
        scope = await self._scope(admin)
        if scope is None:
            return {}
        mappers = await admin.rows(f"client-scopes/{scope['id']}/protocol-mappers/models")
        found: dict[Key, Fields] = {("scope", SCOPE): {"protocol": scope["protocol"]}}
        return found | {("claim", one["name"]): _mapper_fields(one) for one in mappers}

    async def _observe_client(self, admin: "_Admin", client: Client) -> dict[Key, Fields]:
        present = await self._client(admin, client.client_id)
        if present is None:
            return {}
        _, secret = await self._client_secret(client)
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
        for prefix, roles in mapped:
            for role in roles:
                found["client-role", f"{name}/{prefix}{role['name']}"] = {}
        return found

    async def _apply_realm(self, admin: "_Admin", action: Action) -> None:
        body = _nested_realm(action.fields)
        if action.verb == "create":
            await admin.call("POST", None, {"realm": self._wanted.realm.name, **body})
        else:
            await admin.call("PUT", "", body)

    async def _apply_role(self, admin: "_Admin", action: Action) -> None:
        await admin.call("POST", "roles", {"name": action.name}, or_exists=True)

    async def _apply_scope(self, admin: "_Admin", action: Action) -> None:
        body = {"name": SCOPE, **action.fields, "attributes": {"include.in.token.scope": "false"}}
        await admin.call("POST", "client-scopes", body, or_exists=True)

    async def _apply_claim(self, admin: "_Admin", action: Action) -> None:
        scope = await self._scope(admin)
        if scope is None:
            raise SystemFaultError("Progressing", f"client scope {SCOPE} is missing")
        base = f"client-scopes/{scope['id']}/protocol-mappers/models"
        body = _mapper_body(action.name, action.fields)
        present = [one for one in await admin.rows(base) if one["name"] == action.name]
        if present:
            await admin.call("PUT", f"{base}/{present[0]['id']}", {"id": present[0]["id"], **body})
        else:
            await admin.call("POST", base, body, or_exists=True)

    async def _apply_client(self, admin: "_Admin", action: Action) -> None:
        client = next(one for one in self._wanted.clients if one.client_id == action.name)
        _, secret = await self._client_secret(client)
        body = {**action.fields, "clientId": action.name, "secret": secret}
        present = await self._client(admin, action.name)
        if present is None:
            await admin.call("POST", "clients", body, or_exists=True)
        else:
            await admin.call("PUT", f"clients/{present['id']}", body)

    async def _apply_client_scope(self, admin: "_Admin", action: Action) -> None:
        client, scope = (
            await self._client(admin, action.name.partition("/")[0]),
            await self._scope(admin),
        )
        if client is None or scope is None:
            raise SystemFaultError("Progressing", f"{action.name}: client or scope is missing")
        await admin.call("PUT", f"clients/{client['id']}/default-client-scopes/{scope['id']}")

    async def _apply_client_role(self, admin: "_Admin", action: Action) -> None:
        name, _, role = action.name.partition("/")
        client = await self._client(admin, name)
        account = await admin.find(f"clients/{(client or {}).get('id')}/service-account-user")
        if account is None:
            raise SystemFaultError("Progressing", f"{name} has no service account")
        owner, _, role_name = role.rpartition(":")
        base = f"users/{account['id']}/role-mappings"
        if owner:
            owning = await self._client(admin, owner) or {}
            source, target = (
                f"clients/{owning.get('id')}/roles",
                f"{base}/clients/{owning.get('id')}",
            )
        else:
            source, target = "roles", f"{base}/realm"
        found = await admin.find(f"{source}/{quote(role_name, safe='')}")
        if found is None:
            raise SystemFaultError("InvalidReference", f"role {role} does not exist")
        await admin.call("POST", target, [found])

    async def _apply_profile(self, admin: "_Admin", action: Action) -> None:
        profile = await admin.find("users/profile") or {}
        kept = [one for one in profile.get("attributes", []) if one["name"] not in action.fields]
        profile["attributes"] = [
            *(
                {"name": name, "displayName": name, **fields}
                for name, fields in action.fields.items()
            ),
            *kept,
        ]
        await admin.call("PUT", "users/profile", profile)

    async def _apply_required_action(self, admin: "_Admin", action: Action) -> None:
        path = f"authentication/required-actions/{quote(action.name, safe='')}"
        present = await admin.find(path) or {}
        await admin.call("PUT", path, {**present, **action.fields})

    async def _apply_texts(self, admin: "_Admin", action: Action) -> None:
        await admin.call("POST", f"localization/{action.name}", dict(action.fields))

    async def _scope(self, admin: "_Admin") -> dict[str, Any] | None:
        rows = await admin.rows("client-scopes")
        return next((one for one in rows if one["name"] == SCOPE), None)

    async def _client(self, admin: "_Admin", client_id: str) -> dict[str, Any] | None:
        rows = await admin.rows(f"clients?clientId={quote(client_id, safe='')}")
        return rows[0] if rows else None

    async def _client_secret(self, client: Client) -> tuple[str, str]:
        name, secret = await credentials(
            self._secrets, client.secret_ref.name, "clientId", "clientSecret"
        )
        return name, secret

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator["_Admin"]:
        connection = self._wanted.keycloak
        username, password = await credentials(
            self._secrets, connection.admin_secret_ref.name, "username", "password"
        )
        base = connection.url.rstrip("/")
        async with httpx.AsyncClient(base_url=base, timeout=TIMEOUT_SECONDS) as client:
            token = await _admin_token(client, username, password)
            client.headers["Authorization"] = f"Bearer {token}"
            yield _Admin(client, self._realm)


class _Admin:
    """The admin API of one realm."""

    def __init__(self, client: httpx.AsyncClient, realm: str) -> None:
        self._client = client
        self._base = f"/admin/realms/{realm}"

    async def find(self, path: str) -> dict[str, Any] | None:
        answer = await self._send("GET", f"{self._base}/{path}".rstrip("/"), None)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        found: dict[str, Any] = _checked(answer).json()
        return found

    async def rows(self, path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = _checked(
            await self._send("GET", f"{self._base}/{path}", None)
        ).json()
        return rows

    async def call(
        self, method: str, path: str | None, body: object = None, *, or_exists: bool = False
    ) -> None:
        url = "/admin/realms" if path is None else f"{self._base}/{path}".rstrip("/")
        answer = await self._send(method, url, body)
        if not (or_exists and answer.status_code == httpx.codes.CONFLICT):
            _checked(answer)

    async def _send(self, method: str, url: str, body: object) -> httpx.Response:
        try:
            return await self._client.request(method, url, json=body)
        except httpx.HTTPError as error:
            raise SystemFaultError("KeycloakUnreachable", f"{method} {url}: {error!r}") from error


def desired(wanted: Identity) -> Objects:
    """Return the realm's objects that the resource declares, in the order of creation."""
    objects: dict[Key, Fields] = {("realm", wanted.realm.name): _realm_fields(wanted.realm)}
    objects |= {("role", role): {} for role in wanted.roles}
    objects["scope", SCOPE] = {"protocol": "openid-connect"}
    objects["claim", "user_id"] = _user_id_claim()
    objects["claim", "audience"] = _audience_claim(wanted.audience)
    for client in wanted.clients:
        objects |= _client_objects(client)
    objects["profile", "attributes"] = user_profile()
    objects["required-action", "CONFIGURE_TOTP"] = {
        "enabled": True,
        "defaultAction": wanted.realm.otp_required,
    }
    for alias, enabled in (
        ("UPDATE_PASSWORD", True),
        ("VERIFY_EMAIL", True),
        ("VERIFY_PROFILE", False),
    ):
        objects["required-action", alias] = {"enabled": enabled, "defaultAction": False}
    objects["texts", MAIL_LOCALE] = MAIL_TEXTS
    return objects


def _client_objects(client: Client) -> dict[Key, Fields]:
    name = client.client_id
    objects: dict[Key, Fields] = {
        ("client", name): {
            "enabled": True,
            "publicClient": False,
            "protocol": "openid-connect",
            "serviceAccountsEnabled": True,
            "standardFlowEnabled": bool(client.redirect_uris),
            "directAccessGrantsEnabled": client.direct_access_grants,
            "redirectUris": client.redirect_uris,
            "secret": AS_IN_SECRET,
        },
        ("client-scope", f"{name}/{SCOPE}"): {},
    }
    objects |= {("client-role", f"{name}/{role}"): {} for role in client.service_account_roles}
    return objects | {
        ("client-role", f"{name}/realm-management:{role}"): {}
        for role in client.realm_management_roles
    }


def _realm_fields(realm: Realm) -> dict[str, Any]:
    mail = realm.mail
    smtp = (
        {
            "smtpServer.host": mail.host,
            "smtpServer.port": str(mail.port),
            "smtpServer.from": mail.sender,
            "smtpServer.fromDisplayName": mail.sender_name,
        }
        if mail
        else {}
    )
    return {
        "enabled": True,
        "displayName": "EvenToNight",
        "registrationAllowed": realm.registration_allowed,
        "resetPasswordAllowed": realm.reset_password_allowed,
        "loginWithEmailAllowed": True,
        "duplicateEmailsAllowed": False,
        "verifyEmail": realm.verify_email,
        "bruteForceProtected": realm.brute_force_protected,
        "failureFactor": 10,
        "waitIncrementSeconds": 30,
        "maxFailureWaitSeconds": 300,
        "passwordPolicy": realm.password_policy,
        "accessTokenLifespan": realm.tokens.access_token_lifespan,
        "ssoSessionIdleTimeout": realm.tokens.session_idle_timeout,
        "ssoSessionMaxLifespan": realm.tokens.session_max_lifespan,
        "internationalizationEnabled": True,
        "supportedLocales": ["en", "it", "de", "es", "fr"],
        "defaultLocale": "en",
        **smtp,
    }


def _flat_realm(realm: Mapping[str, Any]) -> dict[str, Any]:
    flat = {key: value for key, value in realm.items() if key != "smtpServer"}
    return flat | {f"smtpServer.{key}": value for key, value in realm["smtpServer"].items()}


def _nested_realm(fields: Fields) -> dict[str, Any]:
    prefix = "smtpServer."
    body = {key: value for key, value in fields.items() if not key.startswith(prefix)}
    smtp = {k.removeprefix(prefix): v for k, v in fields.items() if k.startswith(prefix)}
    return {**body, "smtpServer": smtp} if smtp else body


def _user_id_claim() -> dict[str, Any]:
    return {
        "protocolMapper": "oidc-usermodel-attribute-mapper",
        "user.attribute": "custom_user_id",
        "claim.name": "user_id",
        "jsonType.label": "String",
        "id.token.claim": "true",
        "access.token.claim": "true",
        "userinfo.token.claim": "true",
    }


def _audience_claim(audience: str) -> dict[str, Any]:
    return {
        "protocolMapper": "oidc-audience-mapper",
        "included.custom.audience": audience,
        "id.token.claim": "false",
        "access.token.claim": "true",
    }


def _mapper_fields(mapper: Mapping[str, Any]) -> dict[str, Any]:
    return {"protocolMapper": mapper["protocolMapper"], **mapper["config"]}


def _mapper_body(name: str, fields: Fields) -> dict[str, Any]:
    config = {key: value for key, value in fields.items() if key != "protocolMapper"}
    kind = fields["protocolMapper"]
    return {"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": config}


def _profile_attribute(attribute: Mapping[str, Any]) -> dict[str, Any]:
    fields = {key: attribute.get(key, {}) for key in ("permissions", "validations")}
    return fields | {"required": attribute["required"]} if "required" in attribute else fields


async def _admin_token(client: httpx.AsyncClient, username: str, password: str) -> str:
    form = {
        "grant_type": "password",
        "client_id": "admin-cli",
        "username": username,
        "password": password,
    }
    try:
        answer = await client.post("/realms/master/protocol/openid-connect/token", data=form)
    except httpx.HTTPError as error:
        raise SystemFaultError("KeycloakUnreachable", repr(error)) from error
    if answer.status_code in {400, 401}:
        raise SystemFaultError("KeycloakUnauthorized", "Keycloak refuses the administrator")
    return str(_checked(answer).json()["access_token"])


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.status_code in {401, 403}:
        raise SystemFaultError("KeycloakUnauthorized", f"{answer.request.url.path} is refused")
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise SystemFaultError("KeycloakUnreachable", f"{answer.status_code} {answer.text[:200]}")
    if answer.is_error:
        words = f"{answer.request.method} {answer.request.url.path}: {answer.text[:300]}"
        raise SystemFaultError("Progressing", words)
    return answer
