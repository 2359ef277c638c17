"""Benches lent to tasks: so many at once, each a process that leaves when nobody needs it."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import BinaryIO, cast

import msgspec

from services.contracts.errors import InvalidError, UnavailableError
from services.kit import logs
from services.media.application.ports import Crafted
from services.media.domain import Form
from services.media.gateways.tasks import LENGTH, AsItIs, Clean, Done, Outcome, Refused, Size, Task

MOST = 2
MOST_WAITING = 60
TASK_SECONDS = 20.0
IDLE_SECONDS = 15.0
LEAVE_SECONDS = 5.0
MOST_BYTES = 200_000_000
# A bench is told nothing that a picture which takes it over could use.
TOLD = ("PATH", "LANG", "LC_", "LD_", "PYTHON", "COVERAGE", "COV_")

log = logs.get(__name__)
_outcomes: msgspec.msgpack.Decoder[Outcome] = msgspec.msgpack.Decoder(Outcome)


class Bench:
    """One process and the pipes to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._inbound = cast("asyncio.StreamWriter", process.stdin)
        self._outbound = cast("asyncio.StreamReader", process.stdout)
        self.leaving: asyncio.TimerHandle | None = None

    @classmethod
    async def start(cls) -> "Bench":
        """Return a fresh bench."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.media.gateways.bench",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={key: value for key, value in os.environ.items() if key.startswith(TOLD)},
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Tell whether the process still runs."""
        return self._process.returncode is None

    async def do(self, task: Task) -> Outcome:
        """Return what comes of a task.

        Raises:
            OSError, EOFError: the process died of it.
        """
        body = msgspec.msgpack.encode(task)
        self._inbound.write(len(body).to_bytes(LENGTH, "big"))
        self._inbound.write(body)
        await self._inbound.drain()
        length = int.from_bytes(await self._outbound.readexactly(LENGTH), "big")
        if length > MOST_BYTES:
            raise EOFError(f"an answer of {length} bytes")
        return _outcomes.decode(await self._outbound.readexactly(length))

    async def end(self, *, kill: bool) -> None:
        """End the process; it is given a moment unless it is to be killed."""
        self._inbound.close()
        try:
            async with asyncio.timeout(0 if kill else LEAVE_SECONDS):
                await self._process.wait()
        except TimeoutError:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()


class Workshop:
    """Where pictures are looked into and made.

    Args:
        most: benches at once.
        seconds: what a task may take before its bench is killed.
        idle: seconds after which an unused bench leaves, and its memory with it.
    """

    def __init__(
        self, *, most: int = MOST, seconds: float = TASK_SECONDS, idle: float = IDLE_SECONDS
    ) -> None:
        self._slots = asyncio.Semaphore(most)
        self._seconds = seconds
        self._idle = idle
        self._free: list[Bench] = []
        self._endings: set[asyncio.Task[None]] = set()
        self._waiting = 0

    async def clean(self, content: BinaryIO) -> Crafted:
        """Return an upload stripped of all but its pixels.

        Raises:
            InvalidError: not a picture that is taken.
            UnavailableError: too much at once, or it took too long.
        """

        async def read() -> Task:
            return Clean(content.read())

        outcome = await self._do(read)
        if not isinstance(outcome, Done):
            raise InvalidError("file: cannot be stored", field="file")
        return Crafted(outcome.content, outcome.media_type)

    async def size(
        self, read: Callable[[], Awaitable[bytes]], width: int, form: Form
    ) -> Crafted | None:
        """Return a sized form of a picture, ``None`` if it moves; raises as `clean` does."""

        async def task() -> Task:
            return Size(await read(), width, form)

        outcome = await self._do(task)
        return Crafted(outcome.content, outcome.media_type) if isinstance(outcome, Done) else None

    async def _do(self, read: Callable[[], Awaitable[Task]]) -> Done | AsItIs:
        """Do a task when its turn comes; its bytes are read no earlier."""
        if self._waiting >= MOST_WAITING:
            raise UnavailableError("too many pictures at once")
        self._waiting += 1
        try:
            async with self._slots:
                outcome = await self._on_a_bench(await read())
        finally:
            self._waiting -= 1
        if isinstance(outcome, Refused):
            raise InvalidError(outcome.reason, field="file")
        return outcome

    async def _on_a_bench(self, task: Task) -> Outcome:
        bench = await self._taken()
        try:
            async with asyncio.timeout(self._seconds):
                outcome = await bench.do(task)
        except (TimeoutError, OSError, EOFError, msgspec.DecodeError) as error:
            self._end(bench, kill=True)
            log.warning("a picture was given up", task=type(task).__name__, error=repr(error))
            raise UnavailableError("the picture could not be read in time") from error
        except BaseException:
            self._end(bench, kill=True)
            raise
        bench.leaving = asyncio.get_running_loop().call_later(self._idle, self._dismiss, bench)
        self._free.append(bench)
        return outcome

    async def _taken(self) -> Bench:
        while self._free:
            bench = self._free.pop()
            if bench.leaving is not None:
                bench.leaving.cancel()
            if bench.alive:
                return bench
        return await Bench.start()

    def _dismiss(self, bench: Bench) -> None:
        if bench in self._free:
            self._free.remove(bench)
            self._end(bench, kill=False)

    def _end(self, bench: Bench, *, kill: bool) -> None:
        ending = asyncio.create_task(bench.end(kill=kill))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def close(self) -> None:
        """End every bench."""
        for bench in [*self._free]:
            self._dismiss(bench)
        await asyncio.gather(*self._endings, return_exceptions=True)
