"""Finding events: pages, where they go on, and what would narrow or widen a search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

from services.contracts.errors import ForbiddenError, UnauthenticatedError
from services.events.application.ports import Cursors, Events
from services.events.domain.criteria import Criteria
from services.events.domain.event import Event, Status
from services.events.domain.facets import Facets
from services.events.domain.relaxed import relaxations
from services.kit.clock import Clock, utc_now
from services.kit.paging import Page, Window
from services.kit.tokens import Identity

MOST_TRIED: Final = 8


@dataclass(frozen=True)
class Found:
    """A page of a search.

    Args:
        page: the events, as they are to be shown now.
        cursor: where the next page starts, ``None`` on the last.
        facets: if they were asked for.
        instead: parameters to change, as nothing was found otherwise.
    """

    page: Page[Event]
    cursor: str | None = None
    facets: Facets | None = None
    instead: Mapping[str, str] | None = None


class Finding:
    """The use case, on ports."""

    def __init__(self, *, events: Events, cursors: Cursors, clock: Clock = utc_now) -> None:
        self._events = events
        self._cursors = cursors
        self._clock = clock

    async def search(
        self,
        visitor: Identity | None,
        criteria: Criteria,
        asked: Window,
        *,
        cursor: str | None = None,
        facets: Sequence[str] | None = None,
    ) -> Found:
        """Return what a search finds; drafts only for their organization.

        Raises:
            UnauthenticatedError: drafts without a token.
            ForbiddenError: drafts of others.
            InvalidError: a cursor that is not of this search.
        """
        seen = _seen(visitor, criteria)
        scope = seen.scope()
        position = self._cursors.open(scope, cursor) if cursor else None
        now = self._clock()
        if seen.impossible:
            page: Page[Event] = Page([], asked, has_more=False)
        else:
            page = await self._events.search(seen, asked, now, position)
        shown = [_as_of(event, now) for event in page.items]
        first = position is None and asked.offset == 0
        return Found(
            Page(shown, asked, page.has_more),
            self._cursors.seal(scope, page.position) if page.has_more else None,
            None if facets is None else await self._facets(seen, facets),
            await self._instead(seen) if first and not shown else None,
        )

    async def _facets(self, seen: Criteria, names: Sequence[str]) -> Facets:
        if seen.impossible:
            return Facets(0, exact=True, counts={name: [] for name in names})
        return await self._events.facets(seen, names, self._clock())

    async def _instead(self, seen: Criteria) -> Mapping[str, str] | None:
        """Return the least change with which the search finds something."""
        for change, wider in islice(relaxations(seen), MOST_TRIED):
            if await self._events.finds_any(wider, self._clock()):
                return change
        return None


def _as_of(event: Event, now: datetime) -> Event:
    status = event.status_at(now)
    return event if status is event.status else replace(event, status=status)


def _seen(visitor: Identity | None, criteria: Criteria) -> Criteria:
    """Return the search as somebody may make it."""
    own = visitor is not None and visitor.user_id == criteria.organization_id
    wished = criteria.statuses or frozenset()
    if Status.DRAFT in wished and visitor is None:
        raise UnauthenticatedError("drafts are seen by their organization only")
    if Status.DRAFT in wished and not own:
        raise ForbiddenError("drafts are seen by their organization only")
    return replace(criteria, statuses=wished or (None if own else frozenset({Status.PUBLISHED})))
