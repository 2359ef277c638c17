"""Tokens that look like a good one."""

import base64
import hmac
import json
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

OWN_KEY = RSAKey.generate_key(2048)


def bare(content: object) -> str:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def decoded(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def headed(good: str, **changes: object) -> str:
    head, payload, signature = good.split(".")
    return f"{bare(decoded(head) | changes)}.{payload}.{signature}"


def claiming(good: str, **changes: object) -> str:
    head, payload, signature = good.split(".")
    return f"{head}.{bare(decoded(payload) | changes)}.{signature}"


def signed_by_us(good: str, **changes: object) -> str:
    head, payload = (decoded(part) for part in good.split(".")[:2])
    return jwt.encode(head | changes, payload, OWN_KEY, algorithms=["RS256"])


def unsigned(good: str, name: str) -> str:
    return headed(good, alg=name).rpartition(".")[0] + "."


def keyed(good: str, secret: bytes) -> str:
    text = headed(good, alg="HS256").rpartition(".")[0]
    return f"{text}.{bare(hmac.digest(secret, text.encode(), 'sha256'))}"
