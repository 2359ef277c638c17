"""/health/ready tells within seconds that a part went away, and that it is back."""

import time

import pytest

from faults.choice import SHORT
from faults.readiness import NEEDED_BY, told
from faults.stack import SERVICES, FaultStack

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("part", ["mongod", "rabbitmq"] if SHORT else [*NEEDED_BY])
async def test_readiness_tells_the_truth_in_time(stack: FaultStack, part: str) -> None:
    await stack.hold(part)
    await told(stack, part, f"{part} away", since=time.monotonic(), ready=False)
    others = [one for one in SERVICES if one not in NEEDED_BY[part][1]]
    unaffected = [await stack.ready(name) for one in others for name in stack.replicas[one]]
    assert all(up for up, _ in unaffected), unaffected
    since = await stack.release(part)
    await told(stack, part, f"{part} back", since=since, ready=True)


async def test_a_database_that_hangs_is_not_ready(stack: FaultStack) -> None:
    with stack.frozen("mongod") as since:
        await told(stack, "mongod", "mongod hangs", since=since, ready=False)
    await told(stack, "mongod", "mongod goes on", since=time.monotonic(), ready=True)
