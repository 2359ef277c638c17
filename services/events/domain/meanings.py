"""What words mean to people who look for a night out, in the languages of the clients.

Tags and cities are found by their names in each language; words that every sentence has may stand
in a query without standing in the event.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from services.events.domain.words import words

# Tag: its words in English, Italian, German, Spanish and French, and styles that belong to it.
TAG_WORDS: Final = {
    "Live Music": "live music musica vivo livemusik musik directo musique "
    "concert concerts concerto concerti konzert konzerte concierto conciertos",
    "Concert": "concert concerts concerto concerti konzert konzerte concierto conciertos",
    "DJ Set": "dj set djset deejay disc jockey",
    "Party": "party parties festa feste fete fiesta fiestas soiree",
    "Dinner": "dinner cena cene diner abendessen essen degustazione",
    "Karaoke": "karaoke",
    "Show": "show spettacolo spettacoli spectacle espectaculo auffuehrung cabaret",
    "Club": "club clubs clubbing discoteca discoteche disco diskothek discotheque boite",
    "Pub": "pub pubs birreria kneipe taverne taberna",
    "Bar": "bar bars cocktail cocktails aperitivo aperitivi apero",
    "Restaurant": "restaurant ristorante ristoranti restaurante trattoria osteria",
    "Theatre": "theatre theater teatro teatri teatros",
    "Outdoor": "outdoor open air openair aperto freien aire libre plein",
    "Electronic": "electronic elettronica electro elektronisch electronica electronique edm "
    "techno tecno house trance drum bass dnb",
    "Pop": "pop",
    "Hip Hop": "hip hop hiphop rap trap rnb",
    "Rock": "rock metal punk indie rocknroll",
    "Reggaeton": "reggaeton latino latina salsa bachata perreo",
    "Commercial": "commercial commerciale commerciali hits charts comercial",
    "Halloween": "halloween",
    "Christmas": "christmas xmas natale weihnachten weihnacht navidad noel",
    "New Year": "new year newyear capodanno silvester nochevieja reveillon nouvel",
    "Carnival": "carnival carnevale karneval fasching carnaval",
    "Private Event": "private privato privata privat privado prive",
    "Students": "students student studenti universitaria universitario universita studenten "
    "estudiantes etudiants erasmus matricole",
    "Over 18": "over 18",
    "Over 30": "over 30",
    "Family Friendly": "family families friendly famiglia famiglie bambini familie kinder familia "
    "ninos famille enfants kids",
    "Dress Code": "dress code dresscode elegante",
    "White Party": "white party bianco bianca weiss blanca blanche",
    "Black Party": "black party nero nera schwarz negra noire",
    "Free Entry": "free entry entrance gratis gratuito gratuita ingresso libero eintritt frei "
    "entrada entree gratuite gratuit",
    "Reservations Required": "reservation reservations required prenotazione reservierung reserva",
}

# Each line is one city in several languages; the first that an event names finds it by all.
CITY_NAMES: Final = """
roma rome rom
milano milan mailand
firenze florence florenz florencia
venezia venice venedig venise venecia
napoli naples neapel napoles
torino turin
genova genoa genua genes
bologna bolonia bologne
padova padua padoue
mantova mantua
siracusa syracuse
livorno leghorn
trieste triest
trento trient
bolzano bozen
londra london londres
parigi paris
berlino berlin
amburgo hamburg
colonia köln cologne koeln
monaco münchen munich muenchen
francoforte frankfurt
vienna wien viena vienne
zurigo zürich zurich zuerich
ginevra genève geneva genf ginebra
bruxelles brussels brüssel brussel bruselas
barcellona barcelona barcelone
siviglia sevilla seville
nizza nice niza
marsiglia marseille marsella
lione lyon
lisbona lisboa lisbon lissabon lisbonne
oporto porto
praga praha prague prag
varsavia warszawa warsaw warschau varsovie
cracovia kraków krakow cracow krakau
copenaghen københavn copenhagen kopenhagen copenhague
stoccolma stockholm
atene athína athens athen athenes atenas
lubiana ljubljana laibach
zagabria zagreb
spalato split
dublino dublin
edimburgo edinburgh
anversa antwerpen antwerp anvers
"""

# Small words, and what is said of any night: days, "event", "in the centre".
QUIET: Final = frozenset(
    words(
        """
        a ad al allo alla ai agli alle all da dal dalla dai in nel nello nella nei nelle nell di d
        del dello della dei degli delle dell il lo la l i gli le un uno una e ed o con per su sul
        sulla tra fra che c ch dove questa questo questi prossimo prossima prossimi qui vicino
        the an and or of at on to for with by from near this next where n s w is are my me
        der die das den dem des ein eine und oder im am mit fuer fur zum zur bei nach von vom
        el los las y en de con para por cerca los del
        les et ou des du au aux avec pour pres dans chez une
        centro centre center zentrum citta city stadt ciudad ville zona around
        evento eventi event events serata serate sera evening abend noche soir soiree
        musica music musik musique
        oggi stasera stanotte domani weekend settimana today tonight tomorrow week heute morgen hoy
        manana semana demain semaine
        lunedi martedi mercoledi giovedi venerdi sabato domenica monday tuesday wednesday thursday
        friday saturday sunday montag dienstag mittwoch donnerstag freitag samstag sonntag lundi
        mardi mercredi jeudi vendredi samedi dimanche lunes martes miercoles jueves viernes
        """,
        limit=1_000,
    )
)


def _tags_by_word() -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for tag, text in TAG_WORDS.items():
        for word in words(f"{tag} {text}"):
            found[word].append(tag)
    return {word: tuple(tags) for word, tags in found.items()}


TAGS_BY_WORD: Final = _tags_by_word()
CITIES_BY_WORD: Final = {
    name: tuple(words(line)) for line in CITY_NAMES.strip().splitlines() for name in words(line)
}


def needed(texts: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the wished words that an event must have: all but the quiet ones.

    Args:
        texts: words, each with the spots where it may stand; where a field was given nothing but
            quiet words, they are needed after all.
    """
    wished = set(texts)
    telling = {(word, spots) for word, spots in wished if word not in QUIET}
    said = {spots for _, spots in telling}
    return telling | {(word, spots) for word, spots in wished if spots not in said}
