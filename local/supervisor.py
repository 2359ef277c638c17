"""Starts parts in order, waits for their own word that they are healthy, and keeps them so."""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.parts import Part, user_ids
from local.probes import NotReadyError

MARK = "EVENTONIGHT_STATE"
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 20.0
STEADY_SECONDS = 60.0
POLL_SECONDS = 0.15
HOPELESS = 4
HANDED_DOWN = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


class PartFailedError(Exception):
    """A part did not become healthy; the message ends with its last log lines."""


@dataclass
class Standing:
    """How a part is doing."""

    state: str = "waiting"
    pid: int = 0
    since: float = 0.0
    restarts: int = 0
    note: str = ""


class Supervisor:
    """Runs parts until told to stop.

    Args:
        parts: in any order; `after` decides.
        logs: folder of one log file per part.
        mark: put into each process' environment, so that strays can be found.
        changed: called whenever a part's standing changes.
    """

    def __init__(
        self, parts: Sequence[Part], *, logs: Path, mark: str, changed: Callable[[], None]
    ) -> None:
        self.parts = {part.name: part for part in parts}
        self.standing = {part.name: Standing() for part in parts}
        self._logs = logs
        self._mark = mark
        self._changed = changed
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._healthy = {part.name: asyncio.Event() for part in parts}
        self._keepers: dict[str, asyncio.Task[None]] = {}

    def add(self, part: Part) -> None:
        """Take one more part under supervision."""
        self.parts[part.name] = part
        self.standing[part.name] = Standing()
        self._healthy[part.name] = asyncio.Event()

    async def start(self, names: Sequence[str]) -> None:
        """Start parts that are not started yet and return once all are healthy.

        Raises:
            PartFailedError: one is not healthy within its patience.
        """
        for name in names:
            if name in self._keepers:
                continue
            self._keepers[name] = asyncio.create_task(self._keep(self.parts[name]))
        waits = [asyncio.create_task(self._wait_healthy(name)) for name in names]
        try:
            await asyncio.gather(*waits)
        finally:
            for wait in waits:
                wait.cancel()

    async def _wait_healthy(self, name: str) -> None:
        part = self.parts[name]
        for needed in part.after:
            await self._healthy[needed].wait()
        standing = self.standing[name]
        deadline = time.monotonic() + part.patience
        while not self._healthy[name].is_set():
            if time.monotonic() > deadline or standing.restarts >= HOPELESS:
                raise PartFailedError(
                    f"{name} does not become healthy ({standing.note})\n{self.tail(name)}"
                )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._healthy[name].wait()

    async def _keep(self, part: Part) -> None:
        for needed in part.after:
            await self._healthy[needed].wait()
        pause = FIRST_PAUSE
        while True:
            started = time.monotonic()
            try:
                process = await self._launch(part)
            except (OSError, subprocess.SubprocessError, NotReadyError) as error:
                self.standing[part.name].restarts += 1
                self._note(part, "failing", str(error)[-300:])
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            watcher = asyncio.create_task(self._watch(part))
            code = await process.wait()
            watcher.cancel()
            self._healthy[part.name].clear()
            if time.monotonic() - started > STEADY_SECONDS:
                pause = FIRST_PAUSE
            self.standing[part.name].restarts += 1
            self._note(part, "restarting", f"ended with {_ending(code)}")
            _signal_group(process.pid, signal.SIGKILL)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _launch(self, part: Part) -> asyncio.subprocess.Process:
        await asyncio.to_thread(part.prepare)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(Path.home()),
            "LANG": "C.UTF-8",
            MARK: self._mark,
            **{name: text for name, text in os.environ.items() if name in HANDED_DOWN},
            **part.environment,
        }
        uid, gid = user_ids(part.user) if part.user else (None, None)
        with (self._logs / f"{part.name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *part.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=part.home,
                user=uid,
                group=gid,
                extra_groups=[] if part.user else None,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self._processes[part.name] = process
        standing = self.standing[part.name]
        standing.pid, standing.since = process.pid, time.time()
        self._note(part, "starting", standing.note if standing.restarts else "")
        return process

    async def _watch(self, part: Part) -> None:
        while True:
            try:
                await part.ready()
            except Exception as error:  # noqa: BLE001 - whatever the probe meets, it is not healthy yet
                self.standing[part.name].note = f"{type(error).__name__}: {error}"[:160]
                await asyncio.sleep(POLL_SECONDS)
            else:
                self._note(part, "running", _restarts(self.standing[part.name].restarts))
                self._healthy[part.name].set()
                return

    def _note(self, part: Part, state: str, note: str) -> None:
        self.standing[part.name].state = state
        self.standing[part.name].note = note
        self._changed()

    def tail(self, name: str, lines: int = 15) -> str:
        """Return the last lines of a part's log."""
        path = self._logs / f"{name}.log"
        if not path.exists():
            return ""
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])

    async def stop(self, order: Sequence[str] | None = None) -> None:
        """Stop all parts: those that others need come last; within each part's grace."""
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        running = dict(self._processes)
        for layer in _layers(self.parts, order):
            await asyncio.gather(
                *(self._end(name, running[name]) for name in layer if name in running)
            )

    async def _end(self, name: str, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(self.parts[name].grace):
                    await process.wait()
            except TimeoutError:
                self.standing[name].note = "had to be killed"
        _signal_group(process.pid, signal.SIGKILL)
        await process.wait()
        self._note(self.parts[name], "stopped", self.standing[name].note)


def strays(mark: str) -> list[int]:
    """Return the processes that carry a stack's mark, whoever is their parent now."""
    found = []
    needle = f"{MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if needle in words:
            found.append(int(entry.name))
    return found


def _layers(parts: Mapping[str, Part], order: Sequence[str] | None) -> list[list[str]]:
    if order is not None:
        return [[name] for name in order]
    layers: list[list[str]] = []
    left = dict(parts)
    while left:
        needed = {name for part in left.values() for name in part.after}
        layer = [name for name in left if name not in needed] or list(left)
        layers.append(layer)
        left = {name: part for name, part in left.items() if name not in layer}
    return layers


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _restarts(count: int) -> str:
    return f"restarted {count} time{'s' if count > 1 else ''}" if count else ""


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def _die_with_parent() -> None:
    """Ask the kernel to end this process when the supervisor ends, however that happens."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
