"""Events as documents: the facts, and what they are found and sorted by."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from services.events.domain import words
from services.events.domain.event import Event, Location, Status
from services.kit.mongo import Document

FIELDS = {"t": "title", "n": "location.name", "c": "location.city"}


def document(event: Event) -> Document:
    """Return the fields of an event that a save writes."""
    location = event.location
    spots = {"t": event.title, "n": None, "c": None}
    if location is not None:
        spots |= {"n": location.name, "c": location.city}
    return {
        "creatorId": event.creator_id,
        "status": event.status.value,
        "createdAt": event.created_at,
        "title": event.title,
        "titleKey": words.folded(event.title or ""),
        "description": event.description,
        "poster": event.poster,
        "tags": list(event.tags),
        "location": None if location is None else asdict(location),
        "geo": _point(location),
        "date": None if event.date is None else event.date.replace(tzinfo=UTC),
        "collaboratorIds": list(event.collaborator_ids),
        "organizations": [event.creator_id, *event.collaborator_ids],
        "version": event.version,
        **_index(spots),
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


def _point(location: Location | None) -> dict[str, Any] | None:
    if location is None or location.lat is None or location.lon is None:
        return None
    return {"type": "Point", "coordinates": [location.lon, location.lat]}


def _index(spots: dict[str, str | None]) -> Document:
    """Return each spot's words, tagged with it: whole, by ending, with letters left out."""
    tagged = [(spot, word) for spot, text in spots.items() for word in words.words(text)]
    return {
        "words": [f"{spot}:{word}" for spot, word in tagged],
        "endings": sorted(
            {f"{spot}:{end}" for spot, word in tagged for end in words.suffixes(word)}
        ),
        "remainders": sorted(
            {f"{spot}:{rest}" for spot, word in tagged for rest in words.remainders(word)}
        ),
    }
