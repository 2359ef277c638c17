"""What an event is, when it may be published, and how it may change; no I/O."""

import math
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from services.contracts.errors import InvalidError

TAGS: Final[dict[str, tuple[str, ...]]] = {
    "EventType": ("Live Music", "Concert", "DJ Set", "Party", "Dinner", "Karaoke", "Show"),
    "Venue": ("Club", "Pub", "Bar", "Restaurant", "Theatre", "Outdoor"),
    "MusicStyle": ("Electronic", "Pop", "Hip Hop", "Rock", "Reggaeton", "Commercial"),
    "Special": ("Halloween", "Christmas", "New Year", "Carnival", "Private Event"),
    "Target": ("Students", "Over 18", "Over 30", "Family Friendly"),
    "Extra": ("Dress Code", "White Party", "Black Party", "Free Entry", "Reservations Required"),
}
TAG_BY_NAME: Final = {tag.casefold(): tag for tags in TAGS.values() for tag in tags}
MIN_TITLE, MAX_TITLE, MAX_DESCRIPTION = 3, 200, 5_000
MAX_LOCATION_TEXT = 500
MAX_COLLABORATORS = 50
MAX_ID = 100
SCRIPTS: Final = ("javascript:", "data:", "vbscript:")
# Who made an event that outlives its maker; no account has this id.
NOBODY: Final = "00000000-0000-0000-0000-000000000000"
HALF_LIFE_SECONDS = 7 * 86_400.0


class Status(StrEnum):
    """Where an event stands."""

    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    CANCELLED = "CANCELLED"
    COMPLETED = "COMPLETED"


MOVES: Final = {
    Status.DRAFT: {Status.DRAFT, Status.PUBLISHED},
    Status.PUBLISHED: {Status.PUBLISHED, Status.CANCELLED, Status.COMPLETED},
    Status.CANCELLED: {Status.CANCELLED},
    Status.COMPLETED: set(),
}


@dataclass(frozen=True, kw_only=True)
class Location:
    """A place; coordinates in degrees, both or none."""

    name: str | None = None
    country: str | None = None
    country_code: str | None = None
    state: str | None = None
    province: str | None = None
    city: str | None = None
    road: str | None = None
    postcode: str | None = None
    house_number: str | None = None
    lat: float | None = None
    lon: float | None = None
    link: str | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event; ``date`` is naive and UTC by convention, ``poster`` none for the default one."""

    id: str
    creator_id: str
    status: Status
    created_at: datetime
    title: str | None = None
    description: str | None = None
    poster: str | None = None
    tags: tuple[str, ...] = ()
    location: Location | None = None
    date: datetime | None = None
    collaborator_ids: tuple[str, ...] = ()
    is_free: bool = True
    version: int = 1

    def status_at(self, now: datetime) -> Status:
        """Return the status at an instant: a published event is completed once its date passed."""
        past = self.date is not None and self.date <= naive(now)
        return Status.COMPLETED if self.status is Status.PUBLISHED and past else self.status

    def may_edit(self, user_id: str | None) -> bool:
        """Tell whether somebody made the event or collaborates on it."""
        return user_id is not None and user_id in {self.creator_id, *self.collaborator_ids}

    def seen_by(self, user_id: str | None) -> bool:
        """Tell whether somebody may see the event at all."""
        return self.status is not Status.DRAFT or self.may_edit(user_id)

    def moved(self, status: Status, now: datetime) -> "Event":
        """Return the event with a status it may move to.

        Raises:
            InvalidError: the move is not allowed, or the event may not be published.
        """
        if status not in MOVES[self.status_at(now)]:
            present = self.status_at(now)
            raise InvalidError(f"status: {present} cannot become {status}", field="status")
        moved = replace(self, status=status)
        if status is Status.PUBLISHED:
            moved.check_publishable(now)
        return moved

    def check_publishable(self, now: datetime) -> None:
        """Check that an event is whole and still to come.

        Raises:
            InvalidError: names the field that is missing or past.
        """
        for name in ("title", "location", "date"):
            if getattr(self, name) is None:
                raise InvalidError(f"{name}: is needed to publish", field=name)
        if self.date is not None and self.date <= naive(now):
            raise InvalidError("date: must be in the future to publish", field="date")

    def next(self, **changes: Any) -> "Event":
        """Return the event after a change, one version on."""
        return replace(self, version=self.version + 1, **changes)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """Checked values of an event as its author gives them; ``None`` was not given."""

    status: Status
    title: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    location: Location | None = None
    date: datetime | None = None
    collaborator_ids: tuple[str, ...] = field(default=())

    def applied_to(self, event: Event, now: datetime) -> Event:
        """Return an event with these values: texts and place stay if not given, the rest goes.

        Raises:
            InvalidError: as `Event.moved`.
        """
        changed = event.next(
            title=self.title or event.title,
            description=self.description or event.description,
            location=self.location or event.location,
            tags=self.tags,
            date=self.date,
            collaborator_ids=self.collaborator_ids or event.collaborator_ids,
        )
        return replace(changed, status=event.status_at(now)).moved(self.status, now)


def naive(moment: datetime) -> datetime:
    """Return an instant as a date-time without zone, in UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def collaborators(values: list[str] | None) -> tuple[str, ...]:
    """Return the ids of collaborators, once each.

    Raises:
        InvalidError: too many, or not ids.
    """
    ids = tuple(dict.fromkeys(one.strip() for one in values or () if one.strip()))
    if len(ids) > MAX_COLLABORATORS:
        limit = f"collaboratorIds: at most {MAX_COLLABORATORS}"
        raise InvalidError(limit, field="collaboratorIds")
    if any(len(one) > MAX_ID for one in ids):
        limit = f"collaboratorIds: expected ids of at most {MAX_ID} characters"
        raise InvalidError(limit, field="collaboratorIds")
    return ids


def title(value: str | None) -> str | None:
    """Return a trimmed title.

    Raises:
        InvalidError: not of 3 to 200 characters.
    """
    if value is None or not value.strip():
        return None
    trimmed = value.strip()
    if not MIN_TITLE <= len(trimmed) <= MAX_TITLE:
        raise InvalidError(f"title: expected {MIN_TITLE} to {MAX_TITLE} characters", field="title")
    return _sound("title", trimmed)


def description(value: str | None) -> str | None:
    """Return a description.

    Raises:
        InvalidError: longer than 5,000 characters.
    """
    if value is None or not value.strip():
        return None
    if len(value) > MAX_DESCRIPTION:
        limit = f"description: at most {MAX_DESCRIPTION} characters"
        raise InvalidError(limit, field="description")
    return _sound("description", value)


def _sound(name: str, value: str) -> str:
    if value.isprintable():
        return value
    if any(unicodedata.category(one) in {"Cc", "Cs"} and one not in "\n\r\t" for one in value):
        raise InvalidError(f"{name}: must not contain control characters", field=name)
    return value


def tags(values: list[str] | None) -> tuple[str, ...]:
    """Return the known tags among values, once each, as they are displayed."""
    known = (TAG_BY_NAME.get(value.strip().casefold()) for value in values or ())
    return tuple(dict.fromkeys(tag for tag in known if tag is not None))


def location(value: Location | None) -> Location | None:
    """Return a checked place; coordinates out of range are dropped.

    Raises:
        InvalidError: neither name nor city, a text too long, or a link that is a script.
    """
    if value is None:
        return None
    texts = {
        name: _trimmed(name, text)
        for name, text in vars(value).items()
        if name not in {"lat", "lon"}
    }
    if not any(texts.values()) and value.lat is None and value.lon is None:
        return None
    if texts["name"] is None and texts["city"] is None:
        raise InvalidError("location: needs a name or a city", field="location")
    if "".join((texts["link"] or "").split()).casefold().startswith(SCRIPTS):
        raise InvalidError("location.link: expected a web address", field="location.link")
    code = texts.pop("country_code")
    inside = (
        value.lat is not None
        and value.lon is not None
        and math.isfinite(value.lat)
        and math.isfinite(value.lon)
        and abs(value.lat) <= 90  # noqa: PLR2004 - degrees of latitude
        and abs(value.lon) <= 180  # noqa: PLR2004 - degrees of longitude
    )
    return Location(
        **texts,
        country_code=code.upper() if code else None,
        lat=value.lat if inside else None,
        lon=value.lon if inside else None,
    )


def _trimmed(name: str, text: str | None) -> str | None:
    if text is None or not text.strip():
        return None
    if len(text) > MAX_LOCATION_TEXT:
        raise InvalidError(
            f"location.{name}: at most {MAX_LOCATION_TEXT} characters", field=f"location.{name}"
        )
    return _sound(f"location.{name}", text.strip())


def first_popularity(moment: datetime) -> float:
    """Return the popularity of an event with one vote, cast when it was made.

    Popularity is the base-2 logarithm of a sum of votes, each doubling in weight per half-life
    that it is younger, so that it never has to be computed anew: older votes lose by standing
    still.
    """
    return moment.timestamp() / HALF_LIFE_SECONDS


def voted(popularity: float, moment: datetime, weight: float = 1.0) -> float:
    """Return the popularity after one more vote."""
    vote = moment.timestamp() / HALF_LIFE_SECONDS + math.log2(weight)
    high, low = max(popularity, vote), min(popularity, vote)
    return high + math.log2(1.0 + 2.0 ** (low - high))
