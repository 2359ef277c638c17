"""Around every module: the services outlive it, and their memory stays within bounds."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from client import Client, Person
from services import catalogue

MEGABYTE = 1024
MOST_AT_PEAK = 250 * MEGABYTE
MOST_AFTER = 120 * MEGABYTE

_measured: list[str] = []


def memory(pid: int, name: str) -> int:
    """Return resident memory in KiB: `VmRSS` now, `VmHWM` at its highest since `forget_peak`."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@pytest.fixture(scope="module", autouse=True)
async def bounded(product: Client, request: pytest.FixtureRequest) -> AsyncIterator[None]:
    standing = product.servers.supervisor.standing
    pids = {name: standing[name].pid for name in catalogue.CONTEXTS}
    before = {name: memory(pid, "VmRSS") for name, pid in pids.items()}
    for pid in pids.values():
        forget_peak(pid)
    yield
    assert {name: standing[name].pid for name in catalogue.CONTEXTS} == pids, "a service ended"
    for name, pid in pids.items():
        peak, after = memory(pid, "VmHWM"), memory(pid, "VmRSS")
        figures = f"{before[name] >> 10} -> {peak >> 10} -> {after >> 10}"
        _measured.append(f"{request.module.__name__.rpartition('.')[2]:16} {name:8} {figures}")
        assert peak - before[name] < MOST_AT_PEAK, _measured[-1]
        assert after - before[name] < MOST_AFTER, _measured[-1]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _measured:
        terminalreporter.write_sep("-", "resident memory in MiB: before -> peak -> after")
        for line in _measured:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
async def member(product: Client) -> Person:
    return await product.register()


@pytest.fixture(scope="session")
async def organizer(product: Client) -> Person:
    return await product.register("organization")
