"""Decode, guard, call a use case, encode."""

from http import HTTPStatus

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, MultipartBody

from services.contracts.errors import InvalidError
from services.events.application.nights import Nights
from services.events.domain.event import TAGS
from services.events.http import shapes
from services.events.http.shapes import (
    CreatedView,
    EventInput,
    EventPage,
    EventView,
    TagCategory,
    Told,
)
from services.kit.http import BEARER, Caller, Visitor
from services.kit.openapi import documented

FORM_BYTES = 6_500_000
DEFAULT_LIMIT = 10
PARTLY = {
    207: ResponseSpec(
        CreatedView, description="Created, but without its poster.", generate_examples=False
    )
}


class MediaAddress(msgspec.Struct, frozen=True):
    """Where pictures are seen."""

    url: str


class EventForm(msgspec.Struct, frozen=True):
    """Multipart form: ``event`` is JSON text, ``poster`` a picture."""

    event: str
    poster: UploadFile | None = None


class PosterForm(msgspec.Struct, frozen=True):
    """Multipart form with a picture."""

    poster: UploadFile


class EventController(Controller):
    """Events."""

    path = "/"
    tags = ("events",)

    @post(
        "/",
        security=BEARER,
        request_max_body_size=FORM_BYTES,
        summary="Create an event",
        responses=documented(400, 401, 403, 413, 503) | PARTLY,
    )
    async def create(
        self, caller: Caller, nights: NamedDependency[Nights], data: MultipartBody[EventForm]
    ) -> Response[CreatedView]:
        """Create a draft, or publish at once; the poster is needed to publish."""
        given = shapes.parse(data.event)
        if given.creator_id is None:
            raise InvalidError("creatorId: is required", field="creatorId")
        poster = await data.poster.read() if data.poster is not None else None
        made = await nights.create(caller, given.creator_id, shapes.draft(given), poster)
        status = HTTPStatus.MULTI_STATUS if made.trouble else HTTPStatus.CREATED
        body = CreatedView(event_id=made.id, error=made.trouble)
        return Response(body, status_code=status)

    @get("/", responses=documented(503), summary="All published events, newest first")
    async def everything(
        self, nights: NamedDependency[Nights], media: NamedDependency[MediaAddress]
    ) -> EventPage:
        """Return at most a thousand."""
        page = await nights.everything()
        found = shapes.page_view(page, media.url)
        return msgspec.structs.replace(found, limit=DEFAULT_LIMIT, offset=0)

    @get("/tags", summary="Tags by category", sync_to_thread=False)
    def all_tags(self) -> list[TagCategory]:
        """Return them in the order to show them."""
        return [TagCategory(category, list(tags)) for category, tags in TAGS.items()]

    @get("/tags/{category:str}", summary="Tags of a category", sync_to_thread=False)
    def category_tags(self, category: FromPath[str]) -> list[str]:
        """Return none for an unknown category."""
        return list(TAGS.get(category, ()))

    @get("/{event_id:str}", responses=documented(404, 503), summary="An event")
    async def one(
        self,
        event_id: FromPath[str],
        visitor: Visitor,
        nights: NamedDependency[Nights],
        media: NamedDependency[MediaAddress],
    ) -> EventView:
        """Return an event; drafts exist for their creator and collaborators only."""
        return shapes.view(await nights.get(visitor, event_id), media.url)

    @put(
        "/{event_id:str}",
        security=BEARER,
        responses=documented(400, 401, 403, 503),
        summary="Change an event",
    )
    async def update(
        self,
        event_id: FromPath[str],
        data: JSONBody[EventInput],
        caller: Caller,
        nights: NamedDependency[Nights],
    ) -> Told:
        """Replace it; absent title, description, location and collaborators stay."""
        await nights.update(caller, event_id, shapes.draft(data))
        return Told("Event updated successfully")

    @delete(
        "/{event_id:str}",
        status_code=200,
        security=BEARER,
        responses=documented(401, 403, 503),
        summary="Cancel or remove an event",
    )
    async def remove(
        self, event_id: FromPath[str], caller: Caller, nights: NamedDependency[Nights]
    ) -> Told:
        """Cancel what is published, remove the rest; the creator's right alone."""
        return Told(f"Event {await nights.delete(caller, event_id)} successfully")

    @post(
        "/{event_id:str}/poster",
        status_code=200,
        security=BEARER,
        request_max_body_size=FORM_BYTES,
        summary="Set the poster",
        responses=documented(400, 401, 403, 404, 413, 503),
    )
    async def set_poster(
        self,
        event_id: FromPath[str],
        caller: Caller,
        nights: NamedDependency[Nights],
        data: MultipartBody[PosterForm],
    ) -> Told:
        """Store the form's ``poster``."""
        content = await data.poster.read()
        if not content:
            raise InvalidError("poster: expected a picture in the form field", field="poster")
        await nights.set_poster(caller, event_id, content)
        return Told("Poster updated successfully")

    @delete(
        "/{event_id:str}/poster",
        status_code=200,
        security=BEARER,
        responses=documented(400, 401, 403, 404, 503),
        summary="Remove the poster",
    )
    async def remove_poster(
        self, event_id: FromPath[str], caller: Caller, nights: NamedDependency[Nights]
    ) -> Told:
        """Go back to the default poster."""
        await nights.set_poster(caller, event_id, None)
        return Told("Poster deleted successfully")
