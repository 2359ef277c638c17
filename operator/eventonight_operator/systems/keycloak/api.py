"""Keycloak's admin API, with one session that is kept as long as it lasts."""

import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import httpx

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.writes import permit

NAME = "keycloak"
TIMEOUT_SECONDS = 20.0
SPARE_SECONDS = 10.0
TOKEN_PATH = "/realms/master/protocol/openid-connect/token"  # noqa: S105 - a path
Login = Callable[[], Awaitable[tuple[str, str]]]


class Session:
    """An administrator's session: a login leaves a row in Keycloak, so it is not done per call.

    Args:
        login: returns name and password.
        clock: seconds that only go forward.
    """

    def __init__(self, login: Login, clock: Callable[[], float] = time.monotonic) -> None:
        self._login = login
        self._clock = clock
        self._who: tuple[str, str] = ("", "")
        self._access, self._access_until = "", 0.0
        self._refresh, self._refresh_until = "", 0.0

    async def token(self, client: httpx.AsyncClient) -> str:
        """Return a valid access token."""
        who, now = await self._login(), self._clock()
        if who != self._who:
            self._access_until = self._refresh_until = 0.0
        if now < self._access_until:
            return self._access
        form = {"client_id": "admin-cli", "grant_type": "refresh_token"}
        answer = None
        if now < self._refresh_until:
            answer = await _post(client, form | {"refresh_token": self._refresh})
        if answer is None or answer.is_error:
            form["grant_type"] = "password"
            answer = await _post(client, form | {"username": who[0], "password": who[1]})
        if answer.status_code in {400, 401}:
            raise SystemFaultError("KeycloakUnauthorized", "Keycloak refuses the administrator")
        self._keep(who, checked(answer).json(), now)
        return self._access

    def renew(self) -> None:
        """Ask for a new token at the next call."""
        self._access_until = 0.0

    def _keep(self, who: tuple[str, str], found: dict[str, Any], now: float) -> None:
        self._who = who
        self._access = str(found["access_token"])
        self._access_until = now + float(found["expires_in"]) - SPARE_SECONDS
        self._refresh = str(found.get("refresh_token", ""))
        self._refresh_until = now + float(found.get("refresh_expires_in", 0)) - SPARE_SECONDS


class Admin:
    """The admin API of one realm.

    Args:
        client: connected to Keycloak.
        session: the administrator's.
        realm: the realm's name, quoted for a path.
    """

    def __init__(self, client: httpx.AsyncClient, session: Session, realm: str) -> None:
        self._client = client
        self._session = session
        self._base = f"/admin/realms/{realm}"

    async def find(self, path: str) -> dict[str, Any] | None:
        """Return an object of the realm, ``None`` where there is none; an empty path: the realm."""
        answer = await self._send("GET", f"{self._base}/{path}".rstrip("/"), None)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        found: dict[str, Any] = checked(answer).json()
        return found

    async def rows(self, path: str) -> list[dict[str, Any]]:
        """Return a list of the realm's objects."""
        answer = await self._send("GET", f"{self._base}/{path}", None)
        found: list[dict[str, Any]] = checked(answer).json()
        return found

    async def scope(self, name: str) -> dict[str, Any] | None:
        """Return a client scope."""
        return next((one for one in await self.rows("client-scopes") if one["name"] == name), None)

    async def client(self, client_id: str) -> dict[str, Any] | None:
        """Return a client."""
        found = await self.rows(f"clients?clientId={quote(client_id, safe='')}")
        return found[0] if found else None

    async def create_realm(self, body: object) -> None:
        """Make a realm; a token from before has no say in it."""
        permit(NAME)
        checked(await self._send("POST", "/admin/realms", body))
        self._session.renew()

    async def call(
        self, method: str, path: str, body: object = None, *, or_exists: bool = False
    ) -> None:
        """Change something; an empty path is the realm itself."""
        url = f"{self._base}/{path}".rstrip("/")
        permit(NAME)
        answer = await self._send(method, url, body)
        gone = method == "DELETE" and answer.status_code == httpx.codes.NOT_FOUND
        if not gone and not (or_exists and answer.status_code == httpx.codes.CONFLICT):
            checked(answer)

    async def _send(self, method: str, url: str, body: object) -> httpx.Response:
        answer = await self._once(method, url, body)
        if answer.status_code in {401, 403}:
            self._session.renew()
            answer = await self._once(method, url, body)
        return answer

    async def _once(self, method: str, url: str, body: object) -> httpx.Response:
        token = await self._session.token(self._client)
        headers = {"Authorization": f"Bearer {token}"}
        try:
            return await self._client.request(method, url, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise SystemFaultError("KeycloakUnreachable", f"{method} {url}: {error!r}") from error


async def _post(client: httpx.AsyncClient, form: dict[str, str]) -> httpx.Response:
    try:
        return await client.post(TOKEN_PATH, data=form)
    except httpx.HTTPError as error:
        raise SystemFaultError("KeycloakUnreachable", repr(error)) from error


def checked(answer: httpx.Response) -> httpx.Response:
    """Return an answer that is none of an error.

    Raises:
        SystemFaultError: it is one.
    """
    if answer.status_code in {401, 403}:
        raise SystemFaultError("KeycloakUnauthorized", f"{answer.request.url.path} is refused")
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise SystemFaultError("KeycloakUnreachable", f"{answer.status_code} {answer.text[:200]}")
    if answer.is_error:
        words = f"{answer.request.method} {answer.request.url.path}: {answer.text[:300]}"
        raise SystemFaultError("Progressing", words)
    return answer
