"""Parts that are away for long, hang, are full, or will not be written to."""

import asyncio
import time
from collections.abc import Awaitable

import pytest

from client import Person, eventually
from faults.checker import Checker
from faults.choice import SHORT
from faults.crowd import Crowd, new_name, wish_of
from faults.ledger import Ledger
from faults.readiness import told
from faults.recovery import Recovery
from faults.stack import FaultStack
from services.kit.mongo import Document

AWAY_SECONDS = 15.0 if SHORT else 120.0
FROZEN_SECONDS = 12.0 if SHORT else 60.0
REFUSING_SECONDS = 6.0
STEPPED_DOWN_SECONDS = 10
EACH = 8 if SHORT else 20
NO_DISK = 14031
WRITES = ["insert", "update", "delete", "findAndModify", "commitTransaction"]
FAILING: dict[str, Document] = {
    "refuses": {"failCommands": WRITES, "errorCode": NO_DISK},
    "hangs up": {"failCommands": WRITES, "closeConnection": True},
    # A code that says the server shuts down would have drivers wait for another that never comes.
    "does not say": {
        "failCommands": ["commitTransaction", "insert", "update"],
        "writeConcernError": {
            "code": 64,
            "errmsg": "no majority in time, outcome unknown",
            "errInfo": {"wtimeout": True},
        },
    },
}

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
async def organizer(crowd: Crowd) -> Person:
    return await crowd.register("organization")


async def _some(crowd: Crowd, organizer: Person) -> None:
    """Register and publish, a few at a time."""
    await crowd.sign_in(organizer)
    for _ in range(EACH // 4):
        works: list[Awaitable[object]] = [crowd.register("member"), crowd.register("organization")]
        await asyncio.gather(*works, crowd.publish(organizer), crowd.publish(organizer))


async def test_a_broker_that_is_away_for_long_keeps_nobody_from_anything(
    stack: FaultStack,
    crowd: Crowd,
    checker: Checker,
    ledger: Ledger,
    canary: Person,
    organizer: Person,
) -> None:
    await stack.hold("rabbitmq")
    gone, retries = time.monotonic(), ledger.retries
    await _some(crowd, organizer)
    assert ledger.retries == retries
    await asyncio.sleep(max(0.0, gone + AWAY_SECONDS - time.monotonic()))
    since = await stack.release("rabbitmq")
    await Recovery(stack, crowd, canary).measured(
        f"rabbitmq after {AWAY_SECONDS:.0f} s away", since
    )
    assert await checker.findings() == []


async def test_a_broker_that_hangs_keeps_nobody_from_anything(
    stack: FaultStack, crowd: Crowd, checker: Checker, canary: Person, organizer: Person
) -> None:
    with stack.frozen("rabbitmq") as since:
        await told(stack, "rabbitmq", "rabbitmq hangs", since=since, ready=False)
        await _some(crowd, organizer)
        await asyncio.sleep(max(0.0, since + FROZEN_SECONDS - time.monotonic()))
    since = time.monotonic()
    await Recovery(stack, crowd, canary).measured("rabbitmq after hanging", since)
    assert await checker.findings() == []


async def test_a_broker_without_disk_is_not_ready_and_loses_nothing(
    stack: FaultStack, crowd: Crowd, checker: Checker, canary: Person, organizer: Person
) -> None:
    await stack.broker_command("set_disk_free_limit", "100000GB")
    await _some(crowd, organizer)
    await told(
        stack, "rabbitmq", "rabbitmq full", since=time.monotonic(), ready=False, anybody=True
    )
    await stack.broker_command("set_disk_free_limit", "200MB")
    since = time.monotonic()
    await Recovery(stack, crowd, canary).measured("rabbitmq after a full disk", since)
    assert await checker.findings() == []


async def test_a_database_without_disk_refuses_with_503_and_keeps_answering_reads(
    stack: FaultStack, crowd: Crowd, checker: Checker, canary: Person, organizer: Person
) -> None:
    wish, started = wish_of("member", new_name()), time.monotonic()
    async with stack.failing({"failCommands": WRITES, "errorCode": NO_DISK}):
        for asked in (
            crowd.ask("users", "POST", "/register", json=wish),
            crowd.create(organizer, crowd.plan(organizer)),
        ):
            refused = await asked
            assert refused.status_code == 503, refused.text
            assert refused.headers["Retry-After"]
        assert (await crowd.ask("events", "GET", "/search")).status_code == 200
        assert (await crowd.ask("users", "GET", f"/{canary.id}")).status_code == 200
        await asyncio.sleep(max(0.0, started + REFUSING_SECONDS - time.monotonic()))
    since = time.monotonic()
    await Recovery(stack, crowd, canary).measured("mongod after a full disk", since)
    assert await checker.findings() == []


@pytest.mark.parametrize("how", ["does not say"] if SHORT else FAILING)
async def test_writes_that_fail_now_and_then_leave_nothing_half(
    stack: FaultStack, crowd: Crowd, checker: Checker, organizer: Person, how: str
) -> None:
    async with stack.failing(FAILING[how], probability=0.25):
        await _some(crowd, organizer)
    assert await checker.findings() == []


async def test_a_database_that_is_read_only_for_a_while_loses_nothing(
    stack: FaultStack, crowd: Crowd, checker: Checker, canary: Person, organizer: Person
) -> None:
    down = {
        "replSetStepDown": STEPPED_DOWN_SECONDS,
        "secondaryCatchUpPeriodSecs": 0,
        "force": True,
    }
    running = asyncio.create_task(_some(crowd, organizer))
    await stack.command(down)
    await told(stack, "mongod", "mongod read-only", since=time.monotonic(), ready=False)

    async def primary() -> bool:
        return bool((await stack.command({"hello": 1}))["isWritablePrimary"])

    await eventually(primary, seconds=60)
    since = time.monotonic()
    await Recovery(stack, crowd, canary).measured("mongod after being read-only", since)
    await running
    assert await checker.findings() == []
