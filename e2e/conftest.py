"""A cluster that runs the product, named by the person who starts the tests, and its public side.

The tests change and break what they find, so nothing is taken for granted: KUBECONFIG is what it
always is, but the context has to be named by ``--context`` or ``E2E_CONTEXT``.
"""

import os
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from e2e.bars import Bars
from e2e.cluster import Cluster, Public
from e2e.installation import Installation
from e2e.second import Second

BARS = pytest.StashKey[Bars]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--context", default=os.environ.get("E2E_CONTEXT", ""))
    parser.addoption("--namespace", default=os.environ.get("E2E_NAMESPACE", "eventonight"))
    parser.addoption("--gateway", default=os.environ.get("E2E_GATEWAY", "http://127.0.0.1:30080"))


def pytest_sessionstart(session: pytest.Session) -> None:
    """End at once unless the cluster was named, and is there."""
    named = chosen(session.config)
    if not named.context:
        pytest.exit("name the cluster to test on: --context or E2E_CONTEXT", returncode=4)
    known = named.contexts()
    if named.context not in known:
        words = (
            f"no context {named.context!r} in KUBECONFIG; there are: {', '.join(known) or 'none'}"
        )
        pytest.exit(words, returncode=4)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[BARS] = Bars()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for line in config.stash[BARS].lines:
        terminalreporter.write_line(line)


def chosen(config: pytest.Config) -> Cluster:
    return Cluster(str(config.getoption("--context")), str(config.getoption("--namespace")))


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    return chosen(request.config)


@pytest.fixture
async def public(cluster: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[Public]:
    """What the world sees: the gateway, by its ingress port."""
    gateway = str(request.config.getoption("--gateway"))
    host = cluster.field("etn", "", "{.items[0].spec.gateway.host}")
    async with httpx.AsyncClient(base_url=gateway, timeout=30) as client:
        yield Public(client, host)


@pytest.fixture
def outside(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """The main host as the world sees it, for what is called while something else goes on."""
    gateway = str(request.config.getoption("--gateway"))
    host = cluster.field("etn", "", "{.items[0].spec.gateway.host}")
    with httpx.Client(base_url=gateway, headers={"Host": host}, timeout=30) as client:
        yield client


@pytest.fixture
def bars(request: pytest.FixtureRequest) -> Bars:
    """Hold what is measured against its bar, and print it at the end."""
    return request.config.stash[BARS]


@pytest.fixture
def etn(cluster: Cluster) -> Iterator[Installation]:
    """The installation, Ready; what a test changes in its resource is brought back."""
    one = Installation(cluster, cluster.field("etn", "", "{.items[0].metadata.name}"))
    one.holds("Ready")
    cluster.at_rest()
    manifest = one.manifest()
    yield one
    one.restore(manifest)


@pytest.fixture
def second(etn: Installation) -> Iterator[Second]:
    """A namespace with an operator of its own and the broker and realms of the first."""
    with Second(etn) as one:
        yield one
