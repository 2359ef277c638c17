"""Clients that do what clients do when something fails: look, sign in, or ask again."""

import asyncio
import io
import itertools
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from PIL import Image

from client import PASSWORD, Person, local_date
from faults.ledger import Ledger, Told
from faults.stack import FaultStack

PATIENCE = 150.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0

Step = Callable[[], Awaitable[Any]]
Colour = tuple[int, int, int]


class Crowd:
    """Many clients; what they are told goes into the ledger.

    Args:
        stack: whose replicas they talk to, in turn.
        ledger: of the session.
    """

    def __init__(self, stack: FaultStack, ledger: Ledger) -> None:
        self.stack = stack
        self.ledger = ledger
        self.http = httpx.AsyncClient(timeout=30)
        self._turns = itertools.count()
        self._numbers = itertools.count()
        self._organizer: Person | None = None

    async def ask(self, service: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Return the answer of the next replica.

        Raises:
            httpx.HTTPError: nobody can tell what became of the request.
        """
        replicas = self.stack.replicas[service]
        url = self.stack.address(replicas[next(self._turns) % len(replicas)]) + path
        return await self.http.request(method, url, **options)

    async def until_told(self, step: Step) -> Any:
        """Repeat a step until it returns something, as a person would; fail after a while."""
        deadline, pause = time.monotonic() + PATIENCE, FIRST_PAUSE
        trouble: object = None
        found: Any
        while time.monotonic() < deadline:
            try:
                found = await step()
            except httpx.HTTPError as error:
                found, trouble = None, repr(error)
            if isinstance(found, httpx.Response):
                found, trouble = None, f"{found.status_code} {found.text[:200]}"
            if found is not None:
                return found
            self.ledger.retries += 1
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        raise AssertionError(f"no answer within {PATIENCE} s; the last was {trouble}")

    async def register(self, role: str, name: str | None = None) -> Person:
        """Register somebody; ask again, and sign in where the name turns out to be taken."""
        wish = wish_of(role, name or new_name())

        async def step() -> Any:
            answer = await self.ask("users", "POST", "/register", json=wish)
            if answer.status_code == 201:
                return answer.json()
            if answer.status_code == 400:
                return await self._signed_in(wish["username"])
            return answer

        found = await self.until_told(step)
        self.ledger.people[found["id"]] = role
        return Person(
            found["id"],
            wish["username"],
            wish["email"],
            role,
            found["accessToken"],
            found["refreshToken"],
        )

    async def sign_in(self, person: Person) -> Person:
        """Sign somebody in anew."""
        found = await self.until_told(lambda: self._signed_in(person.username))
        person.access, person.refresh = found["accessToken"], found["refreshToken"]
        return person

    async def _signed_in(self, username: str) -> Any:
        body = {"username": username, "password": PASSWORD}
        answer = await self.ask("users", "POST", "/login", json=body)
        return answer.json() if answer.status_code == 200 else answer

    def plan(self, organizer: Person) -> Told:
        """Return a night that is like no other."""
        number = next(self._numbers)
        colour = [number // step % 8 * 32 + 16 for step in (1, 8, 64)]
        return Told(new_name(), organizer.id, (colour[0], colour[1], colour[2]))

    async def publish(self, organizer: Person, planned: Told | None = None) -> str:
        """Publish a night with a poster; look whether it is there before asking once more."""
        told, asked = planned or self.plan(organizer), planned is not None

        async def step() -> Any:
            nonlocal asked
            known = await self._found(organizer, told.title) if asked else None
            asked = True
            return await self.create(organizer, told) if known is None else known

        event_id = str(await self.until_told(step))
        self.ledger.nights[event_id] = told
        return event_id

    async def _found(self, organizer: Person, title: str) -> Any:
        """Return the id of an organization's night, if there is one, or a failed answer."""
        query = {"organizationId": organizer.id, "title": title}
        answer = await self.ask("events", "GET", "/search", params=query, headers=organizer.auth)
        if answer.status_code != 200:
            return answer
        return next((item["eventId"] for item in answer.json()["items"]), None)

    async def create(self, organizer: Person, told: Told) -> Any:
        """Ask once for a night with its poster; return its id, or the answer if there is none."""
        event = {
            "creatorId": organizer.id,
            "status": "PUBLISHED",
            "title": told.title,
            "date": local_date(days=10),
            "location": {"name": "Teatro Verdi", "city": "Cesena"},
            "tags": ["Party"],
        }
        files: dict[str, Any] = {
            "event": (None, json.dumps(event)),
            "poster": ("poster.png", painted(told.colour), "image/png"),
        }
        answer = await self.ask("events", "POST", "/", files=files, headers=organizer.auth)
        if answer.status_code == 401:
            await self.sign_in(organizer)
        if answer.status_code == 207:
            event_id = answer.json()["eventId"]
            await self.set_poster(organizer, event_id, told.colour)
            return event_id
        return answer.json()["eventId"] if answer.status_code == 201 else answer

    async def send_poster(self, organizer: Person, event_id: str, colour: Colour) -> httpx.Response:
        """Ask once for another poster of a night."""
        files = {"poster": ("poster.png", painted(colour), "image/png")}
        path = f"/{event_id}/poster"
        return await self.ask("events", "POST", path, files=files, headers=organizer.auth)

    async def set_poster(self, organizer: Person, event_id: str, colour: Colour) -> None:
        """Give a night another poster."""
        await self._until(lambda: self.send_poster(organizer, event_id, colour), {200})

    async def send_avatar(self, person: Person, colour: Colour) -> httpx.Response:
        """Ask once for another picture of somebody."""
        files = {"avatar": ("avatar.png", painted(colour), "image/png")}
        path = f"/{person.id}/avatar"
        return await self.ask("users", "POST", path, files=files, headers=person.auth)

    async def set_avatar(self, person: Person, colour: Colour) -> None:
        """Give somebody another picture."""
        await self._until(lambda: self.send_avatar(person, colour), {200})

    async def drop_avatar(self, person: Person) -> httpx.Response:
        """Ask once for the default picture of somebody."""
        return await self.ask("users", "DELETE", f"/{person.id}/avatar", headers=person.auth)

    async def remove_avatar(self, person: Person) -> None:
        """Give somebody the default picture."""
        await self._until(lambda: self.drop_avatar(person), {204})

    async def send_deletion(self, person: Person) -> httpx.Response:
        """Ask once for the deletion of somebody's account."""
        return await self.ask("users", "DELETE", f"/{person.id}", headers=person.auth)

    async def delete(self, person: Person) -> None:
        """Delete somebody's account; gone is gone."""
        await self._until(lambda: self.send_deletion(person), {204, 404})
        self.ledger.people.pop(person.id, None)
        self.ledger.gone.add(person.id)

    async def picture(self, path: str) -> Colour:
        """Return the colour that media shows."""
        found: Colour | None = None

        async def step() -> Any:
            nonlocal found
            answer = await self.ask("media", "GET", path)
            found = colour_of(answer.content) if answer.status_code == 200 else None
            return found or answer

        await self.until_told(step)
        assert found is not None
        return found

    async def organizer(self) -> Person:
        """Return an organization that is signed in."""
        if self._organizer is None:
            self._organizer = await self.register("organization")
        return await self.sign_in(self._organizer)

    async def _until(
        self, request: Callable[[], Awaitable[httpx.Response]], done: set[int]
    ) -> None:
        async def step() -> Any:
            answer = await request()
            return True if answer.status_code in done else answer

        await self.until_told(step)

    async def rename(self, person: Person, name: str) -> None:
        """Give somebody another display name."""

        async def step() -> Any:
            body = {
                "accountDTO": {"darkMode": False, "language": "it"},
                "profileDTO": {"name": name},
            }
            answer = await self.ask("users", "PUT", f"/{person.id}", json=body, headers=person.auth)
            if answer.status_code == 401:
                await self.sign_in(person)
            return True if answer.status_code == 204 else answer

        await self.until_told(step)


def new_name() -> str:
    return f"f-{uuid.uuid4().hex[:12]}"


def wish_of(role: str, name: str) -> dict[str, str]:
    """Return the body of a registration."""
    return {
        "username": name,
        "email": f"{name}@example.com",
        "role": role,
        "password": PASSWORD,
    }


def painted(colour: Colour) -> bytes:
    """Return a small picture of one colour."""
    content = io.BytesIO()
    Image.new("RGB", (40, 60), colour).save(content, "PNG")
    return content.getvalue()


def colour_of(content: bytes) -> Colour:
    """Return the colour of a picture's middle."""
    with Image.open(io.BytesIO(content)) as opened:
        shown = opened.convert("RGB")
        found: Any = shown.getpixel((shown.width // 2, shown.height // 2))
    return found[0], found[1], found[2]
