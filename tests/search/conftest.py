import uuid
from collections.abc import AsyncIterator

import pytest

from benchmarks.corpus import Corpus
from benchmarks.filling import fill
from servers import Servers
from services.events.storage.events import MongoEvents
from services.kit.mongo import Mongo
from stock import COUNT, NOW, Stocked, realistic


@pytest.fixture(scope="session")
async def stocked(servers: Servers) -> AsyncIterator[Stocked]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    url = f"{await servers.mongodb()}/{name}?authSource=admin&replicaSet=rs0"
    database = Mongo(url, service="test")
    nights = [*Corpus(NOW.replace(tzinfo=None)).nights(COUNT), *realistic()]
    events = MongoEvents(database)
    await fill(database, nights)
    yield Stocked(database, events, nights)
    await database.database.client.drop_database(name)
    await database.close()
