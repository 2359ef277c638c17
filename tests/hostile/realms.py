"""Keycloak as its administrator sees it: strange clients, another realm, keys that change."""

import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx

from client import Client
from local import parts

AUDIENCE_MAPPER = {
    "name": "audience",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-audience-mapper",
    "config": {"included.custom.audience": "eventonight", "access.token.claim": "true"},
}
SECRET = "only-for-this-test"


class Keycloak:
    """The server's administrator.

    Args:
        product: running.
        http: a client of our own.
    """

    def __init__(self, product: Client, http: httpx.AsyncClient) -> None:
        site = product.servers.setup.site
        self.base = f"http://127.0.0.1:{site.ports['keycloak']}"
        self.public = f"http://auth.{site.host}"
        self._keys = parts.secret(site, "keycloak-admin")
        self._http = http

    async def token(self, realm: str, **form: str) -> dict[str, Any]:
        """Return what the realm issues for a form."""
        url = f"{self.base}/realms/{realm}/protocol/openid-connect/token"
        answer = await self._http.post(url, data=form)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def administrator(self) -> str:
        """Return an administrator's token, of the master realm."""
        form = {"grant_type": "password", "client_id": "admin-cli", **self._keys}
        return str((await self.token("master", **form))["access_token"])

    async def call(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {await self.administrator()}"}
        url = f"{self.base}/admin/realms/{path}".rstrip("/")
        answer = await self._http.request(method, url, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def add_client(self, realm: str, **fields: Any) -> dict[str, str]:
        """Add a client with an account of its own, for the right audience; return its login."""
        name = f"t-{uuid.uuid4().hex[:8]}"
        body = {
            "clientId": name,
            "secret": SECRET,
            "publicClient": False,
            "serviceAccountsEnabled": True,
            "standardFlowEnabled": False,
            "protocolMappers": [AUDIENCE_MAPPER],
            **fields,
        }
        await self.call("POST", f"{realm}/clients", body)
        return {"grant_type": "client_credentials", "client_id": name, "client_secret": SECRET}

    async def replace_signing_key(self, realm: str) -> None:
        """Make a new signing key and throw the old ones away."""
        components = await self.call(
            "GET", f"{realm}/components?type=org.keycloak.keys.KeyProvider"
        )
        old = [one for one in components if one["providerId"] == "rsa-generated"]
        new = {
            "name": f"k-{uuid.uuid4().hex[:8]}",
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "config": {"priority": ["1000"], "algorithm": ["RS256"], "keyUse": ["SIG"]},
        }
        await self.call("POST", f"{realm}/components", new)
        for one in old:
            await self.call("DELETE", f"{realm}/components/{one['id']}")

    @contextlib.asynccontextmanager
    async def another_realm(self) -> AsyncIterator[str]:
        """A realm of its own; forgotten afterwards."""
        name = f"r-{uuid.uuid4().hex[:8]}"
        await self.call("POST", "", {"realm": name, "enabled": True})
        yield name
        await self.call("DELETE", name)
