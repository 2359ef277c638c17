"""Each guard holds under the fault it is there for, and the checker sees it when it is off."""

import asyncio
from contextlib import nullcontext, suppress
from datetime import datetime

import httpx
import pytest

from client import Person, eventually
from faults import figures
from faults.checker import Checker, repeats
from faults.choice import SHORT
from faults.crowd import Crowd, new_name, wish_of
from faults.ledger import Ledger, Likes, Told
from faults.observer import Observer
from faults.stack import FaultStack
from faults.use_cases import NEW
from services.contracts.events import LikeCreated

PUBLISHED = 20 if SHORT else 60

pytestmark = pytest.mark.faults


@pytest.fixture
async def organizer(crowd: Crowd) -> Person:
    return await crowd.organizer()


async def _like(observer: Observer, event_id: str) -> datetime:
    words = dict.fromkeys(("creator_id", "event_name", "user_id", "user_name"), "x")
    return await observer.publish(LikeCreated(event_id=event_id, user_avatar="x", **words))


@pytest.mark.parametrize("guard", ["on", "off"])
async def test_a_consumer_that_dies_after_its_commit_counts_a_like_once_only_with_the_inbox(
    stack: FaultStack,
    crowd: Crowd,
    checker: Checker,
    ledger: Ledger,
    observer: Observer,
    organizer: Person,
    guard: str,
) -> None:
    event_id = await crowd.publish(organizer)
    assert await checker.settle() == []
    async with stack.without("inbox", "events") if guard == "off" else nullcontext():
        async with stack.dying("events", "mongodb commitTransaction"):
            first = await _like(observer, event_id)
        last = await _like(observer, event_id)
        counts = {"on": [first, last], "off": [first, first, last]}[guard]
        ledger.likes[event_id] = Likes(counts)

        async def counted() -> bool:
            return await checker.likes() == []

        await eventually(counted)
    ledger.likes[event_id] = Likes([first, last])
    assert len(await checker.likes()) == {"on": 0, "off": 1}[guard]
    if guard == "off":
        del ledger.likes[event_id]


@pytest.mark.parametrize("guard", ["on", "off"])
async def test_two_relays_publish_everything_once_only_with_the_lease(
    stack: FaultStack,
    crowd: Crowd,
    checker: Checker,
    observer: Observer,
    organizer: Person,
    guard: str,
) -> None:
    assert await checker.settle() == []
    before = repeats(await observer.read())
    async with stack.without("lease", "events") if guard == "off" else nullcontext():
        for _ in range(PUBLISHED // 5):
            await asyncio.gather(*(crowd.publish(organizer) for _ in range(5)))
        assert await checker.settle() == []
    again = repeats(await observer.read()) - before
    figures.note(f"lease {guard}: two relays published {again} messages twice")
    assert (again > 0) is (guard == "off")


async def test_a_relay_that_hangs_is_replaced_and_does_not_publish_again_when_it_goes_on(
    stack: FaultStack, crowd: Crowd, checker: Checker, observer: Observer, organizer: Person
) -> None:
    assert await checker.settle() == []
    before, both = repeats(await observer.read()), stack.replicas["events"]
    holder = await stack.relay_of("events")
    (other,) = set(both) - {holder}
    with stack.frozen(holder):
        stack.replicas["events"] = (other,)
        await crowd.publish(organizer)
        assert await stack.relay_of("events") == other
    stack.replicas["events"] = both
    await crowd.publish(organizer)
    assert await checker.findings() == []
    assert repeats(await observer.read()) == before


async def _register_and_die(stack: FaultStack, crowd: Crowd, write: str) -> str:
    """Have the process that registers somebody die after a write; return the username."""
    wish = wish_of("member", new_name())
    async with stack.dying("users", write):
        with suppress(httpx.HTTPError):
            await crowd.ask("users", "POST", "/register", json=wish)
    return wish["username"]


async def test_without_transactions_a_change_is_stored_that_nobody_hears_of(
    stack: FaultStack, crowd: Crowd, checker: Checker
) -> None:
    async with stack.without("transaction", "users"):
        name = await _register_and_die(stack, crowd, "mongodb insert profiles")
    findings = await checker.findings()
    assert any("has version 1, but told was []" in one for one in findings), findings
    await crowd.delete(await crowd.register("member", name))
    assert await checker.findings() == []


async def test_without_intents_half_a_user_is_left_until_it_signs_in(
    stack: FaultStack, crowd: Crowd, checker: Checker
) -> None:
    async with stack.without("intents", "users"):
        name = await _register_and_die(stack, crowd, "http POST /admin/realms/eventonight/users")
    findings = await checker.findings()
    assert any("half a user" in one for one in findings), findings
    await crowd.register("member", name)
    assert await checker.findings() == []


async def test_without_intents_a_picture_is_left_that_nothing_points_to(
    stack: FaultStack, crowd: Crowd, checker: Checker
) -> None:
    person = await crowd.register("member")
    async with stack.without("intents", "users"), stack.dying("users", "http POST /users/"):
        with suppress(httpx.HTTPError):
            await crowd.send_avatar(person, NEW)
    findings = await checker.findings()
    assert any("nothing points to the picture" in one for one in findings), findings
    await crowd.set_avatar(person, NEW)
    assert await checker.findings() == []


async def test_the_checker_misses_what_was_told_and_is_not_there(
    checker: Checker, ledger: Ledger
) -> None:
    ledger.people["nobody"] = "member"
    ledger.nights["nowhere"] = Told("Nulla", "nobody", (0, 0, 0))
    findings = await checker.findings()
    del ledger.people["nobody"], ledger.nights["nowhere"]
    assert {one.split()[1] for one in findings if one.startswith("lost:")} == {"nobody", "nowhere"}
