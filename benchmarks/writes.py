"""An event posted, checked and stored with its outbox row, beside the transaction alone."""

import json
import uuid
from functools import partial

from benchmarks import figures, load, processes, rounds
from benchmarks.figures import Bar, Figure
from benchmarks.load import WrongAnswerError
from benchmarks.processes import Program
from benchmarks.stand import Stand
from client import local_date
from services.events.application import announcements
from services.events.storage import documents
from services.events.storage.events import INDEXES
from services.kit.mongo import Mongo
from services.kit.outbox import Outbox

COMMITS = 600
LINES = 16
BAR = Bar("at least", 0.6)

Measured = tuple[float, float]


async def measure(stand: Stand) -> list[Figure]:
    """Return commits per second of both, and their ratio."""
    auth = await stand.sign_in()
    asked = _form(stand.organizer.id, auth)
    made = json.loads(await load.once(stand.port("events"), asked, 201))
    url = await _copy(stand, made["eventId"])
    processes.pin(stand.pid("events"), processes.SERVER_CORE)
    async with processes.program("benchmarks.bare_writer", {"MONGO_URL": url}) as bare:
        found = await rounds.interleaved(
            {"product": partial(_product, stand, asked), "driver": partial(_driver, bare)}
        )
    speeds = {name: [COMMITS / seconds for seconds, _ in one] for name, one in found.items()}
    costs = {name: [cpu / COMMITS * 1e6 for _, cpu in one] for name, one in found.items()}
    ratios = figures.ratios(speeds["product"], speeds["driver"])
    return [
        Figure("POST event, commits, product / driver", ratios, bar=BAR),
        *(Figure(f"POST event, commits, {name}", one, "per s") for name, one in speeds.items()),
        *(Figure(f"POST event, processor time, {name}", one, "µs") for name, one in costs.items()),
    ]


def _form(creator_id: str, auth: dict[str, str]) -> bytes:
    """Return the request for a draft, as a browser's form."""
    event = {
        "creatorId": creator_id,
        "status": "DRAFT",
        "title": "Mezzanotte in Piazza",
        "description": "Three stages, one square, until the sun is up.",
        "date": local_date(days=10),
        "location": {"name": "Teatro Verdi", "city": "Cesena", "lat": 44.14, "lon": 12.24},
        "tags": ["Party", "Club"],
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


async def _product(stand: Stand, asked: bytes) -> Measured:
    pid = stand.pid("events")
    async with load.connections(stand.port("events"), LINES) as lines:
        before = processes.cpu_seconds(pid)
        seconds = await load.as_fast_as_it_goes(lines, [asked] * COMMITS, 201)
        return seconds, processes.cpu_seconds(pid) - before


async def _driver(bare: Program) -> Measured:
    before = processes.cpu_seconds(bare.pid)
    seconds = float(await bare.ask(f"{COMMITS} {LINES}"))
    return seconds, processes.cpu_seconds(bare.pid) - before
