"""Keycloak and the media service, each with a timeout and with failures in our own words."""

from typing import Any
from urllib.parse import quote

import httpx

from services.contracts.errors import (
    InvalidError,
    UnauthenticatedError,
    UnavailableError,
)
from services.kit.outgoing import check_picture
from services.kit.tokens import ServiceTokens
from services.users.application.ports import AlreadyRegisteredError, Credential, Tokens
from services.users.domain import Registration, sign_in_name

CALL_SECONDS = 10.0
MAIL_LIFESPAN_SECONDS = 86_400


class Keycloak:
    """The realm's accounts.

    Args:
        base: Keycloak's address for calls inside the cluster.
        realm: the realm.
        client_id: our confidential client.
        client_secret: its secret.
        tokens: our own token, for administration.
        client: HTTP client.
    """

    def __init__(
        self,
        base: str,
        realm: str,
        client_id: str,
        client_secret: str,
        *,
        tokens: ServiceTokens,
        client: httpx.AsyncClient,
    ) -> None:
        self._open = f"{base.rstrip('/')}/realms/{realm}/protocol/openid-connect"
        self._admin = f"{base.rstrip('/')}/admin/realms/{realm}"
        self._login = {"client_id": client_id, "client_secret": client_secret}
        self._tokens = tokens
        self._client = client

    async def create(self, wish: Registration, user_id: str) -> None:
        """Make an enabled account with its password, in one call.

        Raises:
            AlreadyRegisteredError: username or e-mail is taken.
            InvalidError: Keycloak refuses a value, the password's policy among them.
        """
        body = {
            "username": sign_in_name(wish.username),
            "email": wish.email,
            "enabled": True,
            "credentials": [{"type": "password", "value": wish.password, "temporary": False}],
            "attributes": {
                "custom_user_id": [user_id],
                "registered_username": [wish.username],
                "registered_role": [wish.role],
            },
        }
        answer = await self._administer("POST", "users", body)
        if answer.status_code == httpx.codes.CONFLICT:
            raise AlreadyRegisteredError(_words(answer) or "username or email is taken")
        _check_input(answer)

    async def grant_role(self, user_id: str) -> None:
        """Give an account the role it registered for."""
        known = await self.by_user_id(user_id)
        if known is None:
            raise UnavailableError("Keycloak does not know the account yet")
        role = await self._administer("GET", f"roles/{quote(known.role, safe='')}")
        path = f"users/{known.subject}/role-mappings/realm"
        _check(await self._administer("POST", path, [_check(role).json()]))

    async def by_user_id(self, user_id: str) -> Credential | None:
        """Return what Keycloak knows of a user."""
        path = f"users?q=custom_user_id:{quote(user_id, safe='')}&briefRepresentation=false"
        rows = _check(await self._administer("GET", path)).json()
        return _credential(rows[0]) if rows else None

    async def by_subject(self, subject: str) -> Credential | None:
        """Return what Keycloak knows of an account."""
        answer = await self._administer("GET", f"users/{quote(subject, safe='')}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return _credential(_check(answer).json())

    async def remove(self, subject: str) -> None:
        """Delete an account; one that is gone is fine."""
        answer = await self._administer("DELETE", f"users/{quote(subject, safe='')}")
        if answer.status_code != httpx.codes.NOT_FOUND:
            _check(answer)

    async def set_password(self, subject: str, password: str) -> None:
        """Set a password.

        Raises:
            InvalidError: the policy refuses it.
        """
        body = {"type": "password", "value": password, "temporary": False}
        path = f"users/{quote(subject, safe='')}/reset-password"
        _check_input(await self._administer("PUT", path, body))

    async def sign_in(self, username: str, password: str) -> Tokens:
        """Exchange a password for tokens.

        Raises:
            UnauthenticatedError: wrong, locked for a while, or disabled.
        """
        name = sign_in_name(username)
        form = {"grant_type": "password", "username": name, "password": password}
        answer = await self._token(form)
        if answer.status_code in {400, 401}:
            raise UnauthenticatedError("wrong username or password")
        return _tokens(_check(answer).json())

    async def refresh(self, token: str) -> Tokens:
        """Exchange a refresh token for new tokens.

        Raises:
            InvalidError: it is refused.
        """
        answer = await self._token({"grant_type": "refresh_token", "refresh_token": token})
        if answer.status_code in {400, 401}:
            raise InvalidError("refreshToken: invalid or expired", field="refreshToken")
        return _tokens(_check(answer).json())

    async def sign_out(self, token: str) -> None:
        """End the session of a refresh token; an invalid one has none."""
        form = {**self._login, "refresh_token": token}
        answer = await self._send("POST", f"{self._open}/logout", data=form)
        if answer.status_code != httpx.codes.BAD_REQUEST:
            _check(answer)

    async def send_verification(self, subject: str) -> None:
        """Have Keycloak mail a link that verifies the address."""
        await self._mail(subject, "send-verify-email")

    async def send_password_reset(self, email: str) -> None:
        """Have Keycloak mail a link that sets a new password, if it knows the address."""
        path = f"users?exact=true&email={quote(email, safe='')}"
        rows = _check(await self._administer("GET", path)).json()
        if rows:
            await self._mail(rows[0]["id"], "execute-actions-email", ["UPDATE_PASSWORD"])

    async def _mail(self, subject: str, which: str, body: object = None) -> None:
        path = f"users/{quote(subject, safe='')}/{which}?lifespan={MAIL_LIFESPAN_SECONDS}"
        answer = await self._administer("PUT", path, body)
        if answer.status_code != httpx.codes.NOT_FOUND:
            _check(answer)

    async def ping(self) -> None:
        """Raise unless the realm answers."""
        _check(await self._send("GET", f"{self._open}/certs"))

    async def _token(self, form: dict[str, str]) -> httpx.Response:
        return await self._send("POST", f"{self._open}/token", data={**self._login, **form})

    async def _administer(self, method: str, path: str, body: object = None) -> httpx.Response:
        return await self._send(method, f"{self._admin}/{path}", json=body, auth=self._tokens)

    async def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        try:
            return await self._client.request(method, url, timeout=CALL_SECONDS, **options)
        except httpx.HTTPError as error:
            raise UnavailableError("sign-in is not available right now") from error


class Media:
    """The media service, written to with our own token."""

    def __init__(self, base: str, tokens: ServiceTokens, client: httpx.AsyncClient) -> None:
        self._base = base.rstrip("/")
        self._tokens = tokens
        self._client = client

    async def version(self, user_id: str) -> str | None:
        """Return what tells a user's avatar from another, ``None`` where the default one is shown.

        Raises:
            UnavailableError: media does not answer.
        """
        paths = (f"users/{user_id}/avatar.jpg", "users/default.png")
        shown, default = [await self._send("HEAD", path) for path in paths]
        if shown.is_error or default.is_error:
            raise UnavailableError("pictures are not available right now")
        same = shown.headers["ETag"] == default.headers["ETag"]
        return None if same else str(shown.headers["ETag"])

    async def put(self, user_id: str, content: bytes) -> None:
        """Store an avatar.

        Raises:
            InvalidError, TooLargeError: media refuses the picture.
            UnavailableError: media does not answer.
        """
        file = {"file": ("avatar.jpg", content, "application/octet-stream")}
        answer = await self._send("POST", f"users/{user_id}", files=file)
        check_picture(answer, "avatar")
        if answer.is_error:
            raise UnavailableError("pictures cannot be stored right now")

    async def remove(self, user_id: str) -> None:
        """Remove an avatar; one that is gone is fine."""
        answer = await self._send("DELETE", f"users/{user_id}/avatar.jpg")
        if answer.is_error and answer.status_code != httpx.codes.NOT_FOUND:
            raise UnavailableError("pictures cannot be removed right now")

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        url = f"{self._base}/{path}"
        try:
            return await self._client.request(
                method, url, auth=self._tokens, timeout=CALL_SECONDS, **options
            )
        except httpx.HTTPError as error:
            raise UnavailableError("pictures are not available right now") from error


def _tokens(fields: dict[str, Any]) -> Tokens:
    return Tokens(
        fields["access_token"],
        fields["refresh_token"],
        int(fields["expires_in"]),
        int(fields["refresh_expires_in"]),
    )


def _credential(row: dict[str, Any]) -> Credential:
    attributes = row.get("attributes", {})

    def first(name: str, other: str = "") -> str:
        return str(next(iter(attributes.get(name, [])), other))

    return Credential(
        subject=row["id"],
        user_id=first("custom_user_id"),
        username=first("registered_username", row.get("username", "")),
        email=row.get("email", ""),
        role=first("registered_role"),
    )


def _check(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise UnavailableError(f"Keycloak answered {answer.status_code}")
    return answer


def _check_input(answer: httpx.Response) -> None:
    if answer.status_code == httpx.codes.BAD_REQUEST:
        raise InvalidError(_words(answer) or "Keycloak refuses these values")
    _check(answer)


def _words(answer: httpx.Response) -> str:
    try:
        fields = answer.json()
    except ValueError:
        return ""
    words = fields.get("errorMessage") or fields.get("error_description") or ""
    parameters = [str(one) for one in fields.get("params") or []]
    for index, value in enumerate(parameters):
        words = words.replace(f"{{{index}}}", value)
    field = f"{fields['field']}: " if fields.get("field") else ""
    reason = fields.get("error", "")
    return f"{field}{words or reason}"
