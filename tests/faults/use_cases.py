"""Use cases as clients see them: asked for once, asked for again, and what is left in the end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from client import Person
from faults.crowd import Crowd, new_name, wish_of

OLD, NEW = (16, 48, 80), (208, 112, 176)
CLOSE = 12

Colour = tuple[int, int, int]

Step = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Run:
    """One run of a use case, on something of its own.

    Args:
        attempt: asks for it once; a failure counts as no answer.
        again: does what a client does that got no answer, until it has one.
        left: returns what is neither whole nor untouched, beyond what the checker finds.
    """

    attempt: Step
    again: Step
    left: Callable[[], Awaitable[list[str]]]


Begin = Callable[[], Awaitable[Run]]


async def _once(asked: Awaitable[object]) -> None:
    try:
        await asked
    except httpx.HTTPError:
        return


async def _nothing_more() -> list[str]:
    return []


def registering(crowd: Crowd) -> Begin:
    async def begin() -> Run:
        wish = wish_of("organization", new_name())

        async def again() -> None:
            await crowd.register("organization", wish["username"])

        return Run(
            lambda: _once(crowd.ask("users", "POST", "/register", json=wish)), again, _nothing_more
        )

    return begin


def publishing(crowd: Crowd) -> Begin:
    async def begin() -> Run:
        organizer = await crowd.organizer()
        planned = crowd.plan(organizer)

        async def again() -> None:
            await crowd.publish(organizer, planned)

        return Run(lambda: _once(crowd.create(organizer, planned)), again, _nothing_more)

    return begin


def changing_a_poster(crowd: Crowd) -> Begin:
    async def begin() -> Run:
        organizer = await crowd.organizer()
        event_id = await crowd.publish(organizer)
        old = crowd.ledger.nights.pop(event_id).colour
        rows = crowd.stack.database("events")["events"]

        async def left() -> list[str]:
            row = await rows.find_one({"_id": event_id})
            shown = await crowd.picture(f"/events/{event_id}/poster.jpg")
            return _old_or_new(event_id, (shown, row["version"] if row else 0), old)

        return Run(
            lambda: _once(crowd.send_poster(organizer, event_id, NEW)),
            lambda: crowd.set_poster(organizer, event_id, NEW),
            left,
        )

    return begin


def changing_an_avatar(crowd: Crowd) -> Begin:
    """For the first time, or once more: by turns."""
    first = True

    async def begin() -> Run:
        nonlocal first
        person = await crowd.register("member")
        before = await crowd.picture("/users/default.png")
        if not first:
            await crowd.set_avatar(person, OLD)
            before = OLD
        first = not first
        version = await _version(crowd, person)

        async def left() -> list[str]:
            shown = await crowd.picture(f"/users/{person.id}/avatar.jpg")
            now = await _version(crowd, person) - version + 1
            return _old_or_new(person.id, (shown, now), before)

        return Run(
            lambda: _once(crowd.send_avatar(person, NEW)),
            lambda: crowd.set_avatar(person, NEW),
            left,
        )

    return begin


def removing_an_avatar(crowd: Crowd) -> Begin:
    async def begin() -> Run:
        person = await crowd.register("member")
        await crowd.set_avatar(person, OLD)

        async def left() -> list[str]:
            shown = await crowd.picture(f"/users/{person.id}/avatar.jpg")
            default = await crowd.picture("/users/default.png")
            version = await _version(crowd, person) - 1
            whole = _close(shown, default) and version == 2
            untouched = _close(shown, OLD) and version == 1
            return [] if whole or untouched else [f"{person.id}: {shown} at version {version}"]

        return Run(
            lambda: _once(crowd.drop_avatar(person)), lambda: crowd.remove_avatar(person), left
        )

    return begin


def deleting_an_account(crowd: Crowd) -> Begin:
    """Of an organization with a picture of its own and a published night."""

    async def begin() -> Run:
        person = await crowd.register("organization")
        await crowd.set_avatar(person, OLD)
        event_id = await crowd.publish(person)
        del crowd.ledger.people[person.id]

        async def left() -> list[str]:
            row = await crowd.stack.database("events")["events"].find_one({"_id": event_id})
            status = row["status"] if row else "none"
            profiles = crowd.stack.database("users")["profiles"]
            if await profiles.find_one({"_id": person.id}) is None:
                return [] if status == "CANCELLED" else [f"{person.id} left a {status} night"]
            return [] if status == "PUBLISHED" else [f"{person.id} is there, its night {status}"]

        return Run(lambda: _once(crowd.send_deletion(person)), lambda: crowd.delete(person), left)

    return begin


async def _version(crowd: Crowd, person: Person) -> int:
    row = await crowd.stack.database("users")["profiles"].find_one({"_id": person.id})
    return int(row["version"]) if row else 0


def _old_or_new(name: str, found: tuple[Colour, int], old: Colour) -> list[str]:
    """Compare a picture's colour and its owner's version, 1 before, with both whole states."""
    shown, version = found
    untouched = _close(shown, old) and version == 1
    whole = _close(shown, NEW) and version > 1
    return [] if untouched or whole else [f"{name} shows {shown} at version {version}"]


def _close(one: Colour, other: Colour) -> bool:
    return all(abs(a - b) <= CLOSE for a, b in zip(one, other, strict=True))
