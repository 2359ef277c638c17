"""What a person types: up, down, reset, status, logs, diff, reconcile."""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table

from eventonight_operator import reconcile as operator
from local import configuration, fetch, ports
from local.configuration import ROOT, Setup
from local.parts import bootstrap_secrets, postgres_folder
from local.stack import Stack, state_file
from local.supervisor import strays

UP_SECONDS = 600.0
DOWN_SECONDS = 90.0
SEED_SECONDS = 300
POLL_SECONDS = 0.2
MEGABYTE = 1_048_576

# Names of bindings have brackets, which are markup otherwise.
console = Console(highlight=False, markup=False, soft_wrap=True)


def up(given: argparse.Namespace) -> int:
    """Bring the stack up; already up, change nothing."""
    started = time.monotonic()
    setup = configuration.load()
    if _state(setup).get("phase") == "running" and _supervisor(setup):
        console.print("Everything is running already.")
        return _seed_and_greet(setup, given)
    _fetch_missing()
    _clear_strays(setup)
    ports.check_free(setup.site.ports)
    bootstrap_secrets(setup.site)
    daemon = _start_daemon(setup)
    try:
        if not _follow(setup, daemon, started):
            return 1
        return _seed_and_greet(setup, given)
    except KeyboardInterrupt:
        console.print("\nStopping what was started ...")
        _stop(setup)
        return 130


def fetch_parts(_: argparse.Namespace) -> int:
    """Install what is missing on this machine, and say so."""
    _fetch_missing()
    return 0


def down(_: argparse.Namespace) -> int:
    """Stop the stack and leave nothing running."""
    setup = configuration.load()
    _stop(setup)
    console.print("Everything is stopped.")
    return 0


def reset(_: argparse.Namespace) -> int:
    """Stop the stack and forget everything it stored; downloads stay."""
    setup = configuration.load()
    _stop(setup)
    shutil.rmtree(setup.site.state, ignore_errors=True)
    shutil.rmtree(postgres_folder(setup.site).parent, ignore_errors=True)
    console.print("Everything is forgotten; downloads stay in", str(fetch.cache()))
    return 0


def status(_: argparse.Namespace) -> int:
    """Show every part; the exit status is 0 only while all are running."""
    setup = configuration.load()
    state = _state(setup)
    alive = _supervisor(setup)
    if not alive:
        console.print("Nothing is running. Start it with: make up")
        return 1
    table = Table("part", "state", "pid", "port", "up for", "memory", "note", box=None)
    for name, row in state["parts"].items():
        table.add_row(
            name,
            row["state"],
            str(row["pid"] or ""),
            str(row["port"] or ""),
            _age(row["since"]) if row["state"] == "running" else "",
            f"{_memory(row['pid']) / MEGABYTE:.0f} MiB",
            row["note"],
        )
    console.print(table)
    console.print(f"stack: {state['phase']}, at http://{setup.site.host}")
    healthy = all(row["state"] == "running" for row in state["parts"].values())
    return 0 if healthy and state["phase"] == "running" else 1


def logs(given: argparse.Namespace) -> NoReturn:
    """Show the last lines of one part's log or of all."""
    folder = configuration.load().site.folder("logs")
    files = [folder / f"{given.part}.log"] if given.part else sorted(folder.glob("*.log"))
    if given.part and not files[0].exists():
        known = ", ".join(sorted(path.stem for path in folder.glob("*.log")))
        raise ValueError(f"no part {given.part!r}; there are: {known}")
    words = ["tail", "-n", "50", *(["-F"] if given.follow else []), *map(str, files)]
    os.execvp(words[0], words)  # noqa: S606 - becomes `tail`, with arguments of its own


def show_diff(_: argparse.Namespace) -> int:
    """Show what provisioning would change; writes nothing."""
    setup = configuration.load()
    site = setup.site
    outcomes = asyncio.run(operator.diff(setup.resource, site.secrets, site.ledger))
    lines = [str(action) for one in outcomes for action in one.left]
    faults = [f"{one.system}: {one.reason} {one.message}" for one in outcomes if one.message]
    console.print("\n".join([*faults, *lines]) or "Nothing differs.")
    return 1 if faults else 0


def repair(_: argparse.Namespace) -> int:
    """Bring everything back to what the resource says."""
    setup = configuration.load()
    site = setup.site
    outcomes = asyncio.run(operator.reconcile(setup.resource, site.secrets, ledger=site.ledger))
    for one in outcomes:
        for action in one.done:
            console.print(f"done: {action}")
        for action in one.left:
            console.print(f"left: {action}")
        if one.message:
            console.print(f"{one.system}: {one.reason} {one.message}")
    if not any(one.done or one.left or one.message for one in outcomes):
        console.print("Nothing to repair.")
    return 0 if all(one.ready for one in outcomes) else 1


def supervise(_: argparse.Namespace) -> int:
    """Keep the stack running until SIGTERM."""
    setup = configuration.load()
    _pid_file(setup).write_text(str(os.getpid()))

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await Stack(setup).run(stop)

    try:
        asyncio.run(main())
    finally:
        _pid_file(setup).unlink(missing_ok=True)
    return 0


def _fetch_missing() -> None:
    wanted = fetch.missing()
    if wanted:
        console.print("To be fetched once, kept in", str(fetch.cache()))
        for words in wanted:
            console.print(f"  {words}")
        console.print("That takes some 2 to 5 minutes on a usual line.")
    fetch.fetch_all(lambda words: console.print(f"  {words}"))


def _start_daemon(setup: Setup) -> subprocess.Popen[bytes]:
    state_file(setup).unlink(missing_ok=True)
    log = (setup.site.folder("logs") / "supervisor.log").open("ab")
    with log:
        return subprocess.Popen(
            [sys.executable, "-m", "local", "supervise"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _follow(setup: Setup, daemon: subprocess.Popen[bytes], started: float) -> bool:
    """Print progress until the stack runs; ``False`` if it does not."""
    console.print("Starting (a first start takes about 2 minutes, mostly Keycloak's tables).")
    seen: set[str] = set()
    deadline = time.monotonic() + UP_SECONDS
    while time.monotonic() < deadline:
        state = _state(setup)
        for line in _news(state):
            if line not in seen:
                seen.add(line)
                console.print(f"{time.monotonic() - started:6.1f} s  {line}")
        if state.get("phase") == "running":
            return True
        if daemon.poll() is not None:
            console.print(f"The stack did not start; see {setup.site.state / 'logs'}")
            return False
        time.sleep(POLL_SECONDS)
    console.print(f"Not up after {UP_SECONDS:g} s; stopping.")
    _stop(setup)
    return False


def _news(state: dict[str, Any]) -> list[str]:
    parts = [
        f"{name} is running"
        for name, row in state.get("parts", {}).items()
        if row["state"] == "running"
    ]
    troubles = [
        f"{name}: {row['note']}"
        for name, row in state.get("parts", {}).items()
        if row["state"] in {"failing", "restarting"}
    ]
    phase = [state["phase"]] if "phase" in state else []
    return [*parts, *troubles, *state.get("notes", []), *phase]


def _seed_and_greet(setup: Setup, given: argparse.Namespace) -> int:
    marker = setup.site.state / "seeded"
    base = f"http://{setup.site.host}"
    if not given.no_seed and not marker.exists():
        console.print("Filling in demo people and events ...")
        words = [sys.executable, "-m", "services", "seed", "--gateway", base]
        done = subprocess.run(words, cwd=ROOT, timeout=SEED_SECONDS, check=False)
        if done.returncode != 0:
            return done.returncode
        marker.touch()
    console.print(f"\nEvenToNight runs at {base}")
    console.print(f"  API docs   http://users.{setup.site.host}/docs (events., media. likewise)")
    console.print(f"  mail       http://mail.{setup.site.host}/")
    console.print("  demo accounts are on the first page; make status, make logs, make down")
    return 0


def _stop(setup: Setup) -> None:
    pid = _supervisor(setup)
    deadline = time.monotonic() + DOWN_SECONDS
    if pid:
        os.kill(pid, signal.SIGTERM)
        while _supervisor(setup) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    _clear_strays(setup)


def _clear_strays(setup: Setup) -> None:
    """End what an earlier stack here left behind, however that one ended."""
    for pid in strays(str(setup.site.state)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    (postgres_folder(setup.site) / "postmaster.pid").unlink(missing_ok=True)


def _supervisor(setup: Setup) -> int:
    """Return the process id of the stack's supervisor, 0 when there is none."""
    try:
        pid = int(_pid_file(setup).read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return 0
    return pid if b"supervise" in words else 0


def _pid_file(setup: Setup) -> Path:
    return setup.site.folder() / "supervisor.pid"


def _state(setup: Setup) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(state_file(setup).read_text())
    except (OSError, ValueError):
        return {}
    return found


def _age(since: float) -> str:
    seconds = int(time.time() - since)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _memory(pid: int) -> int:
    """Return the resident bytes of a process and its children."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(_memory(int(child)) for child in children)
