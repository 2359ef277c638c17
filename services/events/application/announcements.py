"""What others are told of a change, as broker events."""

from datetime import datetime

from services.contracts import events as facts
from services.events.domain.event import Event, Status
from services.kit.clock import local_text


def created(event: Event) -> facts.EventCreated:
    """Return the news of a new event."""
    return facts.EventCreated(
        event_id=event.id,
        creator_id=event.creator_id,
        collaborator_ids=list(event.collaborator_ids),
        name=event.title,
        date=_date(event.date),
        status=event.status.value,
        tags=list(event.tags),
        instant=int(event.created_at.timestamp() * 1000),
        location_name=event.location.name if event.location else None,
    )


def updated(event: Event) -> facts.EventUpdated:
    """Return the news of changed facts."""
    return facts.EventUpdated(
        event_id=event.id,
        collaborator_ids=list(event.collaborator_ids),
        name=event.title,
        date=_date(event.date),
        status=event.status.value,
        tags=list(event.tags),
        instant=int(event.created_at.timestamp() * 1000),
        location_name=event.location.name if event.location else None,
    )


def published(event: Event, creator_name: str) -> facts.EventPublished:
    """Return the news that everybody can see an event."""
    return facts.EventPublished(
        event_id=event.id,
        name=event.title or "",
        creator_id=event.creator_id,
        creator_name=creator_name,
    )


def became(old: Status | None, event: Event, creator_name: str) -> list[facts.Event]:
    """Return the news of a status that an event did not have before."""
    if event.status == old:
        return []
    if event.status is Status.PUBLISHED:
        return [published(event, creator_name)]
    if event.status is Status.CANCELLED:
        return [facts.EventCancelled(event_id=event.id)]
    return []


def _date(moment: datetime | None) -> str | None:
    return None if moment is None else local_text(moment)
