from collections.abc import AsyncIterator, Iterator

import pytest

from apiserver import ApiServer
from installation import Installation
from servers import Servers


@pytest.fixture(scope="session")
def api() -> Iterator[ApiServer]:
    """A real API server that knows the resource."""
    server = ApiServer()
    server.install_crd()
    yield server
    server.stop()


@pytest.fixture
async def installation(api: ApiServer, servers: Servers) -> AsyncIterator[Installation]:
    """A namespace of the test's own, as yet without resource and operator."""
    await servers.need("mongod", "rabbitmq", "keycloak")
    await servers.provision("mongodb")
    async with Installation(api, servers) as made:
        yield made
