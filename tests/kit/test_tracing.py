"""Traces, from a request to the last consumer, as they arrive at a receiver."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from client import PASSWORD, Client, eventually
from collector import Collector, Recorded, collecting
from local import ports
from servers import Servers
from services import catalogue
from services.kit import tracing

ROOT = Path(__file__).parents[2]
BUILD_ALL = """
import sys
from services import catalogue
from services.kit import tracing
from services.kit import logs
from services.kit.settings import load
for name in catalogue.CONTEXTS:
    app = catalogue.app_of(name)
    app.build(load(app.Settings, catalogue.EXAMPLE_ENVIRONMENT))
logs.configure(service="x")
# The framework itself looks for a module of attribute names.
parts = tuple(f"opentelemetry.{name}" for name in ("sdk", "trace", "exporter", "context"))
print(sum(name.startswith(parts) for name in sys.modules))
"""


class Traced:
    """Services of the test's own, and what they tell."""

    def __init__(self, collector: Collector, folder: Path) -> None:
        self.collector = collector
        self.folder = folder
        self.urls: dict[str, str] = {}
        self.http = httpx.AsyncClient(timeout=30)

    def lines(self, service: str) -> list[dict[str, Any]]:
        text = (self.folder / service).read_text()
        return [json.loads(line) for line in text.splitlines()]

    async def spans(self, trace: str, *wanted: tuple[str, str]) -> list[Recorded]:
        """Return a trace once it has spans of these services and kinds."""

        async def complete() -> list[Recorded]:
            found = self.collector.of(trace)
            return found if {(one.service, one.kind) for one in found} >= set(wanted) else []

        found: list[Recorded] = await eventually(complete)
        return found

    @asynccontextmanager
    async def serving(self, name: str, environment: dict[str, str]) -> AsyncIterator[Any]:
        """Run a service and yield its process."""
        self.urls[name] = f"http://127.0.0.1:{environment['PORT']}"
        with (self.folder / name).open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services", "run", name),
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=out,
            )
        try:
            await eventually(lambda: self._ready(name), seconds=40)
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                await process.wait()

    async def _ready(self, name: str) -> bool:
        try:
            return (await self.http.get(f"{self.urls[name]}/health/ready")).is_success
        except httpx.HTTPError:
            return False


async def environment(
    servers: Servers, name: str, vhost: str, mongo_url: str, receiver: str
) -> dict[str, str]:
    """Return what a service on a virtual host and a database of its own is told."""
    place = vhost.rpartition("/")[2]
    (queue,) = [one for one in catalogue.queues() if one.owner == name]
    body = {"durable": True, "arguments": {"x-queue-type": "quorum"}}
    async with await servers.rabbitmq() as admin:
        (await admin.put(f"queues/{place}/{queue.name}", json=body)).raise_for_status()
        for event in queue.events:
            bound = {"routing_key": event.routing_key}
            await admin.post(f"bindings/{place}/e/eventonight/q/{queue.name}", json=bound)
    return {
        **servers.environment(name),
        "PORT": str(ports.free_ports()[name]),
        "AMQP_URL": vhost,
        "MONGO_URL": mongo_url.replace("?", f"_{name}?"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }


@pytest.fixture
async def traced(tmp_path: Path) -> AsyncIterator[Traced]:
    async with collecting() as collector:
        found = Traced(collector, tmp_path)
        async with found.http:
            yield found


def traceparent(*, sampled: bool) -> tuple[str, str]:
    trace = secrets.token_hex(16)
    return trace, f"00-{trace}-{secrets.token_hex(8)}-0{int(sampled)}"


async def test_one_registration_is_one_trace_through_all_processes(
    product: Client, traced: Traced, vhost: str, mongo_url: str
) -> None:
    servers = product.servers
    trace, told = traceparent(sampled=True)
    async with AsyncExitStack() as stack:
        for name in ("users", "events"):
            chosen = await environment(servers, name, vhost, mongo_url, traced.collector.url)
            await stack.enter_async_context(traced.serving(name, chosen))
        name = uuid.uuid4().hex
        wish = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
        answer = await traced.http.post(
            f"{traced.urls['users']}/register",
            json={**wish, "role": "organization"},
            headers={"traceparent": told},
        )
        assert answer.status_code == 201
        spans = await traced.spans(
            trace,
            ("users", "server"),
            ("users", "client"),
            ("users", "producer"),
            ("users", "consumer"),
            ("events", "consumer"),
            ("events", "client"),
        )
    by_id = {one.id: one for one in spans}
    (server,) = [one for one in spans if one.kind == "server"]
    assert (server.name, server.facts["http.response.status_code"]) == ("POST /register", 201)
    assert server.parent == told.split("-")[2]
    calls = [one for one in spans if one.facts.get("server.port")]
    assert {one.facts["server.port"] for one in calls} == {servers.setup.site.ports["keycloak"]}
    assert any(one.facts["url.path"].endswith("/token") for one in calls)
    stored = [one.name for one in spans if one.parent == server.id and "db.namespace" in one.facts]
    assert {"insert profiles", "insert outbox", "commitTransaction"} <= set(stored)
    (sent,) = [one for one in spans if one.kind == "producer"]
    assert sent.parent == server.id
    consumed = {one.service: one for one in spans if one.kind == "consumer"}
    assert {one.parent for one in consumed.values()} == {sent.id}
    assert {one.facts["eventonight.outcome"] for one in consumed.values()} == {"done"}
    effect = [one for one in spans if one.name == "insert organizations"]
    assert [by_id[one.parent] for one in effect] == [consumed["events"]]
    assert not [one for one in spans if one.failed]
    request = [one for one in traced.lines("users") if one.get("route") == "/register"]
    assert [(one["trace_id"], one["span_id"]) for one in request] == [(trace, server.id)]


async def test_what_is_not_sampled_or_asks_for_health_is_not_recorded(
    product: Client, traced: Traced, vhost: str, mongo_url: str
) -> None:
    chosen = await environment(product.servers, "events", vhost, mongo_url, traced.collector.url)
    async with traced.serving("events", chosen):
        url = traced.urls["events"]
        unsampled, refused = traceparent(sampled=False)
        await traced.http.get(f"{url}/search", headers={"traceparent": refused})
        for path in ("/health", "/health/live", "/health/ready", "/health/serving", "/metrics"):
            await traced.http.get(
                f"{url}{path}", headers={"traceparent": traceparent(sampled=True)[1]}
            )
        await traced.http.get(f"{url}/search", headers={"traceparent": "00-garbage"})
        last, told = traceparent(sampled=True)
        await traced.http.get(f"{url}/nothing", headers={"traceparent": told})
        await traced.spans(last, ("events", "server"), ("events", "client"))
        servers = [one for one in traced.collector.spans if one.kind == "server"]
        assert [one.name for one in servers] == ["GET /search", "GET /{event_id}"]
        assert not traced.collector.of(unsampled)
        assert not [
            one for one in traced.collector.spans if one.kind == "client" and not one.parent
        ]
    searched = [one for one in traced.lines("events") if one.get("route") == "/search"]
    assert searched[0]["trace_id"] == unsampled


@pytest.mark.parametrize("kind", ["refuses", "hangs"])
async def test_a_receiver_that_is_away_slows_and_stops_nothing(
    product: Client, traced: Traced, vhost: str, mongo_url: str, kind: str
) -> None:
    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    silent = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1] if kind == "hangs" else 1
    chosen = await environment(
        product.servers, "events", vhost, mongo_url, f"http://127.0.0.1:{port}"
    )
    chosen |= {"OTEL_BSP_MAX_QUEUE_SIZE": "20", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10"}
    async with silent, traced.serving("events", chosen) as process:
        for _ in range(100):
            answer = await traced.http.get(f"{traced.urls['events']}/search", timeout=5)
            assert answer.status_code == 200
        process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        async with asyncio.timeout(15):
            assert await process.wait() == 0
        assert time.monotonic() - started < 10
        silent.close()


RECEIVER = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


@pytest.mark.parametrize(("variables", "loaded"), [({}, False), (RECEIVER, True)])
def test_what_is_off_is_not_even_imported(variables: dict[str, str], *, loaded: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUILD_ALL],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert bool(int(done.stdout)) is loaded


@pytest.mark.parametrize(
    ("variables", "on"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        (RECEIVER | {"OTEL_SDK_DISABLED": "true"}, False),
        (RECEIVER | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (RECEIVER, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, True),
    ],
)
def test_the_standard_variables_switch_it(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, on: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert tracing.wanted() is on
