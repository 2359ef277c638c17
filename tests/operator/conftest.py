from collections.abc import Iterator

import pytest

from apiserver import ApiServer


@pytest.fixture(scope="session")
def api() -> Iterator[ApiServer]:
    """A real API server that knows the resource."""
    server = ApiServer()
    server.install_crd()
    yield server
    server.stop()
