"""Whether /health/ready tells the truth, and how soon."""

import asyncio
import time

from client import eventually
from faults import figures
from faults.stack import SERVICES, FaultStack

BAR_SECONDS = 5.0

# What each part is called by the services that need it.
NEEDED_BY = {
    "mongod": ("mongodb", ("users", "events")),
    "rabbitmq": ("rabbitmq", SERVICES),
    "keycloak": ("keycloak", ("users",)),
    "s3": ("s3", ("media",)),
    "redis": ("redis", ()),
}


async def told(
    stack: FaultStack, part: str, what: str, *, since: float, ready: bool, anybody: bool = False
) -> None:
    """Wait until every replica that needs a part says how it is; fail beyond the bar.

    Args:
        stack: whose replicas are asked.
        part: what is away, or back.
        what: words for the figures.
        since: from when on, in monotonic seconds.
        ready: whether they have to be ready, or not ready because of this part.
        anybody: one replica that says so is enough.
    """
    name, services = NEEDED_BY[part]

    async def said(replica: str) -> bool:
        up, body = await stack.ready(replica)
        error = body.get("dependencies", {}).get(name, {}).get("error")
        return up if ready else not up and error is not None

    async def all_said() -> bool:
        names = [one for service in services for one in stack.replicas[service]]
        found = await asyncio.gather(*map(said, names))
        return any(found) if anybody else all(found)

    await eventually(all_said, seconds=4 * BAR_SECONDS, every=0.1)
    seconds = time.monotonic() - since
    figures.measure(f"{what}: readiness {'up' if ready else 'down'}", seconds)
    assert seconds <= BAR_SECONDS, f"readiness told only after {seconds:.1f} s: {what}"
