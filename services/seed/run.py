"""Brings the demo in: accounts, profiles, nights; what is there already is left alone."""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from services.seed import people, posters
from services.seed.nights import Night, nights
from services.seed.people import EVERYBODY, PASSWORD, Person

CALL_SECONDS = 30.0
TRIES = 4
AT_ONCE = 4
PAGE = 20
PAGES = 50
SYNC_SECONDS = 30.0


class SeedError(Exception):
    """The API does not answer, or not as it should."""


class Session(msgspec.Struct, frozen=True):
    """Somebody signed in."""

    id: str
    headers: dict[str, str]


def accounts() -> list[dict[str, str]]:
    """Return the demo accounts for people to read."""
    return [
        {
            "name": one.name,
            "username": one.username,
            "email": one.email,
            "password": PASSWORD,
            "role": one.role,
        }
        for one in EVERYBODY
    ]


class Seed:
    """One run against a gateway.

    Args:
        gateway: address of the main host.
        client: HTTP client.
    """

    def __init__(self, gateway: str, client: httpx.AsyncClient) -> None:
        self._base = f"{gateway.rstrip('/')}/api"
        self._client = client
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.made = {"accounts": 0, "events": 0}

    async def run(self) -> None:
        """Bring in what is missing.

        Raises:
            SeedError: the API refuses or does not answer.
        """
        found = await asyncio.gather(*(self._account(one) for one in EVERYBODY))
        sessions = {one.username: session for one, session in zip(EVERYBODY, found, strict=True)}
        _say(f"{len(sessions)} accounts, {self.made['accounts']} of them new")
        wanted = nights(datetime.now(UTC).replace(tzinfo=None))
        known = await asyncio.gather(
            *(self._titles(sessions[one.username]) for one in people.ORGANIZATIONS)
        )
        titles = {one.username: own for one, own in zip(people.ORGANIZATIONS, known, strict=True)}
        missing = [one for one in wanted if one.title not in titles[one.organizer]]
        for fate in ("completed", "published", "cancelled", "draft"):
            group = [one for one in missing if one.fate == fate]
            await asyncio.gather(*(self._night(one, sessions) for one in group))
        _say(f"{len(wanted)} events, {self.made['events']} of them new")

    async def _account(self, person: Person) -> Session:
        login = {"username": person.username, "password": PASSWORD}
        answer = await self._call("POST", "users/login", json=login, expected={200, 401})
        new = answer.status_code == httpx.codes.UNAUTHORIZED
        if new:
            body = {**login, "email": person.email, "role": person.role}
            answer = await self._call("POST", "users/register", json=body, expected={201})
        fields = answer.json()
        session = Session(fields["id"], {"Authorization": f"Bearer {fields['accessToken']}"})
        if new:
            await self._profile(person, session)
            self.made["accounts"] += 1
        return session

    async def _profile(self, person: Person, session: Session) -> None:
        birth = f"{person.birth_year}-06-15T00:00:00.000Z" if person.birth_year else None
        body = {
            "accountDTO": {
                "darkMode": True,
                "language": person.language,
                "birthDate": birth,
                "interests": list(person.interests),
            },
            "profileDTO": {
                "name": person.name,
                "bio": person.bio,
                "contacts": [person.link] if person.link else [],
            },
        }
        path = f"users/{session.id}"
        await self._call("PUT", path, json=body, headers=session.headers, expected={204})
        picture = await asyncio.to_thread(posters.avatar, person.name)
        files = {"avatar": ("image.jpg", picture, "image/jpeg")}
        await self._call(
            "POST", f"{path}/avatar", files=files, headers=session.headers, expected={200}
        )

    async def _titles(self, session: Session) -> set[str]:
        found: set[str] = set()
        for page in range(PAGES):
            query = {"organizationId": session.id, "limit": PAGE, "offset": page * PAGE}
            answer = await self._call(
                "GET", "events/search", params=query, headers=session.headers, expected={200}
            )
            body = answer.json()
            found |= {one.get("title", "") for one in body["items"]}
            if not body["hasMore"]:
                break
        return found

    async def _night(self, night: Night, sessions: dict[str, Session]) -> None:
        organizer = sessions[night.organizer]
        others = [sessions[one].id for one in night.collaborators]
        when = night.date.strftime("%d.%m. %H:%M")
        files = {
            "event": (None, json.dumps(_event(night, organizer.id, others))),
            "poster": (
                "image.jpg",
                await asyncio.to_thread(posters.poster, night.title, night.place.name, when),
                "image/jpeg",
            ),
        }
        answer = await self._until_known(files, organizer)
        self.made["events"] += 1
        if night.fate == "cancelled":
            path = f"events/{answer.json()['eventId']}"
            await self._call("DELETE", path, headers=organizer.headers, expected={200})

    async def _until_known(self, files: Any, organizer: Session) -> httpx.Response:
        """Create an event once its collaborators, who have just registered, are known there."""
        deadline = time.monotonic() + SYNC_SECONDS
        while True:
            answer = await self._call(
                "POST", "events/", files=files, headers=organizer.headers, expected={201, 400}
            )
            if answer.status_code == httpx.codes.CREATED:
                return answer
            if "collaboratorIds" not in answer.text or time.monotonic() > deadline:
                raise SeedError(f"an event was refused: {answer.text[:200]}")
            await asyncio.sleep(0.5)

    async def _call(
        self, method: str, path: str, *, expected: set[int], **options: Any
    ) -> httpx.Response:
        said = ""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(0.5 * 2**attempt)
            try:
                async with self._gate:
                    answer = await self._client.request(
                        method, f"{self._base}/{path}", timeout=CALL_SECONDS, **options
                    )
            except httpx.HTTPError as error:
                said = repr(error)
                continue
            if answer.status_code in expected:
                return answer
            said = f"{answer.status_code} {answer.text[:200]}"
            if answer.status_code not in {429, 502, 503, 504}:
                break
        raise SeedError(f"{method} {path}: {said}")


def _event(night: Night, organizer: str, others: list[str]) -> dict[str, object]:
    place = night.place
    return {
        "creatorId": organizer,
        "status": "DRAFT" if night.fate == "draft" else "PUBLISHED",
        "title": night.title,
        "description": night.description,
        "tags": list(night.tags),
        "date": night.date.isoformat(),
        "collaboratorIds": others,
        "location": {
            "name": place.name,
            "city": place.city,
            "country": place.country,
            "country_code": place.code,
            "lat": place.lat,
            "lon": place.lon,
        },
    }


async def seed(gateway: str, wait: float, host: str = "") -> None:
    """Wait for the API, then bring the demo in.

    Args:
        gateway: address that is connected to.
        wait: seconds the API may take to be ready.
        host: main host, where the address has another one.

    Raises:
        SeedError: the API is not reachable in time, or refuses.
    """
    async with httpx.AsyncClient(headers={"Host": host} if host else {}) as client:
        await _reachable(client, gateway, wait)
        await Seed(gateway, client).run()


async def _reachable(client: httpx.AsyncClient, gateway: str, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            answers = [
                await client.get(f"{gateway.rstrip('/')}/api/{name}/health/ready", timeout=5)
                for name in ("users", "events", "media")
            ]
        except httpx.HTTPError as error:
            trouble = repr(error)
        else:
            if all(one.is_success for one in answers):
                return
            trouble = ", ".join(str(one.status_code) for one in answers)
        if time.monotonic() > deadline:
            raise SeedError(f"{gateway} is not ready within {wait:g} s: {trouble}")
        await asyncio.sleep(0.5)


def _say(words: str) -> None:
    sys.stdout.write(f"  {words}\n")
    sys.stdout.flush()
