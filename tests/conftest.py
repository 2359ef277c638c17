"""Real servers for every test that asks for them."""

import uuid
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings
from pymongo.errors import PyMongoError

from client import Client, eventually
from local import parts
from servers import Servers
from services.kit.mongo import Mongo

# How fast a loaded machine makes up examples says nothing about the product.
settings.register_profile("house", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("house")


@pytest.fixture(scope="session")
async def servers() -> AsyncIterator[Servers]:
    running = Servers()
    yield running
    await running.stop()


@pytest.fixture
async def mongo_url(servers: Servers) -> AsyncIterator[str]:
    """A database of the test's own."""
    base = await servers.mongodb()
    name = f"t_{uuid.uuid4().hex[:12]}"
    url = f"{base}/{name}?authSource=admin&replicaSet=rs0"
    yield url
    cleaner = Mongo(url, service="cleaner")

    async def dropped() -> bool:
        # A killed process' transaction holds its documents until the server ends it.
        with suppress(PyMongoError):
            await cleaner.database.client.drop_database(name)
            return True
        return False

    await eventually(dropped, seconds=60)
    await cleaner.close()


@pytest.fixture
async def database(mongo_url: str) -> AsyncIterator[Mongo]:
    opened = Mongo(mongo_url, service="test")
    yield opened
    await opened.close()


@pytest.fixture
async def vhost(servers: Servers) -> AsyncIterator[str]:
    """The AMQP address of a broker's virtual host of the test's own, with the exchange."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    async with await servers.rabbitmq() as admin:
        (await admin.put(f"vhosts/{name}")).raise_for_status()
        body = {"type": "topic", "durable": True}
        (await admin.put(f"exchanges/{name}/eventonight", json=body)).raise_for_status()
    keys = parts.secret(servers.setup.site, "rabbitmq-admin")
    port = servers.setup.site.ports["rabbitmq"]
    yield f"amqp://{keys['username']}:{keys['password']}@127.0.0.1:{port}/{name}"
    async with await servers.rabbitmq() as admin:
        # The broker ends each queue in turn before it answers.
        (await admin.delete(f"vhosts/{name}", timeout=60)).raise_for_status()


@pytest.fixture(scope="session")
async def product(servers: Servers) -> AsyncIterator[Client]:
    """The whole product, running, and a client of it."""
    await servers.everything()
    async with Client(servers) as client:
        yield client
