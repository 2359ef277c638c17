"""A cluster that runs the product, named by the person who starts the tests, and its public side.

The tests change and break what they find, so nothing is taken for granted: KUBECONFIG is what it
always is, but the context has to be named by ``--context`` or ``E2E_CONTEXT``.
"""

import os
from collections.abc import AsyncIterator

import httpx
import pytest

from e2e.cluster import Cluster, Public


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
