"""What the resource declares, as the realm's objects, in the order of creation."""

from collections.abc import Mapping
from typing import Any

from eventonight_operator.ledger import entry
from eventonight_operator.plan import Fields, Key, Objects
from eventonight_operator.secretstore import SecretStore, credentials
from eventonight_operator.spec import Client, Identity, Realm
from eventonight_operator.systems.keycloak.mailtexts import MAIL_LOCALE, MAIL_TEXTS
from eventonight_operator.systems.keycloak.userprofile import user_profile

NAME = "keycloak"
SCOPE = "eventonight"
AS_IN_SECRET = "as in its Secret"  # noqa: S105 - a word for people


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


def flat_realm(realm: Mapping[str, Any]) -> dict[str, Any]:
    """Return a realm whose mail settings are fields of their own, to be compared one by one."""
    flat = {key: value for key, value in realm.items() if key != "smtpServer"}
    return flat | {f"smtpServer.{key}": value for key, value in realm["smtpServer"].items()}


def nested_realm(fields: Fields) -> dict[str, Any]:
    """Return a flat realm as Keycloak wants it."""
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


def mapper_fields(mapper: Mapping[str, Any]) -> dict[str, Any]:
    """Return a claim's kind and settings."""
    return {"protocolMapper": mapper["protocolMapper"], **mapper["config"]}


def mapper_body(name: str, fields: Fields) -> dict[str, Any]:
    """Return a claim as Keycloak wants it."""
    config = {key: value for key, value in fields.items() if key != "protocolMapper"}
    kind = fields["protocolMapper"]
    return {"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": config}


def profile_attribute(attribute: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the resource says of a profile's attribute."""
    fields = {key: attribute.get(key, {}) for key in ("permissions", "validations")}
    return fields | {"required": attribute["required"]} if "required" in attribute else fields


async def client_secret(secrets: SecretStore, client: Client) -> tuple[str, str]:
    """Return a client's id and secret, as in its Secret."""
    name, secret = await credentials(secrets, client.secret_ref.name, "clientId", "clientSecret")
    return name, secret


def claims(wanted: Identity) -> frozenset[str]:
    """Return the ledger's entries of what is declared."""
    found: list[Key] = [("realm", wanted.realm.name)]
    found += [("role", one) for one in wanted.roles]
    found += [("client", one.client_id) for one in wanted.clients]
    return frozenset(entry(NAME, *one) for one in found)
