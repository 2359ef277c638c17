"""What organizations and visitors do with events."""

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec

from services.contracts import events as facts
from services.contracts.errors import (
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from services.contracts.roles import ORGANIZATION
from services.events.application import announcements
from services.events.application.ports import (
    POSTER,
    Events,
    Organizations,
    Outbox,
    Posters,
    Unfinished,
)
from services.events.domain.event import Draft, Event, Status, first_popularity
from services.kit.clock import Clock, utc_now
from services.kit.mongo import Transaction
from services.kit.paging import Page
from services.kit.tokens import Identity

ALL_LIMIT = 1_000


class Created(msgspec.Struct, frozen=True):
    """A new event, and what kept its poster from being stored."""

    id: str
    trouble: str | None = None


class Nights:
    """The use cases, on ports.

    Args:
        group_commit: stores new events, those of many callers at once.
    """

    def __init__(
        self,
        *,
        events: Events,
        organizations: Organizations,
        posters: Posters,
        outbox: Outbox,
        unfinished: Unfinished,
        transaction: Transaction,
        group_commit: Transaction,
        clock: Clock = utc_now,
    ) -> None:
        self._events = events
        self._organizations = organizations
        self._posters = posters
        self._outbox = outbox
        self._unfinished = unfinished
        self._transaction = transaction
        self._group_commit = group_commit
        self._clock = clock

    async def create(
        self, caller: Identity, creator_id: str, draft: Draft, poster: bytes | None
    ) -> Created:
        """Store an event with its poster and tell of it.

        The poster goes first, under an intent, and the event is stored with its address in one
        transaction: a crash leaves either all of it or a picture that the sweeper removes.

        Raises:
            ForbiddenError: for somebody else, or with the token of an account that is gone.
            InvalidError: not an organization, not publishable, or not a picture.
        """
        if caller.user_id != creator_id:
            raise ForbiddenError("creatorId: is not yours")
        if ORGANIZATION not in caller.roles:
            raise InvalidError("creatorId: only organizations create events", field="creatorId")
        if draft.status is not Status.DRAFT and not poster:
            raise InvalidError("poster: is needed unless the event is a draft", field="poster")
        if draft.status not in {Status.DRAFT, Status.PUBLISHED}:
            raise InvalidError("status: a new event is DRAFT or PUBLISHED", field="status")
        await self._check_collaborators(draft)
        if await self._organizations.has_left(creator_id):
            raise ForbiddenError("creatorId: this account is gone")
        event = self._new(creator_id, draft)
        trouble = await self._store_poster(event.id, poster) if poster else None
        if poster and trouble is None:
            event = replace(event, poster=self._posters.address(event.id))
        await self._insert(event)
        return Created(event.id, trouble)

    def _new(self, creator_id: str, draft: Draft) -> Event:
        now = self._clock()
        event = Event(
            id=str(uuid.uuid4()),
            creator_id=creator_id,
            status=Status.DRAFT,
            created_at=now,
            title=draft.title,
            description=draft.description,
            tags=draft.tags,
            location=draft.location,
            date=draft.date,
            collaborator_ids=draft.collaborator_ids,
        )
        return event.moved(draft.status, now)

    async def _check_collaborators(self, draft: Draft) -> None:
        known = await self._organizations.known(draft.collaborator_ids)
        unknown = [one for one in draft.collaborator_ids if one not in known]
        if unknown:
            words = f"collaboratorIds: not organizations: {', '.join(unknown[:5])}"
            raise InvalidError(words, field="collaboratorIds")

    async def _store_poster(self, event_id: str, poster: bytes) -> str | None:
        """Store a new event's poster under an intent; return the trouble if media is away."""
        await self._unfinished.open(POSTER, event_id, before=None)
        try:
            await self._posters.put(event_id, poster)
        except UnavailableError as error:
            return error.message
        except RefusedError:
            await self._unfinished.close(POSTER, event_id)
            raise
        return None

    async def _insert(self, event: Event) -> None:
        async def work() -> None:
            await self._events.insert(event, first_popularity(event.created_at))
            news = [announcements.created(event), *await self._became(Status.DRAFT, event)]
            await self._outbox.append(*news, key=event.id, version=event.version)
            if event.poster is not None:
                await self._close_poster(event.id)

        await self._group_commit(work)

    async def _became(self, old: Status, event: Event) -> list[facts.Event]:
        if event.status == old:
            return []
        known = await self._organizations.known([event.creator_id])
        name = known[event.creator_id].name if event.creator_id in known else ""
        return announcements.became(old, event, name)

    async def _close_poster(self, event_id: str) -> None:
        """End a poster's intent; inside the caller's transaction.

        Raises:
            UnavailableError: the sweeper took us for dead meanwhile.
        """
        if not await self._unfinished.close(POSTER, event_id):
            raise UnavailableError("storing the poster took too long")

    async def settle_poster(self, event_id: str, facts: Mapping[str, Any]) -> None:
        """Make event and poster agree: a new poster is adopted, one nobody shows is removed."""
        event, shown = await self._events.get(event_id), await self._posters.version(event_id)
        if event is not None and shown not in {None, facts["before"]}:
            await self._adopt(event_id)
        elif shown is not None and (event is None or event.poster is None):
            await self._posters.remove(event_id)

    async def _adopt(self, event_id: str) -> None:
        async def work() -> None:
            event = await self._events.get(event_id)
            if event is not None:
                await self._save_poster(event, self._posters.address(event_id))
                await self._unfinished.close(POSTER, event_id)

        await self._transaction(work)

    async def _save_poster(self, event: Event, poster: str | None) -> None:
        """Store an event with another poster and tell of it; inside the caller's transaction."""
        changed = event.next(poster=poster)
        await self._events.save(changed)
        news = announcements.updated(changed)
        await self._outbox.append(news, key=event.id, version=changed.version)

    async def get(self, visitor: Identity | None, event_id: str) -> Event:
        """Return an event.

        Raises:
            NotFoundError: there is none, or it is somebody else's draft.
        """
        event = await self._events.get(event_id)
        if event is None or not event.seen_by(visitor.user_id if visitor else None):
            raise NotFoundError("no such event")
        return self.as_of_now(event)

    def as_of_now(self, event: Event) -> Event:
        """Return an event as it is to be shown: completed as soon as its date has passed."""
        status = event.status_at(self._clock())
        return event if status is event.status else replace(event, status=status)

    async def everything(self) -> Page[Event]:
        """Return the published events, newest first, at most a thousand."""
        page = await self._events.newest(ALL_LIMIT)
        return replace_items(page, [self.as_of_now(one) for one in page.items])

    async def update(self, caller: Identity, event_id: str, draft: Draft) -> None:
        """Change an event and tell of it.

        Raises:
            ForbiddenError: neither creator nor collaborator, or no such event.
            InvalidError: the change is not allowed.
        """
        await self._check_collaborators(draft)

        async def work() -> None:
            old = await self._editable(caller, event_id)
            event = draft.applied_to(old, self._clock())
            await self._events.save(event)
            news = [announcements.updated(event), *await self._became(old.status, event)]
            await self._outbox.append(*news, key=event.id, version=event.version)

        await self._transaction(work)

    async def _editable(self, caller: Identity, event_id: str) -> Event:
        event = await self._events.get(event_id)
        if event is None or not event.may_edit(caller.user_id):
            raise ForbiddenError("this event is not yours")
        return event

    async def delete(self, caller: Identity, event_id: str) -> str:
        """Cancel a published event, remove any other, and return which was done.

        Raises:
            ForbiddenError: not the creator, or no such event.
        """

        async def work() -> str:
            event = await self._editable(caller, event_id)
            if event.creator_id != caller.user_id:
                raise ForbiddenError("only the creator deletes an event")
            return await self.retire(event)

        return await self._transaction(work)

    async def retire(self, event: Event) -> str:
        """Cancel what is published, remove the rest; inside the caller's transaction."""
        if event.status_at(self._clock()) is Status.PUBLISHED:
            cancelled = event.next(status=Status.CANCELLED)
            await self._events.save(cancelled)
            gone: facts.Event = facts.EventCancelled(event_id=event.id)
        else:
            await self._events.remove(event.id)
            gone = facts.EventDeleted(event_id=event.id)
        await self._outbox.append(gone, key=event.id, version=event.version + 1)
        return "cancelled" if isinstance(gone, facts.EventCancelled) else "deleted"

    async def set_poster(self, caller: Identity, event_id: str, poster: bytes | None) -> None:
        """Store a new poster, or go back to the default one.

        Raises:
            NotFoundError: no such event.
            ForbiddenError: not yours.
            InvalidError: the event is completed, or not a picture.
            UnavailableError: the poster could not be stored; nothing changed.
        """
        await self._check_poster_may_change(caller, event_id)
        before = await self._posters.version(event_id)
        if not poster:
            await self._drop_poster(caller, event_id, before)
            return
        await self._unfinished.open(POSTER, event_id, before=before)
        await self._posters.put(event_id, poster)

        async def work() -> None:
            event = await self._editable(caller, event_id)
            await self._save_poster(event, self._posters.address(event_id))
            await self._close_poster(event_id)

        await self._transaction(work)

    async def _drop_poster(self, caller: Identity, event_id: str, before: str | None) -> None:
        """Go back to the default poster; the other is removed now, or later if media is away."""

        async def work() -> None:
            await self._unfinished.open(POSTER, event_id, before=before)
            await self._save_poster(await self._editable(caller, event_id), None)

        await self._transaction(work)
        with suppress(UnavailableError):
            await self._posters.remove(event_id)
            await self._unfinished.close(POSTER, event_id)

    async def _check_poster_may_change(self, caller: Identity, event_id: str) -> None:
        event = await self._events.get(event_id)
        if event is None:
            raise NotFoundError("no such event")
        if not event.may_edit(caller.user_id):
            raise ForbiddenError("this event is not yours")
        if event.status_at(self._clock()) is Status.COMPLETED:
            raise InvalidError("status: a completed event keeps its poster", field="status")


def replace_items(page: Page[Event], items: list[Event]) -> Page[Event]:
    """Return a page with its items shown otherwise."""
    return Page(items, page.window, page.has_more)
