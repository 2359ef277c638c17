"""Events posted, checked and stored with their outbox rows, beside the transaction alone."""

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from benchmarks import figures, load, processes, rounds
from benchmarks.corpus import Corpus
from benchmarks.figures import Bar, Figure
from benchmarks.load import WrongAnswerError
from benchmarks.processes import Program
from benchmarks.stand import Stand
from client import local_date
from services.events.application import announcements
from services.events.domain.event import Event
from services.events.storage import documents
from services.events.storage.events import INDEXES
from services.kit.mongo import Mongo
from services.kit.outbox import Outbox

COMMITS = 600
LINES = (16, 1)
BAR = Bar("at least", 0.6)

Measured = tuple[float, float]


async def measure(stand: Stand) -> list[Figure]:
    """Return commits per second of both, and their ratio."""
    auth = await stand.sign_in()
    asked = _forms(stand.organizer.id, auth)
    made = json.loads(await load.once(stand.port("events"), asked[0], 201))
    url = await _copy(stand, made["eventId"])
    processes.pin(stand.pid("events"), processes.SERVER_CORE)
    async with processes.program("benchmarks.bare_writer", {"MONGO_URL": url}) as bare:
        return [one for lines in LINES for one in await _compare(stand, asked, bare, lines)]


async def _compare(stand: Stand, asked: Sequence[bytes], bare: Program, lines: int) -> list[Figure]:
    """Return the figures of so many requests at a time."""
    found = await rounds.interleaved(
        {
            "product": partial(_product, stand, asked, lines),
            "driver": partial(_driver, bare, lines),
        }
    )
    speeds = {name: [COMMITS / seconds for seconds, _ in one] for name, one in found.items()}
    costs = {name: [cpu / COMMITS * 1e6 for _, cpu in one] for name, one in found.items()}
    ratios = figures.ratios(speeds["product"], speeds["driver"])
    what = f"POST event, {lines} at a time"
    return [
        Figure(f"{what}, commits, product / driver", ratios, bar=BAR),
        *(Figure(f"{what}, commits, {name}", one, "per s") for name, one in speeds.items()),
        *(Figure(f"{what}, processor time, {name}", one, "µs") for name, one in costs.items()),
    ]


def _forms(creator_id: str, auth: dict[str, str]) -> list[bytes]:
    """Return the requests for drafts of made-up nights, as a browser's forms."""
    nights = Corpus(datetime.now(UTC).replace(tzinfo=None)).nights(COMMITS)
    return [_form(night.event, creator_id, auth) for night in nights]


def _form(night: Event, creator_id: str, auth: dict[str, str]) -> bytes:
    event = {
        "creatorId": creator_id,
        "status": "DRAFT",
        "title": night.title,
        "description": night.description,
        "date": local_date(days=10),
        "location": {name: one for name, one in vars(night.location).items() if one is not None},
        "tags": night.tags,
    }
    border = uuid.uuid4().hex
    part = 'Content-Disposition: form-data; name="event"'
    body = f"--{border}\r\n{part}\r\n\r\n{json.dumps(event)}\r\n--{border}--\r\n"
    kind = {"Content-Type": f"multipart/form-data; boundary={border}"}
    return load.request("POST", "/", {**auth, **kind}, body.encode())


async def _copy(stand: Stand, event_id: str) -> str:
    """Store an event and its news once more, in a database of their own with all indexes."""
    url = f"{await stand.servers.mongodb()}/bare?authSource=admin&replicaSet=rs0"
    source, target = Mongo(stand.url("events", "MONGO_URL"), service="b"), Mongo(url, service="b")
    try:
        await target.ensure_indexes(INDEXES)
        row = await source["events"].find_one({"_id": event_id})
        news = await source["outbox"].count_documents({"key": event_id})
        if row is None or news != 1:
            raise WrongAnswerError("the event is not stored with its news")
        await target["events"].insert_one(row)
        created = announcements.created(documents.event(row))
        await Outbox(target).append(created, key=event_id, version=1)
    finally:
        await source.close()
        await target.close()
    return url


async def _product(stand: Stand, asked: Sequence[bytes], count: int) -> Measured:
    pid = stand.pid("events")
    async with load.connections(stand.port("events"), count) as lines:
        before = processes.cpu_seconds(pid)
        seconds = await load.as_fast_as_it_goes(lines, asked, 201)
        return seconds, processes.cpu_seconds(pid) - before


async def _driver(bare: Program, lines: int) -> Measured:
    before = processes.cpu_seconds(bare.pid)
    seconds = float(await bare.ask(f"{COMMITS} {lines}"))
    return seconds, processes.cpu_seconds(bare.pid) - before
