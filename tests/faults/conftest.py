"""One stack for all fault tests; each starts from, and leaves, a whole one."""

import random
from collections.abc import AsyncIterator

import pytest

from client import Person
from faults import figures
from faults.checker import Checker
from faults.choice import SEED, SHORT
from faults.crowd import Crowd
from faults.ledger import Ledger
from faults.observer import Observer
from faults.stack import FaultStack


@pytest.fixture(scope="session")
async def observer() -> AsyncIterator[Observer]:
    running = FaultStack()
    try:
        await running.start()
        hearing = Observer(running)
        await hearing.start()
        yield hearing
    finally:
        await running.stop()


@pytest.fixture(scope="session")
def stack(observer: Observer) -> FaultStack:
    """The stack, observed from the first message on."""
    return observer.stack


@pytest.fixture(scope="session")
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture(scope="session")
async def crowd(stack: FaultStack, ledger: Ledger) -> AsyncIterator[Crowd]:
    clients = Crowd(stack, ledger)
    yield clients
    await clients.http.aclose()


@pytest.fixture(scope="session")
async def canary(crowd: Crowd) -> Person:
    """An organization whose changes are followed through all services."""
    return await crowd.register("organization")


@pytest.fixture(scope="session")
def checker(stack: FaultStack, ledger: Ledger, observer: Observer) -> Checker:
    return Checker(stack, ledger, observer)


@pytest.fixture
def seeded(request: pytest.FixtureRequest) -> random.Random:
    """Randomness that depends on the session's seed and the test alone."""
    return random.Random(f"{SEED} {request.node.name}")  # noqa: S311 - chance, not a secret


def pytest_report_header() -> str:
    return f"faults: FAULT_SEED={SEED}, {'short' if SHORT else 'full'} form"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = figures.lines()
    if lines:
        terminalreporter.section(f"fault figures (FAULT_SEED={SEED})")
        terminalreporter.write("\n".join(lines) + "\n")
