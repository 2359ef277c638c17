"""What media holds of a person, and how it lets go of people and events.

A farewell is an object that says how much there was before anything was deleted. It makes the
report right however often the work is begun again, and it keeps late uploads out.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec

from services.contracts.errors import InvalidError
from services.contracts.events import UserErased
from services.contracts.personal import File, Item, Line, Section
from services.kit.clock import Clock, instant_text, utc_now
from services.media import domain
from services.media.application.ports import Reports, Store
from services.media.domain import Owner

KEPT = timedelta(days=30)
REST_SECONDS = 6 * 3600.0


class Removed(msgspec.Struct, frozen=True):
    """How many objects there were to remove."""

    pictures: int
    variants: int


class Farewells:
    """The use cases, on ports; each is safe to be done again."""

    def __init__(self, store: Store, reports: Reports, *, clock: Clock = utc_now) -> None:
        self._store = store
        self._reports = reports
        self._clock = clock

    async def user_left(self, user_id: str) -> None:
        """Delete everything of a user and report it."""
        removed = await self.clean("users", user_id)
        await self._reports.erased(
            UserErased(user_id=user_id, service="media", removed=msgspec.structs.asdict(removed))
        )

    async def clean(self, kind: str, entity_id: str) -> Removed:
        """Delete everything of a user or event, and return how much there was at first."""
        try:
            belongs_to = domain.owner(kind, entity_id)
        except InvalidError:
            return Removed(0, 0)
        removed = await self._counted(belongs_to)
        await self._store.delete_all(belongs_to.prefix)
        await self._store.delete_all(belongs_to.variants)
        return removed

    async def _counted(self, belongs_to: Owner) -> Removed:
        said = await self._store.get(belongs_to.farewell)
        if said is not None:
            body = b"".join([chunk async for chunk in said.content])
            return msgspec.json.decode(body, type=Removed)
        removed = Removed(
            pictures=len([one async for one in self._store.listed(belongs_to.prefix)]),
            variants=len([one async for one in self._store.listed(belongs_to.variants)]),
        )
        await self._store.put(belongs_to.farewell, msgspec.json.encode(removed), "application/json")
        return removed

    async def keep_forgetting(self) -> None:
        """Forget old farewells for ever."""
        while True:
            await self.forget_old()
            await asyncio.sleep(REST_SECONDS)

    async def forget_old(self) -> int:
        """Delete farewells that no upload can come after any more, and return how many."""
        limit = self._clock() - KEPT
        old = [
            one.key
            async for one in self._store.listed(f"{domain.DEPARTED}/")
            if one.modified < limit
        ]
        for key in old:
            await self._store.delete(key)
        return len(old)

    async def personal(self, user_id: str) -> AsyncIterator[Line]:
        """Return what is held of a person, and which files belong to it."""
        yield Section(name="pictures", about="Pictures of yours; the files lie beside this one.")
        try:
            prefix = domain.owner("users", user_id).prefix
        except InvalidError:
            return
        async for one in self._store.listed(prefix):
            yield Item({"key": one.key, "bytes": one.size, "storedAt": instant_text(one.modified)})
            yield File(key=one.key, about="a picture of yours")
