"""Events on their way out, beside the same messages published without an outbox."""

import json
from functools import partial

from benchmarks import figures, processes, rounds
from benchmarks.figures import Bar, Figure
from benchmarks.processes import Program
from benchmarks.relays import QUEUE
from benchmarks.stand import Stand
from local import parts
from services.kit import inbox, outbox
from services.kit.mongo import Mongo

ROWS = 1_000
SINGLE, SINGLE_ROUNDS = 60, 3
RATE_BAR = Bar("at least", 0.6)
WAIT_BAR = Bar("at most", 50.0)
VHOST = "bench"


async def measure(stand: Stand) -> list[Figure]:
    """Return events per second of both ways, and the wait from commit to consumed when idle."""
    settings = {"MONGO_URL": await _database(stand), "AMQP_URL": await _vhost(stand)}
    async with processes.program("benchmarks.relays", settings) as program:
        sides = {name: partial(_rate, program, name) for name in ("relay", "bare")}
        rates = await rounds.interleaved(sides)
        waits = await rounds.interleaved({"waits": partial(_waits, program)}, SINGLE_ROUNDS)
    ratios = figures.ratios(rates["relay"], rates["bare"])
    return [
        Figure(f"outbox, {ROWS} rows, relay / bare publishing", ratios, bar=RATE_BAR),
        *(Figure(f"outbox, {name}", rate, "per s") for name, rate in rates.items()),
        _single(waits["waits"], 50, WAIT_BAR),
        _single(waits["waits"], 99),
    ]


def _single(waits: list[list[float]], percent: int, bar: Bar | None = None) -> Figure:
    values = [figures.quantile(one, percent / 100) * 1000 for one in waits]
    return Figure(f"commit to consumed, idle, p{percent}", values, "ms", bar)


async def _rate(program: Program, way: str) -> float:
    return ROWS / float(await program.ask(f"{way} {ROWS}"))


async def _waits(program: Program) -> list[float]:
    found: list[float] = json.loads(await program.ask(f"waits {SINGLE}"))
    return found


async def _database(stand: Stand) -> str:
    url = f"{await stand.servers.mongodb()}/relays?authSource=admin&replicaSet=rs0"
    database = Mongo(url, service="bench")
    for indexes in (outbox.INDEXES, inbox.INDEXES):
        await database.ensure_indexes(indexes)
    await database.close()
    return url


async def _vhost(stand: Stand) -> str:
    """Make a virtual host with the product's exchange and one quorum queue that hears all."""
    topic = {"type": "topic", "durable": True}
    quorum = {"durable": True, "arguments": {"x-queue-type": "quorum"}}
    async with await stand.servers.rabbitmq() as admin:
        for path, body in (
            (f"vhosts/{VHOST}", None),
            (f"exchanges/{VHOST}/eventonight", topic),
            (f"queues/{VHOST}/{QUEUE}", quorum),
        ):
            (await admin.put(path, json=body)).raise_for_status()
        binding = f"bindings/{VHOST}/e/eventonight/q/{QUEUE}"
        (await admin.post(binding, json={"routing_key": "#"})).raise_for_status()
    keys = parts.secret(stand.servers.setup.site, "rabbitmq-admin")
    login = f"{keys['username']}:{keys['password']}"
    return f"amqp://{login}@127.0.0.1:{stand.port('rabbitmq')}/{VHOST}"
