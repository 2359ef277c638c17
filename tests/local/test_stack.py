"""The one-machine stack as a person drives it: its own process, its own ports, its own state."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import configuration, parts, ports, supervisor
from local.configuration import ROOT

PARTS = {"mongod", "rabbitmq", "redis", "keycloak", "s3", "gateway", "users", "events", "media"}


class Command:
    """Runs `python -m local` as another person on this machine would."""

    def __init__(self) -> None:
        self.state = Path(tempfile.mkdtemp(prefix="eventonight-cli-"))
        self.ports = ports.free_ports()
        self.environment = {
            **os.environ,
            "ETN_STATE": str(self.state),
            **{ports.variable(name): str(port) for name, port in self.ports.items()},
        }
        self.setup = configuration.load(ports=self.ports, state=self.state)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "local", *words],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __call__(self, *words: str, seconds: float = 300) -> tuple[int, str]:
        process = self.start(*words)
        said, _ = process.communicate(timeout=seconds)
        return process.returncode, said

    def part(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.state / "state.json").read_text())
        row: dict[str, Any] = found["parts"][name]
        return row

    def broker(self, method: str, path: str) -> httpx.Response:
        keys = parts.secret(self.setup.site, "rabbitmq-admin")
        url = f"http://127.0.0.1:{self.ports['rabbitmq_management']}/api/{path}"
        login = (keys["username"], keys["password"])
        return httpx.request(method, url, auth=login, timeout=10)

    def forget(self) -> None:
        for pid in supervisor.strays(str(self.state)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.rmtree(parts.postgres_folder(self.setup.site).parent, ignore_errors=True)


def waited(check: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, check
        time.sleep(0.1)


@pytest.fixture
def command() -> Iterator[Command]:
    made = Command()
    yield made
    made.forget()


@pytest.fixture(scope="module")
def running() -> Iterator[Command]:
    made = Command()
    code, said = made("up", "--no-seed")
    assert code == 0, said
    yield made
    assert supervisor.strays(str(made.state))
    assert made("down") == (0, "Everything is stopped.\n")
    assert supervisor.strays(str(made.state)) == []
    assert made("status")[0] == 1
    assert made("down") == (0, "Everything is stopped.\n")
    made.forget()


def test_every_part_runs_and_a_second_up_changes_nothing(running: Command) -> None:
    code, table = running("status")
    assert code == 0, table
    assert all(name in table for name in PARTS)
    before = {name: running.part(name)["pid"] for name in PARTS}
    started = time.monotonic()
    code, said = running("up", "--no-seed")
    assert code == 0
    assert "running already" in said
    assert time.monotonic() - started < 45
    assert {name: running.part(name)["pid"] for name in PARTS} == before


def test_nothing_differs_and_what_is_taken_away_is_named_and_repaired(running: Command) -> None:
    assert running("diff") == (0, "Nothing differs.\n")
    assert running.broker("DELETE", "queues/eventonight/media_queue").is_success
    binding = "bindings/eventonight/e/eventonight/q/events-service-queue/user.deleted"
    assert running.broker("DELETE", binding).is_success
    code, said = running("diff")
    assert code == 0
    assert sorted(said.splitlines()) == [
        "rabbitmq: create binding eventonight -> events-service-queue [user.deleted]",
        "rabbitmq: create binding eventonight -> media_queue [event.deleted]",
        "rabbitmq: create binding eventonight -> media_queue [user.deleted]",
        "rabbitmq: create queue media_queue",
    ]
    code, said = running("reconcile")
    assert code == 0
    assert "create queue media_queue" in said
    assert running("diff") == (0, "Nothing differs.\n")
    assert running("reconcile") == (0, "Nothing to repair.\n")


@pytest.mark.parametrize("name", ["users", "redis", "mongod", "rabbitmq", "gateway", "s3"])
def test_a_killed_part_is_started_again_and_status_says_so(running: Command, name: str) -> None:
    restarts = running.part(name)["restarts"]
    os.kill(running.part(name)["pid"], signal.SIGKILL)
    waited(lambda: running.part(name)["restarts"] > restarts)
    waited(lambda: running.part(name)["state"] == "running")
    code, table = running("status")
    assert code == 0, table
    assert f"restarted {restarts + 1} time" in next(
        line for line in table.splitlines() if line.split()[0] == name
    )
    host = running.setup.site.host
    health = f"http://127.0.0.1:{running.ports['gateway']}/health/ready"

    def answers() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return all(
                httpx.get(health, headers={"Host": f"{one}.{host}"}, timeout=5).is_success
                for one in ("users", "events", "media")
            )
        return False

    waited(answers)


def test_logs_are_shown_and_an_unknown_part_is_named(running: Command) -> None:
    assert "serving" in running("logs", "users")[1]
    code, said = running("logs", "nobody")
    assert code == 1
    assert "users" in said


def test_a_taken_port_is_named_with_what_moves_it(command: Command) -> None:
    with socket.create_server(("127.0.0.1", command.ports["redis"])):
        code, said = command("up", "--no-seed")
    assert code == 1
    assert "ETN_PORT_REDIS=<port>" in said
    assert str(command.ports["redis"]) in said
    assert supervisor.strays(str(command.state)) == []


def test_a_wrong_port_is_named(command: Command) -> None:
    command.environment["ETN_PORT_USERS"] = "x"
    code, said = command("status")
    assert code == 1
    assert said.startswith("ETN_PORT_USERS: expected a port")


def test_ctrl_c_leaves_nothing_running(command: Command) -> None:
    process = command.start("up", "--no-seed")
    waited((command.state / "state.json").exists)
    waited(lambda: command.part("redis")["state"] == "running")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert supervisor.strays(str(command.state)) == []
