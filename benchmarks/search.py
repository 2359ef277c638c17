"""A page of a search among 100,000 events, beside the raw driver's same find.

Before any time is taken, the answers are checked: each plan by index, distances against brute
force, and the written queries of the tests by their first hits.
"""

import random
import statistics
import time
import urllib.parse
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

import pymongo
import pymongo.monitoring

import stock
from benchmarks import figures, load, rounds
from benchmarks.corpus import Corpus, Night
from benchmarks.figures import Bar, Figure
from benchmarks.filling import fill
from benchmarks.load import Connection
from benchmarks.plans import Plan, Recorder, explained
from benchmarks.stand import Stand
from services.events.domain.criteria import Criteria, texts
from services.events.domain.event import Status
from services.events.domain.meanings import TAGS_BY_WORD
from services.events.storage.events import MongoEvents
from services.kit.clock import utc_now
from services.kit.mongo import Document, Mongo
from services.kit.paging import Window

EVENTS: Final = 100_000
NEAR_QUERIES: Final = 1_000
PAGE: Final = Window(20, 0)
# The driver's find by distance needs an index that the product has no use for.
OF_THE_DRIVER: Final = "driver"
SAMPLES: Final = 60
LATE: Final = 0.95
WAIT_BAR, KEYS_BAR, FIRST_BAR = Bar("at most", 5), Bar("at most", 3), Bar("at least", 0.9)
NONE, ALL = Bar("at most", 0), Bar("at least", 1)
EXPLORED: Final = frozenset({Status.PUBLISHED, Status.COMPLETED, Status.CANCELLED})

# What is typed, and the words that are meant by it.
TYPED: Final = (
    ("techno", "techno"),
    ("jazz", "jazz"),
    ("notte", "notte"),
    ("bologna", "bologna"),
    ("teatro verdi", "teatro verdi"),
    ("rock bologna", "rock bologna"),
    ("techno a Rimini", "techno rimini"),
    ("jazz in centro a Cesena", "jazz cesena"),
    ("festa universitaria milano", "festa universitaria milano"),
    ("halloween horror roma", "halloween horror roma"),
    ("capodanno in piazza", "capodanno piazza"),
    ("silent disco", "silent disco"),
    ("street food torino", "street food torino"),
    ("karaoke night verona", "karaoke night verona"),
    ("drum & bass london", "drum bass london"),
    ("circolo aurora", "circolo aurora"),
    ("pub quiz dublin", "pub quiz dublin"),
    ("wine tasting", "wine tasting"),
    ("indie berlin", "indie berlin"),
    ("salsa napoli", "salsa napoli"),
    ("bolonga", "bologna"),
    ("eletronica", "elettronica"),
    ("halowen", "halloween"),
    ("karoake roma", "karaoke roma"),
    ("murder mistery dinner", "murder mystery dinner"),
    ("cocorico", "cocorico"),
    ("memorablia", "memorabilia"),
    ("umbria jazz", "umbria jazz"),
    ("oktoberfest", "oktoberfest"),
    ("mucassassina", "muccassassina"),
)
SPOTS: Final = ((44.14, 12.24), (45.46, 9.19), (41.9, 12.5), (52.52, 13.4), (51.5, -0.12), (38, 14))
PRICES: Final = ((0.0, 10.0), (10.0, 20.0), (15.0, 40.0), (50.0, 100.0), (200.0, 300.0))
PLAIN: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"descending": True},
    {"sort_by": "title"},
    {"sort_by": "price"},
    {"sort_by": "instant", "descending": True},
    {"other": "upcoming"},
    {"other": "popular"},
    {"other": "recently_added"},
)

Ask = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Pair:
    """A search, the driver's same find, and the search as a request."""

    criteria: Criteria
    query: Document
    sort: Mapping[str, int] | None
    path: str


class Town:
    """The service's own database, with the nights in it."""

    def __init__(self, database: Mongo, nights: Sequence[Night], now: datetime) -> None:
        self.database = database
        self.rows = database["events"]
        self.events = MongoEvents(database)
        self.coming = stock.coming(nights, now)
        self.now = now

    async def search(self, criteria: Criteria, position: bytes = b"") -> Any:
        """Return a page as the service reads it."""
        return await self.events.search(criteria, PAGE, self.now, position)

    async def find(self, pair: Pair) -> list[Document]:
        """Return the documents of the driver's same find."""
        rows = self.rows.find(pair.query, {"terms": 0})
        if pair.sort:
            rows = rows.sort(pair.sort)
        return await rows.limit(PAGE.limit + 1).to_list()


async def measure(stand: Stand) -> list[Figure]:
    """Return what was checked and how long pages take."""
    recorder = Recorder()
    pymongo.monitoring.register(recorder)
    database = Mongo(stand.url("events", "MONGO_URL"), service="bench")
    now = utc_now()
    nights = [*Corpus(now.replace(tzinfo=None)).nights(EVENTS), *stock.realistic(now)]
    started = time.monotonic()
    try:
        await fill(database, nights)
        await database["events"].create_index([("geo", pymongo.GEOSPHERE)], name=OF_THE_DRIVER)
        filled = Figure("storing 100,000 events and their words", [time.monotonic() - started], "s")
        town = Town(database, nights, now)
        checked = [*await _plans(town, recorder), *await _answers(town)]
        return [filled, *checked, *await _waits(town, stand)]
    finally:
        await fill(database, [])
        await database.close()


def pairs(now: datetime) -> dict[str, list[Pair]]:
    """Return the searches whose pages are timed, by kind."""
    coming: Document = {"status": "PUBLISHED", "date": {"$gt": now}}
    by_date = {"date": 1, "_id": 1}
    found: defaultdict[str, list[Pair]] = defaultdict(list)
    for typed, meant in TYPED:
        query = {"$and": [_has(word) for word in meant.split()], **coming}
        criteria = Criteria(texts=texts({"query": typed}))
        found["text"].append(Pair(criteria, query, by_date, f"query={typed}"))
    for lat, lon in SPOTS:
        point = {"type": "Point", "coordinates": [lon, lat]}
        query = {**coming, "geo": {"$near": {"$geometry": point}}}
        found["near"].append(Pair(Criteria(near=(lat, lon)), query, None, f"near={lat},{lon}"))
    for least, most in PRICES:
        inside = {"prices": {"$elemMatch": {"price": {"$gte": least, "$lte": most}}}}
        priced = {"$or": [inside, {"isFree": True}]} if least == 0 else inside
        criteria = Criteria(price=(least, most))
        found["price"].append(
            Pair(criteria, {**coming, **priced}, by_date, f"price={least},{most}")
        )
    found["upcoming"] = [Pair(Criteria(other="upcoming"), coming, by_date, "other=upcoming")]
    return found


def _has(word: str) -> Document:
    tags = [f"g:{tag}" for tag in TAGS_BY_WORD.get(word, ())]
    return {"terms": {"$in": [*(f"{spot}:{word}" for spot in "tnc"), *tags]}}


async def _plans(town: Town, recorder: Recorder) -> list[Figure]:
    """Explain every command that the timed searches and the plain pages send."""
    timed = [pair.criteria for kind in pairs(town.now).values() for pair in kind]
    wide = [Criteria(statuses=EXPLORED, texts=one.texts) for one in timed if one.texts]
    plans = [plan for one in (*timed, *wide) for plan in await _sent(town, recorder, one)]
    ratios = []
    for statuses in (frozenset({Status.PUBLISHED}), EXPLORED):
        for order in PLAIN:
            sent = await _sent(town, recorder, Criteria(statuses=statuses, **order))
            plans += sent
            ratios.append(sum(plan.keys for plan in sent) / (2 * PAGE.limit))
    scans = sum("COLLSCAN" in plan.stages for plan in plans)
    return [
        Figure("commands explained", [len(plans)], "count"),
        Figure("of which scan the collection", [scans], "count", NONE),
        Figure("plain page, index keys looked at / events returned", ratios, bar=KEYS_BAR),
    ]


async def _sent(town: Town, recorder: Recorder, criteria: Criteria) -> list[Plan]:
    """Return the plans of a search's first page and of the one after it."""
    recorder.commands.clear()
    recorder.on = True
    page = await town.search(criteria)
    if page.has_more:
        await town.search(criteria, page.position)
    recorder.on = False
    return [one for sent in recorder.commands for one in await explained(town.database, sent)]


async def _answers(town: Town) -> list[Figure]:
    rows = stock.table("queries.tsv")
    right = [await stock.first_hit_fits(town.events, row, town.now) for row in rows]
    near = [await _near_is_right(town, here) for here in _somewhere(NEAR_QUERIES)]
    return [
        Figure(f"{len(rows)} written queries, expected hit first", [_share(right)], bar=FIRST_BAR),
        Figure(f"{len(near)} searches by distance, as brute force", [_share(near)], bar=ALL),
    ]


def _somewhere(count: int) -> list[tuple[float, float]]:
    dice = random.Random(7)  # noqa: S311 - not a secret
    return [(dice.uniform(36, 60), dice.uniform(-9, 25)) for _ in range(count)]


async def _near_is_right(town: Town, here: tuple[float, float]) -> bool:
    page = await town.search(Criteria(near=here))
    found = [event.id for event in page.items]
    return found == stock.nearest(town.coming, here, PAGE.limit)


async def _waits(town: Town, stand: Stand) -> list[Figure]:
    async with load.connections(stand.port("events"), 1) as (line,):
        sides = {kind: partial(_turn, town, line, asked) for kind, asked in pairs(town.now).items()}
        found = await rounds.interleaved(sides)
    return [one for kind, turns in found.items() for one in _figures(kind, turns)]


async def _turn(town: Town, line: Connection, asked: Sequence[Pair]) -> dict[str, list[float]]:
    """Return the seconds of each page: of the search, of the same find, of the request."""
    waits: defaultdict[str, list[float]] = defaultdict(list)
    for pair in [*asked] * (SAMPLES // len(asked)):
        path = urllib.parse.quote(f"/search?limit={PAGE.limit}&{pair.path}", safe="/?&=,")
        request = load.request("GET", path, {})
        sides: dict[str, Ask] = {
            "search": partial(town.search, pair.criteria),
            "find": partial(town.find, pair),
            "request": partial(line.ask, request, 200),
        }
        for name, side in sides.items():
            started = time.perf_counter()
            await side()
            waits[name].append(time.perf_counter() - started)
    return dict(waits)


def _figures(kind: str, turns: Sequence[Mapping[str, Sequence[float]]]) -> list[Figure]:
    late = {
        name: [figures.quantile(turn[name], LATE) * 1000 for turn in turns] for name in turns[0]
    }
    percent = f"p{LATE * 100:.0f}"
    return [
        Figure(
            f"{kind}, page of 20, {percent}, search / driver's find",
            figures.ratios(late["search"], late["find"]),
            bar=WAIT_BAR,
        ),
        Figure(
            f"{kind}, {percent}, whole request / driver's find",
            figures.ratios(late["request"], late["find"]),
        ),
        *(Figure(f"{kind}, {percent}, {name}", values, "ms") for name, values in late.items()),
        Figure(f"{kind}, search / driver's find, each query by itself", _each(kind, turns)),
    ]


def _each(kind: str, turns: Sequence[Mapping[str, Sequence[float]]]) -> list[float]:
    """Return each query's ratio of medians: a late find of one must not hide a late search."""
    count = len(pairs(utc_now())[kind])

    def median(name: str, number: int) -> float:
        return statistics.median(one for turn in turns for one in turn[name][number::count])

    return [median("search", number) / median("find", number) for number in range(count)]


def _share(right: Sequence[bool]) -> float:
    return sum(right) / len(right)
