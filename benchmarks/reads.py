"""An event read with a verified token, beside the same find without framework or token."""

import json
from functools import partial

from benchmarks import figures, load, processes, rounds
from benchmarks.figures import Bar, Figure
from benchmarks.load import WrongAnswerError
from benchmarks.stand import Stand
from local import ports

REQUESTS = 2_500
LINES = 8
CALM_PER_SECOND, CALM_SECONDS, CALM_ROUNDS = 100.0, 3.0, 3
CPU_BAR = Bar("at most", 2.5)

Place = tuple[int, int]


async def measure(stand: Stand) -> list[Figure]:
    """Return processor time per request, and how long single requests take when it is calm."""
    event = await stand.client.create_event(stand.organizer)
    asked = load.request("GET", f"/{event}", await stand.sign_in())
    port = ports.free_ports()["events"]
    settings = {"PORT": str(port), "MONGO_URL": stand.url("events", "MONGO_URL")}
    async with processes.program("benchmarks.bare_server", settings) as bare:
        await load.until_open(port)
        processes.pin(stand.pid("events"), processes.SERVER_CORE)
        places = {"product": (stand.port("events"), stand.pid("events")), "bare": (port, bare.pid)}
        await _check_same_answer(asked, *(place[0] for place in places.values()))
        return [*await _costs(places, asked), *await _waits(places, asked)]


async def _check_same_answer(asked: bytes, *listeners: int) -> None:
    answers = [json.loads(await load.once(port, asked, 200)) for port in listeners]
    if answers[0] != answers[1]:
        raise WrongAnswerError(f"the answers differ: {answers}")


async def _costs(places: dict[str, Place], asked: bytes) -> list[Figure]:
    sides = {name: partial(_cost, *place, asked) for name, place in places.items()}
    costs = await rounds.interleaved(sides)
    ratios = figures.ratios(costs["product"], costs["bare"])
    return [
        Figure("GET event, processor time, product / bare", ratios, bar=CPU_BAR),
        *(Figure(f"GET event, processor time, {name}", cost, "µs") for name, cost in costs.items()),
    ]


async def _cost(port: int, pid: int, asked: bytes) -> float:
    """Return the microseconds of processor time that a request takes."""
    async with load.connections(port, LINES) as lines:
        before = processes.cpu_seconds(pid)
        await load.as_fast_as_it_goes(lines, [asked] * REQUESTS, 200)
        return (processes.cpu_seconds(pid) - before) / REQUESTS * 1e6


async def _waits(places: dict[str, Place], asked: bytes) -> list[Figure]:
    sides = {name: partial(_wait, place[0], asked) for name, place in places.items()}
    waits = await rounds.interleaved(sides, CALM_ROUNDS)
    return [
        Figure(
            f"GET event, p{percent} at {CALM_PER_SECOND:g}/s, {name}",
            [figures.quantile(one, percent / 100) * 1000 for one in found],
            "ms",
        )
        for name, found in waits.items()
        for percent in (50, 99)
    ]


async def _wait(port: int, asked: bytes) -> list[float]:
    async with load.connections(port, LINES) as lines:
        return await load.at_a_rate(
            lines, asked, 200, per_second=CALM_PER_SECOND, seconds=CALM_SECONDS
        )
