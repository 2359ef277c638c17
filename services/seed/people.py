"""The demo accounts: members and organizations of our own invention."""

import unicodedata
from dataclasses import dataclass

PASSWORD = "notteBuona24!"  # noqa: S105 - the demo accounts' password is public


@dataclass(frozen=True)
class Person:
    """A demo account."""

    username: str
    role: str
    name: str
    language: str
    bio: str
    interests: tuple[str, ...] = ()
    birth_year: int = 0
    link: str = ""

    @property
    def email(self) -> str:
        """The account's address."""
        bare = unicodedata.normalize("NFKD", self.username.casefold())
        plain = "".join(one for one in bare if one.isascii() and one.isalnum())
        return f"{plain}@example.com"


def _member(
    username: str, name: str, language: str, year: int, bio: str, *interests: str
) -> Person:
    return Person(username, "member", name, language, bio, interests, year)


def _organization(username: str, name: str, language: str, bio: str, link: str) -> Person:
    return Person(username, "organization", name, language, bio, link=link)


MEMBERS = (
    _member("john_doe", "John Doe", "en", 1994, "First in, last out.", "DJ Set", "Club"),
    _member("jane_smith", "Jane Smith", "en", 1991, "Vinyl and long walks.", "Live Music", "Rock"),
    _member("alice95", "Alice Ferri", "it", 1995, "Ballo anche da ferma.", "Party", "Pop"),
    _member("bob", "Bob Keller", "de", 1988, "Bass, Bier, Balkon.", "Electronic", "Outdoor"),
    _member("carol", "Carol Moreau", "fr", 1999, "Toujours au premier rang.", "Concert", "Theatre"),
    _member("dave", "Dave Okoye", "en", 1985, "I bring the speakers.", "Hip Hop", "Bar"),
    _member("emma_lopez", "Emma López", "es", 1997, "La noche es joven.", "Reggaeton", "Party"),
    _member("frank", "Frank Weber", "de", 1979, "Jazz nach Mitternacht.", "Live Music", "Pub"),
    _member("grace", "Grace Rossi", "it", 2001, "Studio di giorno, esco di notte.", "Students"),
    _member("henry_photographer", "Henry Vale", "en", 1990, "I shoot in the dark.", "Show"),
    _member("nora_b", "Nora Bianchi", "it", 1993, "Cene lunghe, amici tanti.", "Dinner"),
)

ORGANIZATIONS = (
    _organization("Cocoricò", "Cocoricò", "it", "La piramide della notte.", "https://coco.example"),
    _organization("fec", "FEC", "it", "Feste, eventi, concerti.", "https://fec.example"),
    _organization(
        "Di and Gi Srl", "Di & Gi", "it", "Due amici, cento feste.", "https://digi.example"
    ),
    _organization(
        "stagevibes", "Stage Vibes", "en", "Stages big and small.", "https://stage.example"
    ),
    _organization(
        "cornerbar", "Corner Bar", "en", "Around every corner.", "https://corner.example"
    ),
    _organization("openair_fest", "Open Air", "de", "Unter freiem Himmel.", "https://air.example"),
    _organization("sing&fun", "Sing & Fun", "en", "Everybody can sing.", "https://sing.example"),
    _organization(
        "taste_nightlife", "Taste", "it", "Si mangia, poi si balla.", "https://taste.example"
    ),
    _organization("sunset", "Sunset Vibes", "it", "Dal tramonto in poi.", "https://sunset.example"),
    _organization(
        "exclusive_nights", "Exclusive", "fr", "Sur liste seulement.", "https://excl.example"
    ),
    _organization("electric_rockers", "Electric Rockers", "en", "Loud.", "https://rock.example"),
    _organization(
        "zucchero_sintattico", "Zucchero", "it", "Teatro e zucchero.", "https://zuc.example"
    ),
    _organization("eventonight", "EvenToNight", "en", "The house itself.", "https://etn.example"),
    _organization(
        "amore_bugiardo", "Amore Bugiardo", "it", "Bugie e balli.", "https://amore.example"
    ),
)

EVERYBODY = MEMBERS + ORGANIZATIONS
