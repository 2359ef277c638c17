"""Made-up nights, always the same ones for the same day: titles in two languages, true cities.

They are written as the product writes events, through its own document functions, so that what is
measured on them is what is stored.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from benchmarks.places import CITIES, City
from services.events.domain.event import Event, Location, Status, first_popularity, voted

SPACE: Final = uuid.UUID("6f2f7c6e-5d0e-4a55-9d0c-0d6a3f6f2b11")
ORGANIZATIONS: Final = 800
ARTISTS: Final = 12_000
DAYS_PAST, DAYS_AHEAD = 240, 300
DRAFTS, CANCELLED, UNPLACED, FREE = 0.03, 0.04, 0.02, 0.4


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST: Final = _split(
    "Luna Marco Giulia Ada Nina Leo Bruno Elsa Ivo Dora Pino Carla Otto Vera Milo Rita Sandro Gaia "
    "Tullio Irma Nico Berta Remo Silvia Aldo Fanny Ugo Lia Dario Emma Jonas Clara Felix Greta Hugo "
    "Ines Karl Louise Mateo Noor Oscar Paula Quentin Rosa Sven Tess Ulla Victor Wanda Yara"
)
LAST: Final = _split(
    "Marchetti Bellini Fontana Rinaldi Caruso De Santis Moretti Galli Conti Ferrara Villa Serra "
    "Lombardi Greco Parisi Valente Orsini Fabbri Neri Bassi Keller Novak Dubois Navarro Lindqvist "
    "Okafor Brennan Castillo Hartmann Petit Sørensen Weiss Almeida Duarte Kowalski Jansen Visser "
    "Moreau Ferrer Costa Amari Bonetti Zanetti Poggi Ricci Sartori Tosi Vitali Zorzi Nardi"
)
ADJECTIVES: Final = _split(
    "Velvet Electric Silent Golden Broken Midnight Paper Neon Crooked Lazy Wild Hollow Crystal "
    "Dusty Lunar Savage Gentle Marble Copper Scarlet Frozen Burning Hidden Lonely Magnetic Plastic "
    "Violet Restless Sleepy Thirsty Wooden Atomic Concrete Distant Elegant Foggy Ghostly Humble"
)
NOUNS: Final = _split(
    "Foxes Mirrors Tides Kings Lanterns Engines Pilots Gardens Wolves Arrows Dancers Satellites "
    "Bandits Harbours Strangers Pigeons Sirens Monks Orchids Rockets Sailors Tigers Umbrellas "
    "Vandals Whispers Yetis Zebras Anchors Bicycles Comets Daggers Echoes Feathers Giants Hounds"
)
SYLLABLES: Final = _split(
    "ka ro mi ta lu ne so vi da po ze ri mo na fe li bo su ga to ve ni ra co du me"
)

STYLES: Final = (
    ("Techno", ("Electronic", "Club", "DJ Set")),
    ("House", ("Electronic", "Club", "DJ Set")),
    ("Drum & Bass", ("Electronic", "Party")),
    ("Rock", ("Rock", "Live Music")),
    ("Indie", ("Rock", "Live Music", "Pub")),
    ("Punk", ("Rock", "Concert")),
    ("Jazz", ("Live Music", "Bar")),
    ("Blues", ("Live Music", "Pub")),
    ("Soul", ("Live Music", "Bar")),
    ("Swing", ("Live Music", "Party")),
    ("Hip Hop", ("Hip Hop", "Club")),
    ("Trap", ("Hip Hop", "Concert")),
    ("R&B", ("Hip Hop", "DJ Set")),
    ("Reggaeton", ("Reggaeton", "Party")),
    ("Salsa", ("Reggaeton", "Party", "Bar")),
    ("Pop", ("Pop", "Concert")),
    ("Disco", ("Commercial", "Party")),
    ("Anni 90", ("Commercial", "Party", "Over 30")),
    ("Folk", ("Live Music", "Outdoor")),
    ("Funk", ("Live Music", "Club")),
)
ITALIAN: Final = (
    "{artist} in concerto",
    "{artist} dal vivo",
    "Serata {style} con {artist}",
    "Notte {style}",
    "Festa {style} a {city}",
    "{style} in piazza",
    "Aperitivo {style} in terrazza",
    "{artist} e {other}",
    "Le notti del {style}",
    "Mercoledì {style}",
)
ENGLISH: Final = (
    "{artist} live",
    "{style} Night",
    "{artist} w/ {other}",
    "{style} Sessions vol. {number}",
    "{city} {style} Festival",
    "An Evening with {artist}",
    "{artist} & {other}",
    "Sunday {style}",
    "{artist}: {adjective} Tour",
    "The {adjective} {style} Party",
)
THEMES: Final = (
    ("Notte Bianca", ("White Party", "Outdoor")),
    ("Festa Universitaria", ("Students", "Party")),
    ("Cena con Delitto", ("Dinner", "Restaurant", "Show")),
    ("Karaoke Night", ("Karaoke", "Pub")),
    ("Ballo in Maschera", ("Carnival", "Dress Code")),
    ("Capodanno in Piazza", ("New Year", "Outdoor", "Free Entry")),
    ("Halloween Horror Party", ("Halloween", "Party")),
    ("Mercatino di Natale", ("Christmas", "Family Friendly")),
    ("Stand-up Comedy", ("Show", "Bar")),
    ("Pub Quiz", ("Pub", "Students")),
    ("Silent Disco", ("Party", "Outdoor")),
    ("Notte Rosa", ("Party", "Outdoor")),
    ("Sagra della Birra", ("Outdoor", "Family Friendly")),
    ("Cinema sotto le Stelle", ("Show", "Outdoor")),
    ("Open Mic", ("Live Music", "Bar", "Free Entry")),
    ("Rooftop Sunset", ("DJ Set", "Bar")),
    ("Freshers Party", ("Students", "Club")),
    ("Murder Mystery Dinner", ("Dinner", "Reservations Required")),
    ("Masquerade Ball", ("Carnival", "Dress Code", "Over 18")),
    ("Wine Tasting", ("Dinner", "Bar", "Over 30")),
    ("Street Food Festival", ("Outdoor", "Family Friendly")),
    ("Warehouse Rave", ("Electronic", "Over 18")),
    ("Opera a Palazzo", ("Theatre", "Show")),
    ("Black & White Gala", ("Black Party", "Dress Code")),
)
VENUE_KINDS: Final = {
    "it": _split("Teatro Circolo Discoteca Arena Bar Birreria Sala Villa Lido Cantina Officina"),
    "de": _split("Kesselhaus Keller Halle Garten Kneipe Werk Salon"),
    "fr": _split("Cave Salle Théâtre Péniche Jardin Bistrot"),
    "es": _split("Sala Patio Teatro Terraza Bodega"),
}
OTHER_KINDS: Final = _split("Club Hall Theatre Garden Pub Warehouse Room Stage")
VENUE_NAMES: Final = _split(
    "Verdi Aurora Paradiso Centrale Nord Miramare Tropicana Eden Imperiale Vecchio Moderno Italia "
    "Garibaldi Mazzini Stella Polare Fenice Astra Odeon Savoia Corallo Delfino Smeraldo Lanterna "
    "Porto Mercato Ponte Torre Castello Rocca Pineta Spiaggia Bosco Collina Fiume Lago Ghetto "
    "Kristall Mond Sonne Rouge Bleu Lumière Sol Luna Plaza Anchor Crown Lion Arms Bridge Mill"
)
TEXTS: Final = (
    "Porte aperte dalle 21, ingresso fino a esaurimento posti.",
    "Doors at nine, first act at ten, curfew when the neighbours say so.",
    "Due sale, un cortile e un bar che non chiude presto.",
    "Bring friends, leave your coat, and do not miss the last tram.",
    "Una serata pensata per chi ama ascoltare da vicino.",
    "Food until midnight, music until late.",
)


@dataclass(frozen=True)
class Venue:
    """A place of our invention in a true city."""

    name: str
    city: City
    lat: float
    lon: float


@dataclass(frozen=True)
class Night:
    """An event with what others tell of it."""

    event: Event
    popularity: float
    prices: tuple[float, ...]


class Corpus:
    """Made-up nights around a day.

    Args:
        now: naive UTC.
        seed: another one gives other nights.
    """

    def __init__(self, now: datetime, seed: int = 1) -> None:
        self._now = now.replace(minute=0, second=0, microsecond=0)
        self._dice = Random(seed)  # noqa: S311 - not a secret
        self._artists = [self._artist() for _ in range(ARTISTS)]
        self._venues = {city.name: self._venues_of(city) for city in CITIES}
        self._weights = [city.weight for city in CITIES]

    def nights(self, count: int) -> Iterator[Night]:
        """Yield so many nights, in no order of time."""
        for number in range(count):
            yield self._night(number)

    def _artist(self) -> str:
        dice = self._dice
        form = dice.randrange(5)
        if form == 0:
            return f"The {dice.choice(ADJECTIVES)} {dice.choice(NOUNS)}"
        if form == 1:
            return f"DJ {''.join(dice.choices(SYLLABLES, k=3)).title()}"
        if form == 2:  # noqa: PLR2004 - one of five forms
            return "".join(dice.choices(SYLLABLES, k=dice.randint(3, 4))).title()
        if form == 3:  # noqa: PLR2004 - one of five forms
            return f"{dice.choice(ADJECTIVES)} {''.join(dice.choices(SYLLABLES, k=3)).title()}"
        return f"{dice.choice(FIRST)} {dice.choice(LAST)}"

    def _venues_of(self, city: City) -> list[Venue]:
        dice = self._dice
        kinds = VENUE_KINDS.get(city.code, OTHER_KINDS)
        return [
            Venue(
                f"{dice.choice(kinds)} {dice.choice(VENUE_NAMES)}",
                city,
                round(city.lat + dice.uniform(-0.04, 0.04), 5),
                round(city.lon + dice.uniform(-0.05, 0.05), 5),
            )
            for _ in range(3 + 2 * city.weight)
        ]

    def _night(self, number: int) -> Night:
        dice = self._dice
        (city,) = dice.choices(CITIES, self._weights)
        venue = dice.choice(self._venues[city.name])
        title, tags = self._title(city)
        date = self._date()
        made = min(date, self._now) - timedelta(days=dice.uniform(1, 60))
        creator = dice.randrange(ORGANIZATIONS)
        event = Event(
            id=str(uuid.uuid5(SPACE, str(number))),
            creator_id=f"organization-{creator}",
            status=self._status(date),
            created_at=made.replace(tzinfo=UTC),
            title=title,
            description=f"{title}. {' '.join(dice.sample(TEXTS, 3))}",
            tags=tags,
            location=_location(venue, placed=dice.random() >= UNPLACED),
            date=date,
            collaborator_ids=(f"organization-{(creator + 1) % ORGANIZATIONS}",)
            if dice.random() < 0.1  # noqa: PLR2004 - one in ten
            else (),
        )
        return Night(event, self._popularity(event), self._prices())

    def _title(self, city: City) -> tuple[str, tuple[str, ...]]:
        dice = self._dice
        if dice.random() < 0.3:  # noqa: PLR2004 - three in ten have a theme instead of a style
            theme, tags = dice.choice(THEMES)
            return (f"{theme} {city.name}" if dice.random() < 0.5 else theme), tags  # noqa: PLR2004
        style, tags = dice.choice(STYLES)
        forms = ITALIAN if city.code == "it" and dice.random() < 0.65 else ENGLISH  # noqa: PLR2004
        title = dice.choice(forms).format(
            artist=dice.choice(self._artists),
            other=dice.choice(self._artists),
            style=style,
            city=city.name,
            adjective=dice.choice(ADJECTIVES),
            number=dice.randint(1, 40),
        )
        return title, tags

    def _date(self) -> datetime:
        day = self._dice.triangular(-DAYS_PAST, DAYS_AHEAD, 20)
        whole = (self._now + timedelta(days=int(day))).replace(hour=0)
        return whole + timedelta(hours=self._dice.choice((18, 19, 20, 21, 22, 23)), minutes=30)

    def _status(self, date: datetime) -> Status:
        chance = self._dice.random()
        if chance < CANCELLED:
            return Status.CANCELLED
        if date <= self._now:
            return Status.COMPLETED
        return Status.DRAFT if chance < CANCELLED + DRAFTS else Status.PUBLISHED

    def _popularity(self, event: Event) -> float:
        popularity = first_popularity(event.created_at)
        votes = int(self._dice.expovariate(0.2))
        return (
            voted(popularity, event.created_at + timedelta(days=1), votes) if votes else popularity
        )

    def _prices(self) -> tuple[float, ...]:
        dice = self._dice
        if dice.random() < FREE:
            return ()
        price = dice.choice((5, 8, 10, 12, 15, 18, 20, 25, 30, 40, 55, 80, 120))
        return (float(price), price * 2.5) if dice.random() < 0.3 else (float(price),)  # noqa: PLR2004


def _location(venue: Venue, *, placed: bool) -> Location:
    return Location(
        name=venue.name,
        city=venue.city.name,
        country_code=venue.city.code.upper(),
        lat=venue.lat if placed else None,
        lon=venue.lon if placed else None,
    )
