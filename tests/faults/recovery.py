"""How long until the product is whole again: ready, serving, and nothing left behind."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Coroutine

from pymongo.errors import PyMongoError

from client import Person, eventually
from faults import figures
from faults.crowd import Crowd, painted
from faults.stack import DATABASES, SERVICES, FaultStack

BAR_SECONDS = 15.0


class Recovery:
    """Measures from a part's return on.

    Args:
        stack: what was broken.
        crowd: clients to be served.
        canary: an organization whose name travels to the other services.
    """

    def __init__(self, stack: FaultStack, crowd: Crowd, canary: Person) -> None:
        self._stack = stack
        self._crowd = crowd
        self._canary = canary

    async def measured(self, part: str, since: float) -> None:
        """Wait until everything is whole again; fail beyond the bar.

        Args:
            part: what came back.
            since: when that was, in monotonic seconds.
        """
        backlog = await self._backlog()
        works = {
            "every replica ready": self._ready(),
            "sign-in, search, picture and upload served": self._served(),
            "backlog published, a change consumed elsewhere": self._through(backlog),
        }

        async def timed(what: str, work: Coroutine[None, None, None]) -> None:
            await work
            figures.measure(f"{part} back: {what}", time.monotonic() - since)

        async with asyncio.timeout(90), asyncio.TaskGroup() as group:
            for what, work in works.items():
                group.create_task(timed(what, work))
        seconds = time.monotonic() - since
        assert seconds <= BAR_SECONDS, f"whole only {seconds:.1f} s after {part} was back"

    async def _backlog(self) -> dict[str, list[object]]:
        found: dict[str, list[object]] = {}

        async def read() -> bool:
            for service in DATABASES:
                rows = self._stack.database(service)["outbox"].find({"pending": True}, {"_id": 1})
                found[service] = [row["_id"] async for row in rows]
            return True

        await eventually(lambda: _calm(read()), seconds=60)
        return found

    async def _ready(self) -> None:
        async def all_ready() -> bool:
            names = [name for service in SERVICES for name in self._stack.replicas[service]]
            said = await asyncio.gather(*map(self._stack.ready, names))
            return all(up for up, _ in said)

        await eventually(all_ready, seconds=60, every=0.1)

    async def _served(self) -> None:
        crowd, person = self._crowd, self._canary

        async def ok(service: str, method: str, path: str, **options: object) -> None:
            async def step() -> object:
                answer = await crowd.ask(service, method, path, **options)
                done = {200, 404} if method == "DELETE" else {200}
                return True if answer.status_code in done else answer

            await crowd.until_told(step)

        await crowd.sign_in(person)
        await ok("events", "GET", "/search")
        await ok("media", "GET", "/users/default.png")
        files = {"file": ("probe.png", painted((1, 2, 3)), "image/png")}
        await ok("media", "POST", f"/users/{person.id}", files=files, headers=person.auth)
        await ok("media", "DELETE", f"/users/{person.id}/probe.png", headers=person.auth)

    async def _through(self, backlog: dict[str, list[object]]) -> None:
        name = f"Canary {uuid.uuid4().hex[:8]}"
        await self._crowd.rename(self._canary, name)

        async def known() -> bool:
            return await _calm(renamed())

        async def renamed() -> bool:
            copy = self._stack.database("events")["organizations"]
            row = await copy.find_one({"_id": self._canary.id})
            return row is not None and row["name"] == name

        async def published() -> bool:
            left = 0
            for service, ids in backlog.items():
                rows = self._stack.database(service)["outbox"]
                left += await rows.count_documents({"_id": {"$in": ids}, "pending": True})
            return left == 0

        await eventually(known, seconds=60, every=0.1)
        await eventually(published, seconds=60, every=0.1)


async def _calm(work: Awaitable[bool]) -> bool:
    """Return what a check says, ``False`` while the database is not to be had."""
    try:
        return await work
    except PyMongoError:
        return False
