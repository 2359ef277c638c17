"""The search: its parameters, and its pages on the wire."""

from contextlib import suppress
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from services.contracts.errors import InvalidError
from services.events.application.finding import Finding, Found
from services.events.domain import criteria as wishes
from services.events.domain import facets as narrowing
from services.events.domain.criteria import Criteria
from services.events.domain.facets import Count, Facets
from services.events.http import shapes
from services.events.http.controller import DEFAULT_LIMIT, MediaAddress
from services.events.http.shapes import FacetValue, SearchPage
from services.kit import paging
from services.kit.clock import local_text, parse_local
from services.kit.http import Visitor
from services.kit.openapi import documented

MOST = 20


class SearchController(Controller):
    """Finding events."""

    path = "/search"
    tags = ("events",)

    @get("/", responses=documented(400, 401, 403, 503), summary="Find events")
    async def search(  # noqa: PLR0913, PLR0917 - the contract's parameters
        self,
        visitor: Visitor,
        finding: NamedDependency[Finding],
        media: NamedDependency[MediaAddress],
        limit: FromQuery[str | None] = None,
        offset: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
        facets: FromQuery[str | None] = None,
        status: FromQuery[str | None] = None,
        title: FromQuery[str | None] = None,
        words: Annotated[str | None, QueryParameter(name="query")] = None,
        tags: FromQuery[str | None] = None,
        startDate: FromQuery[str | None] = None,  # noqa: N803 - the wire's name
        endDate: FromQuery[str | None] = None,  # noqa: N803 - the wire's name
        organizationId: FromQuery[str | None] = None,  # noqa: N803 - the wire's name
        city: FromQuery[str | None] = None,
        cities: FromQuery[str | None] = None,
        location_name: FromQuery[str | None] = None,
        sortBy: FromQuery[str | None] = None,  # noqa: N803 - the wire's name
        sortOrder: FromQuery[str | None] = None,  # noqa: N803 - the wire's name
        near: FromQuery[str | None] = None,
        price: FromQuery[str | None] = None,
        other: FromQuery[str | None] = None,
    ) -> SearchPage:
        """Words forgive accents and typos; `near` sorts by distance; lists are CSV.

        `cursor` is the `nextCursor` of the page before, with the same other parameters: it goes on
        where that page ended, whatever was added or removed meanwhile. `facets` (tags, cities,
        price, date) adds the total and what the search could be narrowed down by.
        """
        asked = paging.window(limit, offset, default=DEFAULT_LIMIT, maximum=MOST)
        if cursor and asked.offset:
            raise InvalidError("offset: expected none beside a cursor", field="offset")
        known_tags, impossible = wishes.tags(tags)
        wished = Criteria(
            statuses=wishes.statuses(status) or None,
            texts=wishes.texts(
                {"title": title, "query": words, "city": city, "location_name": location_name}
            ),
            tags=known_tags,
            cities=wishes.cities(cities),
            impossible=impossible and other != "feed",
            start=_moment(startDate),
            end=_moment(endDate),
            organization_id=organizationId or None,
            sort_by=sortBy if sortBy in wishes.SORTS else None,
            descending=sortOrder == "desc",
            near=wishes.near(near),
            price=wishes.price(price),
            other=other or None,
        )
        names = None if facets is None else narrowing.names(facets)
        found = await finding.search(visitor, wished, asked, cursor=cursor or None, facets=names)
        return _view(found, media.url)


def _moment(text: str | None) -> datetime | None:
    """Return a date-time; what cannot be read does not filter."""
    with suppress(ValueError):
        return parse_local(text or "")
    return None


def _view(found: Found, media: str) -> SearchPage:
    plain = shapes.page_view(found.page, media)
    counted = found.facets
    return SearchPage(
        **msgspec.structs.asdict(plain),
        next_cursor=found.cursor,
        total=None if counted is None else counted.total,
        total_is_exact=None if counted is None else counted.exact,
        facets=None if counted is None else _facets(counted),
        did_you_mean=None if found.instead is None else dict(found.instead),
    )


def _facets(counted: Facets) -> dict[str, list[FacetValue]]:
    return {name: [_value(one) for one in counts] for name, counts in counted.counts.items()}


def _value(one: Count) -> FacetValue:
    start, end = (one.span.start, one.span.end) if one.span else (None, None)
    return FacetValue(
        value=one.value,
        count=one.count,
        start_date=None if start is None else local_text(start),
        end_date=None if end is None else local_text(end),
    )
