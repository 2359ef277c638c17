"""A client as an independent party would write it: plain HTTP, the contract's words."""

import asyncio
import io
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx
from PIL import Image

from servers import Servers

PASSWORD = "correct-horse-7!"


@dataclass
class Person:
    """Somebody signed in."""

    id: str
    username: str
    email: str
    role: str
    access: str
    refresh: str

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}


class Client:
    """Talks to the services directly and to the gateway by host."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.http = httpx.AsyncClient(timeout=30)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def users(self, method: str, path: str, **options: Any) -> httpx.Response:
        return await self.http.request(method, self.servers.url("users") + path, **options)

    async def events(self, method: str, path: str, **options: Any) -> httpx.Response:
        return await self.http.request(method, self.servers.url("events") + path, **options)

    async def media(self, method: str, path: str, **options: Any) -> httpx.Response:
        return await self.http.request(method, self.servers.url("media") + path, **options)

    async def gateway(
        self, method: str, path: str, *, host: str = "", **options: Any
    ) -> httpx.Response:
        site = self.servers.setup.site
        headers = {"Host": f"{host}.{site.host}" if host else site.host}
        headers |= options.pop("headers", {})
        url = f"http://127.0.0.1:{site.ports['gateway']}{path}"
        return await self.http.request(method, url, headers=headers, **options)

    async def register(self, role: str = "member", username: str | None = None) -> Person:
        name = username or f"u-{uuid.uuid4().hex[:10]}"
        email = f"{uuid.uuid4().hex[:10]}@example.com"
        body = {"username": name, "email": email, "password": PASSWORD, "role": role}
        answer = await self.users("POST", "/register", json=body)
        assert answer.status_code == 201, answer.text
        found = answer.json()
        return Person(found["id"], name, email, role, found["accessToken"], found["refreshToken"])

    async def create_event(
        self, organizer: Person, *, poster: bytes | None = None, **fields: Any
    ) -> str:
        answer = await self.post_event(organizer, poster=poster, **fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["eventId"])

    async def post_event(
        self, organizer: Person, *, poster: bytes | None = None, **fields: Any
    ) -> httpx.Response:
        event = {
            "creatorId": organizer.id,
            "status": "PUBLISHED",
            "title": "Mezzanotte in Piazza",
            "date": local_date(days=10),
            "location": {"name": "Teatro Verdi", "city": "Cesena", "lat": 44.14, "lon": 12.24},
            "tags": ["Party", "Club"],
            **fields,
        }
        event = {key: value for key, value in event.items() if value is not None}
        files: dict[str, Any] = {"event": (None, json.dumps(event))}
        if event.get("status") == "PUBLISHED" or poster is not None:
            files["poster"] = ("poster.jpg", poster or picture(), "image/jpeg")
        return await self.events("POST", "/", files=files, headers=organizer.auth)


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 80)) -> bytes:
    """Return the bytes of a small picture."""
    content = io.BytesIO()
    Image.new("RGB", size, (120, 40, 160)).save(content, kind)
    return content.getvalue()


def local_date(**ahead: float) -> str:
    """Return a date-time without zone, so far from now."""
    moment = datetime.now(UTC) + timedelta(**ahead)
    return moment.replace(tzinfo=None, microsecond=0).isoformat()


async def eventually(
    check: Callable[[], Awaitable[Any]], *, seconds: float = 20.0, every: float = 0.1
) -> Any:
    """Return the first true answer of a check; fail after a deadline."""

    deadline = time.monotonic() + seconds
    while True:
        found = await check()
        if found:
            return found
        assert time.monotonic() < deadline, f"not true within {seconds} s: {check}"
        await asyncio.sleep(every)
