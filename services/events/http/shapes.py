"""Events on the wire: what clients send and what they read."""

from typing import Any

import msgspec

from services.contracts.errors import InvalidError
from services.events.domain import event as domain
from services.events.domain.event import Draft, Event, Location, Status
from services.kit.clock import instant_text, local_text, parse_local
from services.kit.paging import Page


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Absent instead of null."""


class LocationView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place; every key is optional."""

    name: str | None = None
    country: str | None = None
    country_code: str | None = None
    state: str | None = None
    province: str | None = None
    city: str | None = None
    road: str | None = None
    postcode: str | None = None
    house_number: str | int | None = None
    lat: float | None = None
    lon: float | None = None
    link: str | None = None


class EventInput(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An event as its author gives it; ``date`` has no zone."""

    status: str
    creator_id: str | None = None
    title: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    location: LocationView | None = None
    date: str | None = None
    collaborator_ids: list[str] | None = None


class EventView(Wire, frozen=True, kw_only=True):
    """An event as everybody reads it."""

    event_id: str
    status: str
    instant: str
    creator_id: str
    is_free: bool
    collaborator_ids: list[str]
    title: str | None = None
    description: str | None = None
    poster: str | None = None
    tags: list[str] | None = None
    date: str | None = None
    location: LocationView | None = None


class EventPage(Wire, frozen=True, kw_only=True):
    """A page of events."""

    items: list[EventView]
    limit: int
    offset: int
    has_more: bool


class FacetValue(Wire, frozen=True, kw_only=True):
    """A value, how many events have it; a stretch of time with the parameters that choose it."""

    value: str
    count: int
    start_date: str | None = None
    end_date: str | None = None


class SearchPage(EventPage, frozen=True, kw_only=True):
    """A page of a search.

    ``nextCursor`` is there while more follows; ``facets`` and ``total`` if they were asked for,
    ``totalIsExact`` false where more match than were counted; ``didYouMean`` names parameters to
    change (empty: leave out) where nothing was found.
    """

    next_cursor: str | None = None
    total: int | None = None
    total_is_exact: bool | None = None
    facets: dict[str, list[FacetValue]] | None = None
    did_you_mean: dict[str, str] | None = None


class CreatedView(Wire, frozen=True, kw_only=True):
    """A new event's id; ``error`` when its poster could not be stored (207)."""

    event_id: str
    error: str | None = None


class Told(msgspec.Struct, frozen=True):
    """What was done."""

    message: str


class TagCategory(msgspec.Struct, frozen=True):
    """A category and its tags, in the order to show them."""

    category: str
    tags: list[str]


def parse(text: str) -> EventInput:
    """Return the event of a form's JSON text.

    Raises:
        InvalidError: not JSON, or a field of the wrong type.
    """
    try:
        return msgspec.json.decode(text.encode(errors="surrogatepass"), type=EventInput)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise InvalidError(f"event: {error}", field="event") from error


def draft(given: EventInput) -> Draft:
    """Return the checked values; an unknown status is a draft.

    Raises:
        InvalidError: names the field.
    """
    known = {status.value: status for status in Status}
    return Draft(
        status=known.get(given.status.strip().upper(), Status.DRAFT),
        title=domain.title(given.title),
        description=domain.description(given.description),
        tags=domain.tags(given.tags),
        location=domain.location(_location(given.location)),
        date=_date(given.date),
        collaborator_ids=domain.collaborators(given.collaborator_ids),
    )


def _location(given: LocationView | None) -> Location | None:
    if given is None:
        return None
    values: dict[str, Any] = msgspec.structs.asdict(given)
    number = values["house_number"]
    return Location(**{**values, "house_number": None if number is None else str(number)})


def _date(text: str | None) -> Any:
    if text is None or not text.strip():
        return None
    try:
        return parse_local(text.strip())
    except ValueError as error:
        raise InvalidError(f"date: {error}", field="date") from error


def view(event: Event, media: str) -> EventView:
    """Return an event for the wire; ``media`` is the public address of pictures."""
    location = event.location
    return EventView(
        event_id=event.id,
        status=event.status.value,
        instant=instant_text(event.created_at),
        creator_id=event.creator_id,
        is_free=event.is_free,
        collaborator_ids=list(event.collaborator_ids),
        title=event.title,
        description=event.description,
        poster=event.poster or f"{media}/events/default.jpg",
        tags=list(event.tags) or None,
        date=None if event.date is None else local_text(event.date),
        location=None if location is None else LocationView(**vars(location)),
    )


def page_view(page: Page[Event], media: str) -> EventPage:
    """Return a page for the wire."""
    return EventPage(
        items=[view(event, media) for event in page.items],
        limit=page.window.limit,
        offset=page.window.offset,
        has_more=page.has_more,
    )
