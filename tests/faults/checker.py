"""Compares what clients were told with what is stored, published and received."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from client import eventually
from faults.crowd import colour_of
from faults.ledger import Ledger
from faults.observer import Heard, Observer
from faults.stack import DATABASES, FaultStack
from local import parts
from services import catalogue
from services.kit.mongo import Document

SETTLED_SECONDS = 90.0
PAGE = 500
CLOSE_COLOUR = 12
EXACT = 1e-6
QUEUES = tuple(name for queue in catalogue.queues() for name in queue.physical_names)
ROLES = ("member", "organization")


@dataclass
class Stored:
    """Everything that is stored, as of one moment."""

    rows: list[Document] = field(default_factory=list)
    profiles: dict[str, Document] = field(default_factory=dict)
    events: dict[str, Document] = field(default_factory=dict)
    organizations: dict[str, Document] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    pictures: set[str] = field(default_factory=set)


class Checker:
    """Finds contradictions; no findings means nothing lost, nothing doubled, nothing half.

    Args:
        stack: what is looked at.
        ledger: what clients were told.
        observer: what was published.
    """

    def __init__(self, stack: FaultStack, ledger: Ledger, observer: Observer) -> None:
        self._stack = stack
        self._ledger = ledger
        self._observer = observer

    async def findings(self) -> list[str]:
        """Wait until nothing is under way any more and return every contradiction."""
        unsettled = await self.settle()
        stored = await self._stored()
        heard = await self._observer.read()
        return [
            *unsettled,
            *_publishing(stored.rows, heard),
            *_order(stored.rows, heard),
            *self._people(stored),
            *self._erased(heard),
            *self._nights(stored),
            *_pictures(stored),
            *await self._posters(),
            *await self.likes(),
            *await self._dead_letters(),
        ]

    async def settle(self, *, intents: bool = True) -> list[str]:
        """Wait until outboxes, queues and intents are empty; name what is not in time."""

        async def quiet() -> bool:
            found = await self._under_way()
            return not any(n for what, n in found.items() if intents or "intents" not in what)

        try:
            await eventually(quiet, seconds=SETTLED_SECONDS, every=0.2)
        except AssertionError:
            return [f"not settled within {SETTLED_SECONDS} s: {await self._under_way()}"]
        return []

    async def _under_way(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for service in DATABASES:
            database = self._stack.database(service)
            found[f"{service} outbox"] = await database["outbox"].count_documents({"pending": True})
            found[f"{service} intents"] = await database["intents"].count_documents({})
        users, events = self._stack.database("users"), self._stack.database("events")
        theirs = {row["messageId"] async for row in users["outbox"].find({}, {"messageId": 1})}
        seen = {row["_id"] async for row in events["inbox"].find({}, {"_id": 1})}
        found["not received"] = len(theirs - seen)
        return found | await self._observer.depths(*QUEUES)

    async def _dead_letters(self) -> list[str]:
        depths = await self._observer.depths(*(f"{name}.dlq" for name in QUEUES))
        return [f"{depth} dead letters in {name}" for name, depth in depths.items() if depth]

    async def _stored(self) -> Stored:
        users, events = self._stack.database("users"), self._stack.database("events")
        found = Stored(accounts=await self._accounts(), pictures=await self._stack.pictures())
        for service in DATABASES:
            rows = await self._stack.database(service)["outbox"].find({}, {"body": 0}).to_list()
            found.rows += [{**row, "service": service} for row in rows]
        found.profiles = {row["_id"]: row async for row in users["profiles"].find({})}
        found.events = {row["_id"]: row async for row in events["events"].find({})}
        found.organizations = {row["_id"]: row async for row in events["organizations"].find({})}
        return found

    async def _accounts(self) -> dict[str, str]:
        """Return the realm's accounts: their role by the application's id."""
        site, realm = self._stack.setup.site, self._stack.setup.resource.spec.identity.realm.name
        keys = parts.secret(site, "keycloak-admin")
        base = f"http://127.0.0.1:{site.ports['keycloak']}"
        form = {
            "grant_type": "password",
            "client_id": "admin-cli",
            "username": keys["username"],
            "password": keys["password"],
        }
        async with httpx.AsyncClient(base_url=base, timeout=30) as client:
            answer = await client.post("/realms/master/protocol/openid-connect/token", data=form)
            token = answer.raise_for_status().json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            everybody = await _pages(client, f"/admin/realms/{realm}/users")
            roles = {
                row["id"]: role
                for role in ROLES
                for row in await _pages(client, f"/admin/realms/{realm}/roles/{role}/users")
            }
        return {
            row["attributes"]["custom_user_id"][0]: roles.get(row["id"], "none")
            for row in everybody
            if "custom_user_id" in row.get("attributes", {})
        }

    def _people(self, stored: Stored) -> list[str]:
        found = []
        for user_id in stored.accounts.keys() ^ stored.profiles.keys():
            where = "an account" if user_id in stored.accounts else "a profile"
            found.append(f"half a user: {user_id} has only {where}")
        for user_id, role in self._ledger.people.items():
            if user_id not in stored.profiles:
                found.append(f"lost: {user_id} was told to be registered")
            elif stored.profiles[user_id]["role"] != role:
                found.append(f"{user_id} is no {role}")
        found += [
            f"{user_id} was told to be deleted and is there"
            for user_id in self._ledger.gone
            if user_id in stored.profiles or user_id in stored.accounts
        ]
        told = _by_key(stored.rows)
        for user_id, profile in stored.profiles.items():
            found += _history(user_id, profile["version"], told[user_id], "user.created")
            if stored.accounts.get(user_id, profile["role"]) != profile["role"]:
                found.append(f"{user_id} has the role {stored.accounts[user_id]} in Keycloak")
        for user_id in self._ledger.gone:
            if [row["routingKey"] for row in told[user_id]].count("user.deleted") != 1:
                found.append(f"{user_id} is gone, but that was not told once")
        return [*found, *_replica(stored)]

    def _erased(self, heard: Sequence[Heard]) -> list[str]:
        """Look for media's report on everybody who left."""
        told = {one.key for one in heard if one.routing_key == "user.erased"}
        return [f"media did not report on {one}" for one in self._ledger.gone - told]

    def _nights(self, stored: Stored) -> list[str]:
        found, told = [], _by_key(stored.rows)
        titles = Counter(row["title"] for row in stored.events.values())
        found += [f"doubled: {n} nights {title}" for title, n in titles.items() if n > 1]
        for event_id, night in self._ledger.nights.items():
            event = stored.events.get(event_id)
            if event is None or event["title"] != night.title:
                found.append(f"lost: {event_id} was told to be published")
        for event_id, event in stored.events.items():
            found += _history(event_id, event["version"], told[event_id], "event.created")
            found += _history(event_id, event["version"], told[event_id], "event.published")
        return found

    async def _posters(self) -> list[str]:
        """Compare the posters of acknowledged nights with what was sent."""
        found = []
        async with httpx.AsyncClient(base_url=self._stack.address("media"), timeout=30) as client:
            for event_id, night in self._ledger.nights.items():
                answer = await client.get(f"/events/{event_id}/poster.jpg")
                shown = colour_of(answer.content)
                if any(abs(a - b) > CLOSE_COLOUR for a, b in zip(shown, night.colour, strict=True)):
                    found.append(f"{event_id} shows {shown}, sent was {night.colour}")
        return found

    async def likes(self) -> list[str]:
        """Compare the popularity of liked nights with each like counted once."""
        found = []
        rows = self._stack.database("events")["events"]
        for event_id, likes in self._ledger.likes.items():
            event = await rows.find_one({"_id": event_id})
            expected = likes.expected(event["createdAt"]) if event else None
            if event is None or expected is None:
                found.append(f"lost: {event_id} was liked")
            elif abs(event["popularity"] - expected) > EXACT:
                found.append(f"{event_id} has popularity {event['popularity']}, not {expected}")
        return found


async def _pages(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        query: dict[str, str | int] = {
            "first": len(found),
            "max": PAGE,
            "briefRepresentation": "false",
        }
        page = (await client.get(path, params=query)).raise_for_status().json()
        found += page
        if len(page) < PAGE:
            return found


def _by_key(rows: Sequence[Document]) -> defaultdict[str, list[Document]]:
    found: defaultdict[str, list[Document]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["version"], row["position"])):
        found[row["key"]].append(row)
    return found


def _history(key: str, version: int, rows: list[Document], once: str) -> list[str]:
    """Compare what was told of an aggregate with its version, and what is told once with that."""
    names = [row["routingKey"] for row in rows]
    found = []
    if {row["version"] for row in rows} != set(range(1, version + 1)):
        found.append(f"{key} has version {version}, but told was {names}")
    if names.count(once) != 1:
        found.append(f"{key}: {once} was told {names.count(once)} times")
    return found


def _publishing(rows: Sequence[Document], heard: Sequence[Heard]) -> list[str]:
    stored, said = {row["messageId"] for row in rows}, {one.id for one in heard}
    ours = {one.id for one in heard if one.routing_key.partition(".")[0] in {"user", "event"}}
    ours -= {one.id for one in heard if one.routing_key == "user.erased"}
    return [
        *[f"lost: message {one} was stored and never published" for one in stored - said],
        *[f"message {one} was published and never stored" for one in ours - stored],
    ]


def _order(rows: Sequence[Document], heard: Sequence[Heard]) -> list[str]:
    """Compare the first arrivals of each key with the order of its versions.

    Versions are a service's own: what another one reports of the same key does not follow them.
    """
    first: dict[str, int] = {}
    for place, one in enumerate(heard):
        first.setdefault(one.id, place)
    found = []
    for service in DATABASES:
        told_by_it = _by_key([row for row in rows if row["service"] == service])
        for key, told in told_by_it.items():
            places = [first[row["messageId"]] for row in told if row["messageId"] in first]
            if places != sorted(places):
                found.append(f"{service} told of {key} out of order")
    return found


def repeats(heard: Sequence[Heard]) -> int:
    """Return how many messages were published again."""
    return len(heard) - len({one.id for one in heard})


def _pictures(stored: Stored) -> list[str]:
    pointed = {f"events/{one}/poster.jpg" for one, row in stored.events.items() if row["poster"]}
    pointed |= {
        f"users/{one}/avatar.jpg"
        for one, row in stored.profiles.items()
        if row["profile"]["avatar"]
    }
    return [
        *[f"nothing points to the picture {one}" for one in stored.pictures - pointed],
        *[f"lost: the picture {one}" for one in pointed - stored.pictures],
    ]


def _replica(stored: Stored) -> list[str]:
    """Compare what events knows of users with what users knows."""
    found = [
        f"events and users disagree on whether {user_id} exists"
        for user_id in stored.profiles.keys() ^ stored.organizations.keys()
    ]
    for user_id in stored.profiles.keys() & stored.organizations.keys():
        mine, copy = stored.profiles[user_id], stored.organizations[user_id]
        here = (mine["role"], mine["profile"]["name"], mine["version"])
        if (copy["role"], copy["name"], copy["version"]) != here:
            found.append(f"events knows {user_id} otherwise than users")
    return found
