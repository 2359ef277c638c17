"""Who is calling: access tokens checked here, against Keycloak's keys kept at hand.

Keycloak being away stops nobody whose key is known. Callers cause at most one fetch of the keys per
half minute, whether Keycloak answers or not, and wait for one less than a second; until there are
any, the service itself looks every few seconds (docs/adr/0010-keys.md).
"""

import asyncio
import base64
import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import httpx
import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from services.contracts.errors import UnauthenticatedError, UnavailableError
from services.kit import logs

FETCH_SECONDS = 5.0
WAIT_SECONDS = 0.8
REFETCH_SECONDS = 30.0
FIRST_SECONDS = 6.0
FRESH_SECONDS = 300.0
VERDICT_SECONDS = 60.0
VERDICTS = 10_000
TOKEN_BYTES = 8_192
ALGORITHM = "RS256"
LEEWAY_SECONDS = 5.0
RENEWAL_SECONDS = 10.0
_REFUSED = {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
_NO_KEY_SET = (ValueError, KeyError, TypeError)

log = logs.get(__name__)


class Identity(msgspec.Struct, frozen=True):
    """A verified caller.

    Args:
        subject: Keycloak's id of the account.
        user_id: the application's id; ``None`` for service accounts.
        roles: realm roles.
        client: the client that the token was issued to.
        expires_at: epoch seconds.
    """

    subject: str
    user_id: str | None
    roles: frozenset[str]
    client: str
    expires_at: float


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str
    crit: Any = msgspec.UNSET


class _Access(msgspec.Struct, frozen=True):
    roles: tuple[str, ...] = ()


class _Claims(msgspec.Struct, frozen=True):
    sub: str
    iss: str
    exp: float
    aud: str | tuple[str, ...] = ()
    azp: str = ""
    nbf: float = 0.0
    typ: str = ""
    user_id: str | None = None
    realm_access: _Access = _Access()


_claims = msgspec.json.Decoder(_Claims)
_header = msgspec.json.Decoder(_Header)


class Keys:
    """The realm's public keys, fetched when first needed and kept fresh.

    Args:
        realm_url: the realm's address for calls inside the cluster.
        client: HTTP client for the fetches.
        clock: monotonic seconds.
    """

    def __init__(
        self, realm_url: str, client: httpx.AsyncClient, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = f"{realm_url}/protocol/openid-connect/certs"
        self._client = client
        self._clock = clock
        self._keys: dict[str, RSAKey] = {}
        self._fetching: asyncio.Task[None] | None = None
        self._tried_at = float("-inf")
        self.withdrawals = 0

    async def get(self, kid: str) -> RSAKey:
        """Return the signing key of an id.

        Raises:
            UnauthenticatedError: the realm has no such key.
            UnavailableError: no key was ever fetched and Keycloak does not answer.
        """
        if kid not in self._keys:
            await self._refresh()
        if kid in self._keys:
            return self._keys[kid]
        self._check_any()
        raise UnauthenticatedError("token: signed with an unknown key")

    async def all(self) -> Mapping[str, str]:
        """Return every RSA key by id, as base64 of its DER SPKI form."""
        if not self._keys:
            await self._refresh()
        self._check_any()
        return {kid: _spki(key) for kid, key in self._keys.items()}

    async def keep_fresh(self) -> None:
        """Fetch the keys again and again, so that a withdrawn one stops being accepted.

        The first ones are asked for more often: no request has a part in that.
        """
        while True:
            await self._refresh(REFETCH_SECONDS if self._keys else FIRST_SECONDS)
            await asyncio.sleep(FRESH_SECONDS if self._keys else FIRST_SECONDS)

    def _check_any(self) -> None:
        if not self._keys:
            raise UnavailableError("the realm's keys cannot be fetched")

    async def _refresh(self, pause: float = REFETCH_SECONDS) -> None:
        """Start a fetch unless one was started within the pause, and wait for it a little."""
        if self._clock() - self._tried_at >= pause:
            self._tried_at = self._clock()
            self._fetching = asyncio.create_task(self._fetch())
        if self._fetching is not None and not self._fetching.done():
            await asyncio.wait({self._fetching}, timeout=WAIT_SECONDS)

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                answer = await self._client.get(self._url, timeout=FETCH_SECONDS)
            answer.raise_for_status()
            found = KeySet.import_key_set(answer.json())
        except (httpx.HTTPError, JoseError, TimeoutError, *_NO_KEY_SET) as error:
            log.warning("the realm's keys could not be fetched", error=repr(error))
            return
        keys = {key.kid: key for key in found.keys if isinstance(key, RSAKey) and key.kid}
        self.withdrawals += not self._keys.keys() <= keys.keys()
        self._keys = keys


class TokenVerifier:
    """Checks signature, issuer, audience and expiry; remembers verdicts for up to a minute.

    Args:
        keys: the realm's public keys.
        issuer: the only accepted ``iss``.
        audience: must be in ``aud``.
        clock: epoch seconds.
    """

    def __init__(
        self, keys: Keys, *, issuer: str, audience: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._verdicts: OrderedDict[bytes, tuple[Identity, float]] = OrderedDict()
        self._withdrawals = 0

    async def verify(self, token: str) -> Identity:
        """Return whose token it is.

        Raises:
            UnauthenticatedError: not a valid access token of this realm for this audience.
            UnavailableError: no key is known yet and Keycloak does not answer.
        """
        if len(token) > TOKEN_BYTES or not token.isascii():
            raise UnauthenticatedError(f"token: expected at most {TOKEN_BYTES} ASCII characters")
        if self._withdrawals != self._keys.withdrawals:
            self._withdrawals = self._keys.withdrawals
            self._verdicts.clear()
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verdicts.get(digest)
        if known is not None and self._clock() < known[1]:
            return known[0]
        identity = self._identity(await self._signed_payload(token))
        self._remember(digest, identity)
        return identity

    async def keep_fresh(self) -> None:
        """Keep the realm's keys fresh until cancelled."""
        await self._keys.keep_fresh()

    async def _signed_payload(self, token: str) -> bytes:
        try:
            header = _header.decode(_unpadded(token.partition(".")[0]))
            if header.alg != ALGORITHM or header.crit is not msgspec.UNSET:
                raise UnauthenticatedError("token: expected an RS256 signature with a key id")
            key = await self._keys.get(header.kid)
            return jws.deserialize_compact(token, key, algorithms=[ALGORITHM]).payload
        except (JoseError, ValueError, RecursionError) as error:
            raise UnauthenticatedError("token: not a valid signature") from error

    def _identity(self, payload: bytes) -> Identity:
        try:
            claims = _claims.decode(payload)
        except msgspec.DecodeError as error:
            raise UnauthenticatedError("token: not an access token") from error
        now = self._clock()
        audience = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
        if claims.iss != self._issuer:
            raise UnauthenticatedError("token: of another issuer")
        if self._audience not in audience:
            raise UnauthenticatedError("token: for another audience")
        if claims.typ != "Bearer":
            raise UnauthenticatedError("token: not an access token")
        if claims.exp <= now or claims.nbf > now + LEEWAY_SECONDS:
            raise UnauthenticatedError("token: expired or not yet valid")
        return Identity(
            claims.sub,
            claims.user_id,
            frozenset(claims.realm_access.roles),
            claims.azp,
            claims.exp,
        )

    def _remember(self, digest: bytes, identity: Identity) -> None:
        self._verdicts[digest] = (
            identity,
            min(identity.expires_at, self._clock() + VERDICT_SECONDS),
        )
        while len(self._verdicts) > VERDICTS:
            self._verdicts.popitem(last=False)


class ServiceTokens(httpx.Auth):
    """A service's own access token, fetched anew shortly before it expires, or once it is refused.

    A realm that was made anew, or whose keys changed, refuses tokens that are good by the clock.
    Whoever needs one while it is fetched waits for that fetch and shares its outcome: a silent
    Keycloak costs each caller one fetch's time, however many there are.

    Args:
        realm_url: the realm's address for calls inside the cluster.
        client_id: the service's confidential client.
        client_secret: its secret.
        client: HTTP client for the fetches.
    """

    def __init__(
        self, realm_url: str, client_id: str, client_secret: str, client: httpx.AsyncClient
    ) -> None:
        self._url = f"{realm_url}/protocol/openid-connect/token"
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }
        self._client = client
        self._fetching: asyncio.Task[None] | None = None
        self._token = ""
        self._fetched = 0.0
        self._good_until = 0.0

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send a request with the token, once more with a new one if that is refused.

        Raises:
            UnavailableError: as `get`.
        """
        token = await self.get()
        answer = yield _bearing(request, token)
        if answer.status_code in _REFUSED and self._forget(token):
            yield _bearing(request, await self.get())

    def _forget(self, token: str) -> bool:
        """Tell whether there may be a better token: not if this one was new."""
        if token == self._token and time.monotonic() < self._fetched + RENEWAL_SECONDS:
            return False
        if token == self._token:
            self._good_until = 0.0
        return True

    async def get(self) -> str:
        """Return a token that is good for at least half a minute.

        Raises:
            UnavailableError: Keycloak does not answer or refuses the client.
        """
        if time.monotonic() >= self._good_until:
            if self._fetching is None or self._fetching.done():
                self._fetching = asyncio.create_task(self._fetch())
            await asyncio.shield(self._fetching)
        return self._token

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                answer = await self._client.post(self._url, data=self._form, timeout=FETCH_SECONDS)
            answer.raise_for_status()
            fields: dict[str, Any] = answer.json()
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            raise UnavailableError("Keycloak issues no service token") from error
        self._token = str(fields["access_token"])
        self._fetched = time.monotonic()
        self._good_until = self._fetched + max(float(fields["expires_in"]) - 30.0, 1.0)


def _bearing(request: httpx.Request, token: str) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _spki(key: RSAKey) -> str:
    return base64.b64encode(key.as_der(private=False)).decode()
