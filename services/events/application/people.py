"""What events know of people: kept up, handed out, and let go of when they leave."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from typing import Any

from services.contracts import events as facts
from services.contracts.personal import File, Item, Line, Section
from services.events.application.nights import Nights
from services.events.application.ports import (
    FAREWELL,
    Events,
    Organizations,
    Outbox,
    People,
    Unfinished,
)
from services.events.domain.event import Event, Status
from services.kit.clock import Clock, instant_text, local_text, utc_now
from services.kit.mongo import Transaction

KEPT_REASON = "others have tickets, likes and reviews of them; they no longer name who made them"


class Acquaintances:
    """The use cases, on ports; each is safe to be done again."""

    def __init__(
        self,
        *,
        events: Events,
        people: People,
        organizations: Organizations,
        outbox: Outbox,
        unfinished: Unfinished,
        transaction: Transaction,
        nights: Nights,
        clock: Clock = utc_now,
    ) -> None:
        self._events = events
        self._people = people
        self._organizations = organizations
        self._outbox = outbox
        self._unfinished = unfinished
        self._transaction = transaction
        self._nights = nights
        self._clock = clock

    async def know(self, user: facts.UserProfile, version: int) -> None:
        """Keep what is needed of a user."""
        await self._organizations.put(user.id, user.role, user.name, version)

    async def forget(self, user_id: str) -> None:
        """Let go of a user and report it; inside the caller's transaction.

        Somebody's last request may have begun before: a second look after a while takes what it
        left (`settle_farewell`).
        """
        await self._unfinished.open(FAREWELL, user_id)
        report = await self._let_go(user_id)
        await self._outbox.append(report, key=user_id, version=1)

    async def settle_farewell(self, user_id: str, _: Mapping[str, Any]) -> None:
        """Take what a request left that was under way when its user was let go of."""

        async def work() -> None:
            await self._let_go(user_id)
            await self._unfinished.close(FAREWELL, user_id)

        await self._transaction(work)

    async def _let_go(self, user_id: str) -> facts.UserErased:
        drafts = 0
        for event_id in await self._people.open_of(user_id):
            event = await self._events.get(event_id)
            if event is not None and event.status_at(self._clock()) is not Status.COMPLETED:
                await self._nights.retire(event)
                drafts += event.status is Status.DRAFT
        kept = await self._people.disown(user_id)
        return facts.UserErased(
            user_id=user_id,
            service="events",
            removed={
                "drafts": drafts,
                "collaborations": await self._people.leave(user_id),
                "profile copies": await self._organizations.forget(user_id),
            },
            kept=[facts.Kept(kind="events", count=kept, reason=KEPT_REASON)] if kept else [],
        )

    async def personal(self, user_id: str) -> AsyncIterator[Line]:
        """Return what is held of a person, and which pictures belong to it."""
        yield Section(name="events", about="Events that you made, drafts among them.")
        async for event in self._people.made_by(user_id):
            yield Item(_told(event))
            if event.poster is not None:
                key = f"events/{event.id}/poster.jpg"
                yield File(key=key, about=f"the poster of {event.title or 'a draft'}")
        yield Section(name="collaborations", about="Events of others that you help with.")
        async for event in self._people.helped_by(user_id):
            yield Item({"eventId": event.id, "title": event.title})
        yield Section(
            name="profile copies", about="Your name as events show it, copied from your profile."
        )
        copy = await self._organizations.copy(user_id)
        if copy is not None:
            yield Item({"userId": copy.id, "name": copy.name})


def _told(event: Event) -> dict[str, Any]:
    """Return an event as its maker gave it."""
    return {
        "eventId": event.id,
        "status": event.status.value,
        "createdAt": instant_text(event.created_at),
        "title": event.title,
        "description": event.description,
        "tags": list(event.tags),
        "date": None if event.date is None else local_text(event.date),
        "location": None if event.location is None else asdict(event.location),
        "collaboratorIds": list(event.collaborator_ids),
        "poster": event.poster,
    }
