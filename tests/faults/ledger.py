"""What clients were told: every acknowledged answer of a test session."""

from dataclasses import dataclass, field
from datetime import datetime

from services.events.domain.event import first_popularity, voted


@dataclass(frozen=True)
class Told:
    """An acknowledged event: its organization, and the colour of the poster that was sent."""

    title: str
    organization: str
    colour: tuple[int, int, int]


@dataclass
class Likes:
    """The likes of one event, each of which counts once, and by when it was cast."""

    moments: list[datetime] = field(default_factory=list)

    def expected(self, created: datetime) -> float:
        """Return the popularity they lead to."""
        popularity = first_popularity(created)
        for moment in self.moments:
            popularity = voted(popularity, moment)
        return popularity


@dataclass
class Ledger:
    """What has to be true in the end, and nothing else of its kind.

    Args:
        people: role by id, of acknowledged registrations.
        gone: ids of acknowledged deletions of accounts.
        nights: acknowledged publications by id.
        likes: by event.
        retries: requests that clients had to repeat.
    """

    people: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    nights: dict[str, Told] = field(default_factory=dict)
    likes: dict[str, Likes] = field(default_factory=dict)
    retries: int = 0
