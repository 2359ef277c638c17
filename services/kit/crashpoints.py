"""Ends the process right after an outside write, so that tests can show that nothing is lost there.

Off unless ``CRASH_POINTS`` names a file. Then every door to the outside is wrapped once, at start:
database writes and commits, HTTP requests that are no reads, objects put and deleted, messages
published and acknowledged. The file holds how many such writes are left to this process, or the
beginning of the name of its last one; then the file is removed and the process ends by SIGKILL.
Without the file nothing is counted.
"""

import functools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import obstore
from aiormq.channel import Channel
from pymongo import monitoring

from services.kit import leases

WRITES = frozenset({"insert", "update", "delete", "findAndModify", "commitTransaction"})
READS = frozenset({"GET", "HEAD", "OPTIONS"})

Label = Callable[..., str | None]


class CrashPoints:
    """Counts writes down.

    Args:
        control: file with the number of writes left, or the beginning of a write's name;
            ``<control>.log`` names each one counted.
    """

    def __init__(self, control: Path) -> None:
        self._control = control
        self._log = control.with_name(f"{control.name}.log")

    def passed(self, write: str) -> None:
        """Note that a write has had its effect; the last one ends the process."""
        try:
            wanted = self._control.read_text()
        except FileNotFoundError:
            return
        with self._log.open("a") as log:
            log.write(f"{write}\n")
        if wanted.isdecimal() and int(wanted) > 1:
            self._control.write_text(str(int(wanted) - 1))
            return
        if not wanted.isdecimal() and not write.startswith(wanted):
            return
        self._control.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


class _Commands(monitoring.CommandListener):
    """Hears of database commands; taking and keeping leases is no part of a use case."""

    def __init__(self, points: CrashPoints) -> None:
        self._points = points
        self._under_way: dict[int, str] = {}

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        place = event.command.get(event.command_name)
        if event.command_name in WRITES and place != leases.COLLECTION:
            self._under_way[event.request_id] = f"mongodb {event.command_name} {place}"

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        write = self._under_way.pop(event.request_id, None)
        if write is not None:
            self._points.passed(write)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        self._under_way.pop(event.request_id, None)


def install(control: Path) -> None:
    """Wrap the doors of this process; before anything is connected."""
    points = CrashPoints(control)
    monitoring.register(_Commands(points))
    _wrap(points, httpx.AsyncClient, "send", _request)
    for name in ("put_async", "delete_async"):
        _wrap(points, obstore, name, lambda *_, name=name, **__: f"s3 {name}")
    for name in ("basic_publish", "basic_ack", "basic_nack", "basic_reject"):
        _wrap(points, Channel, name, lambda *_, name=name, **__: f"amqp {name}")


def _wrap(points: CrashPoints, owner: Any, name: str, label: Label) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    async def wrapped(*words: Any, **named: Any) -> Any:
        done = await original(*words, **named)
        write = label(*words, **named)
        if write is not None:
            points.passed(write)
        return done

    setattr(owner, name, wrapped)


def _request(_: httpx.AsyncClient, request: httpx.Request, **__: Any) -> str | None:
    if request.method in READS:
        return None
    return f"http {request.method} {request.url.path}"
