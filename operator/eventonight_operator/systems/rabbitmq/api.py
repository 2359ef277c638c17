"""The broker's management API."""

import base64
import hashlib
from typing import Any

import httpx

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.plan import Fields
from eventonight_operator.systems.rabbitmq.topology import NAME
from eventonight_operator.writes import permit

TIMEOUT_SECONDS = 10.0
READS = {"GET"}
ANSWER_SECONDS = 2.0
ASKED = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}


def connect(url: str, username: str, password: str) -> httpx.AsyncClient:
    """Return a client of the management API."""
    base = url.rstrip("/") + "/api/"
    return httpx.AsyncClient(base_url=base, auth=(username, password), timeout=TIMEOUT_SECONDS)


async def rows(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    """Return a list of the broker's objects."""
    found: list[dict[str, Any]] = (await call(client, "GET", path)).json()
    return found


async def call(
    client: httpx.AsyncClient, method: str, path: str, body: Fields | None = None
) -> httpx.Response:
    """Return the broker's answer; deleting what is gone is no error.

    Raises:
        SystemFaultError: it does not answer, refuses the administrator, or the call.
    """
    if method not in READS:
        permit(NAME)
    try:
        answer = await client.request(method, path, json=body)
    except httpx.HTTPError as error:
        raise SystemFaultError("BrokerUnreachable", f"{method} {path}: {error!r}") from error
    if answer.status_code in {401, 403}:
        raise SystemFaultError("BrokerUnauthorized", "the broker refuses the administrator")
    if answer.status_code == httpx.codes.NOT_FOUND and method == "DELETE":
        return answer
    if answer.is_error:
        words = answer.text[:200]
        raise SystemFaultError("Progressing", f"{method} {path}: {answer.status_code} {words}")
    return answer


async def answers(client: httpx.AsyncClient, queue: str) -> bool:
    """Tell whether a queue answers at all, be it by a refusal; one without a leader never does.

    Args:
        client: of the management API.
        queue: its path; nothing is to be lost by taking a message and putting it back.
    """
    try:
        await client.post(f"{queue}/get", json=ASKED, timeout=ANSWER_SECONDS)
    except httpx.ReadTimeout:
        return False
    except httpx.HTTPError as error:
        raise SystemFaultError("BrokerUnreachable", f"POST {queue}/get: {error!r}") from error
    return True


def password_matches(stored: str, password: str) -> bool:
    """Tell whether a password is the one of a stored hash (four bytes of salt, then SHA-256)."""
    raw = base64.b64decode(stored or "")
    salt, digest = raw[:4], raw[4:]
    return hashlib.sha256(salt + password.encode()).digest() == digest
