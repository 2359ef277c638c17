"""Processor time of whole process trees, and which core they may use."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from benchmarks import ROOT

TICKS = os.sysconf("SC_CLK_TCK")
SERVER_CORE = 0
STOP_SECONDS = 10
ANSWER_SECONDS = 120


def other_core() -> int:
    """Return the core of the load and of the stores: the last one."""
    return max(os.sched_getaffinity(0) | {SERVER_CORE})


def tree(root: int) -> list[int]:
    """Return a process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def cpu_seconds(root: int) -> float:
    """Return the time that a process, its descendants and its ended children took so far."""
    total = 0
    for pid in tree(root):
        with suppress(OSError):
            total += sum(int(word) for word in _stat(pid)[11:15])
    return total / TICKS


def pin(root: int, core: int) -> None:
    """Keep every thread of a process tree on one core."""
    for pid in tree(root):
        with suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {core})


class Program:
    """A module of this folder, running on the servers' core."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def ask(self, line: str) -> str:
        """Send a line and return the line that comes back.

        Raises:
            EOFError: the program ended instead.
            TimeoutError: it does not answer.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise EOFError("the program has no pipes")
        stdin.write(line.encode() + b"\n")
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await stdout.readline()
        if not answer:
            raise EOFError("the program ended")
        return answer.decode().strip()


@asynccontextmanager
async def program(module: str, settings: Mapping[str, str]) -> AsyncIterator[Program]:
    """Run a module, with settings as environment, for a block's length."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        cwd=ROOT,
        env={**os.environ, **settings},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
    )
    try:
        yield Program(process)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()


def _stat(pid: int) -> list[str]:
    """Return the fields of ``/proc/PID/stat`` after the name: state, parent ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
