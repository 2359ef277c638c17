"""Events as documents: the facts, and what they are found and sorted by."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from services.events.domain import words
from services.events.domain.event import Event, Location, Status
from services.events.storage import places
from services.kit.mongo import Document

# What events were found by before they had terms.
RETIRED = {"words": "", "endings": "", "remainders": ""}


def new(event: Event, popularity: float, prices: Sequence[Document] = ()) -> Document:
    """Return the document of a new event; ``prices`` are rows of ``id`` and ``price``."""
    return {"_id": event.id, "popularity": popularity, **priced(prices), **document(event)}


def document(event: Event) -> Document:
    """Return the fields of an event that a save writes."""
    location = event.location
    return {
        "creatorId": event.creator_id,
        "status": event.status.value,
        "createdAt": event.created_at,
        "title": event.title,
        "description": event.description,
        "poster": event.poster,
        "tags": list(event.tags),
        "location": None if location is None else asdict(location),
        "geo": point(event),
        "date": None if event.date is None else event.date.replace(tzinfo=UTC),
        "collaboratorIds": list(event.collaborator_ids),
        "organizations": [event.creator_id, *event.collaborator_ids],
        "version": event.version,
        **found_by(event),
    }


def found_by(event: Event) -> Document:
    """Return what a search compares: folded texts, the words with their spots, and the place."""
    city = None if event.location is None else event.location.city
    at = point(event)
    return {
        "titleKey": words.folded(event.title or ""),
        "cityKey": words.folded(city or ""),
        "terms": [f"{spot}:{word}" for spot, word in spoken(event)],
        "spot": None if at is None else places.name(at),
    }


def spoken(event: Event) -> list[tuple[str, str]]:
    """Return the words of title (t), place (n) and city (c), and the tags (g), with their spots."""
    place = event.location
    texts = {
        "t": event.title,
        "n": None if place is None else place.name,
        "c": None if place is None else place.city,
    }
    found = [
        (spot, word)
        for spot, text in texts.items()
        for word in dict.fromkeys([*words.words(text), *words.joined(text)])
    ]
    return [*found, *(("g", tag) for tag in event.tags)]


def priced(prices: Sequence[Document]) -> Document:
    """Return the fields of an event that its ticket types' prices decide."""
    return {
        "prices": list(prices),
        "isFree": not prices,
        "leastPrice": min((one["price"] for one in prices), default=0.0),
    }


def event(row: Document) -> Event:
    """Return the event of a document."""
    location = row["location"]
    return Event(
        id=row["_id"],
        creator_id=row["creatorId"],
        status=Status(row["status"]),
        created_at=row["createdAt"],
        title=row["title"],
        description=row["description"],
        poster=row["poster"],
        tags=tuple(row["tags"]),
        location=None if location is None else Location(**location),
        date=None if row["date"] is None else _naive(row["date"]),
        collaborator_ids=tuple(row["collaboratorIds"]),
        is_free=not row["prices"],
        version=row["version"],
    )


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def point(event: Event) -> Document | None:
    """Return where an event is as GeoJSON."""
    place = event.location
    if place is None or place.lat is None or place.lon is None:
        return None
    return {"type": "Point", "coordinates": [place.lon, place.lat]}
