"""The demo nights, always around today: made by rule from places, themes and tags."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.seed.people import ORGANIZATIONS


@dataclass(frozen=True)
class Place:
    """A venue of our invention in a real city; coordinates in degrees."""

    name: str
    city: str
    country: str
    code: str
    lat: float
    lon: float


PLACES = (
    Place("Arena del Porto", "Rimini", "Italia", "it", 44.0678, 12.5695),
    Place("Teatro delle Lucciole", "Cesena", "Italia", "it", 44.1391, 12.2431),
    Place("Sala Portici", "Bologna", "Italia", "it", 44.4949, 11.3426),
    Place("Magazzino 21", "Milano", "Italia", "it", 45.4642, 9.1900),
    Place("Terrazza Trastevere", "Roma", "Italia", "it", 41.8897, 12.4700),
    Place("Cortile Mercato", "Napoli", "Italia", "it", 40.8518, 14.2681),
    Place("Loggia d'Arno", "Firenze", "Italia", "it", 43.7696, 11.2558),
    Place("Murazzi Sound", "Torino", "Italia", "it", 45.0703, 7.6869),
    Place("Kesselhaus Nord", "Berlin", "Deutschland", "de", 52.5200, 13.4050),
    Place("Cave des Canuts", "Lyon", "France", "fr", 45.7640, 4.8357),
    Place("Patio del Raval", "Barcelona", "España", "es", 41.3851, 2.1734),
    Place("The Wharf Room", "London", "United Kingdom", "gb", 51.5072, -0.1276),
)

THEMES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Luna Piena", "Una notte chiara, tre sale, un solo ritmo.", ("DJ Set", "Club", "Electronic")),
    ("Strings & Stories", "Songs with the tales behind them.", ("Live Music", "Pub", "Pop")),
    (
        "Concerto in Cortile",
        "Archi, ottoni e sedie sparse.",
        ("Concert", "Outdoor", "Family Friendly"),
    ),
    ("Festa Matricole", "Per chi comincia adesso.", ("Party", "Students", "Commercial")),
    (
        "Cena al Buio",
        "Sapori senza luce, poi si balla.",
        ("Dinner", "Restaurant", "Reservations Required"),
    ),
    ("Karaoke ohne Gnade", "Jeder singt, niemand lacht.", ("Karaoke", "Bar", "Free Entry")),
    ("Grand Cabaret", "Plumes, piano et mauvaise foi.", ("Show", "Theatre", "Over 18")),
    ("Bassline Cypher", "Open mic, closed eyes.", ("Hip Hop", "Club", "Over 18")),
    ("Amplificatori Spenti Mai", "Rock suonato come si deve.", ("Rock", "Live Music", "Over 30")),
    ("Calor de Barrio", "Perreo hasta que salga el sol.", ("Reggaeton", "Party", "Bar")),
    ("Zucche e Ombre", "Maschere obbligatorie.", ("Halloween", "Dress Code", "Party")),
    ("Regali Sotto la Pista", "Luci, panettone e cassa dritta.", ("Christmas", "Club", "Pop")),
    ("Conto alla Rovescia", "L'anno nuovo comincia qui.", ("New Year", "Dinner", "DJ Set")),
    ("Ballo delle Maschere", "Coriandoli e orchestra.", ("Carnival", "Show", "Outdoor")),
    ("Salotto Privato", "Solo su invito.", ("Private Event", "Bar", "Over 30")),
    ("Notte Bianca", "Tutti in bianco.", ("White Party", "Outdoor", "Commercial")),
    ("Noir", "Vestiti di nero, suoni scuri.", ("Black Party", "Club", "Electronic")),
)

# Days from today; tonight and the weekend are full, the months after it thin out.
AHEAD = (0, 0, 1, 1, 2, 2, 3, 4, 5, 5, 6, 6, 8, 9, 12, 13, 19, 20, 26, 27, 40, 55, 75, 100)
DRAFT_EVERY, CANCEL_EVERY, COMPLETE_EVERY, TOGETHER_EVERY = 11, 13, 12, 9
COUNT = 68
TONIGHT_HOUR = 23
COMPLETE_SECONDS = 25


@dataclass(frozen=True)
class Night:
    """A demo event."""

    title: str
    description: str
    organizer: str
    place: Place
    date: datetime
    tags: tuple[str, ...]
    fate: str = "published"
    collaborators: tuple[str, ...] = field(default=())


def nights(now: datetime) -> list[Night]:
    """Return the demo nights of a day; ``now`` is naive UTC.

    Those with the fate ``completed`` lie a few seconds ahead, so that the platform completes them
    by itself: nothing can be published in the past.
    """
    return [_night(index, now) for index in range(COUNT)]


def _night(index: int, now: datetime) -> Night:
    name, description, tags = THEMES[index % len(THEMES)]
    place = PLACES[(index * 5) % len(PLACES)]
    organizer = ORGANIZATIONS[index % len(ORGANIZATIONS)]
    fate = _fate(index)
    partner = ORGANIZATIONS[(index + 3) % len(ORGANIZATIONS)].username
    return Night(
        title=f"{name}, {place.city} {index // len(THEMES) + 1}",
        description=description,
        organizer=organizer.username,
        place=place,
        date=_date(index, now, fate),
        tags=tags,
        fate=fate,
        collaborators=(partner,) if index % TOGETHER_EVERY == 0 else (),
    )


def _fate(index: int) -> str:
    for every, fate in (
        (DRAFT_EVERY, "draft"),
        (CANCEL_EVERY, "cancelled"),
        (COMPLETE_EVERY, "completed"),
    ):
        if index % every == every - 1:
            return fate
    return "published"


def _date(index: int, now: datetime, fate: str) -> datetime:
    if fate == "completed":
        return now.replace(microsecond=0) + timedelta(seconds=COMPLETE_SECONDS)
    day = (now + timedelta(days=AHEAD[index % len(AHEAD)])).replace(
        hour=20 + index % 4, minute=0, second=0, microsecond=0
    )
    return day if day > now + timedelta(minutes=10) else day + timedelta(days=1)
