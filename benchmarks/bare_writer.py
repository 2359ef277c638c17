"""The least that could store an event with its outbox row: the driver's own calls in a loop.

They are those of the product: one read, that the account still stands, and a transaction.

``MONGO_URL`` says where. Each line of input, ``COUNT LINES``, is answered with the seconds that so
many transactions took on so many lines at a time.
"""

import asyncio
import os
import sys
import time
import uuid
from typing import Any

import uvloop
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

# Not the kit's, whose import changes the driver.
Document = dict[str, Any]

ACCOUNT = uuid.uuid4().hex
WRITE, READ = WriteConcern("majority"), ReadConcern("snapshot")


class Writer:
    """Stores copies of the rows that the database holds already.

    Args:
        url: a database with one event and one outbox row in it.
    """

    def __init__(self, url: str) -> None:
        self._client: AsyncMongoClient[Document] = AsyncMongoClient(url, tz_aware=True)
        database = self._client.get_default_database()
        self._events, self._outbox = database["events"], database["outbox"]
        self._gone = database["gone"]
        self._event: Document = {}
        self._news: Document = {}

    async def prepare(self) -> None:
        """Read what is to be copied."""
        self._event = await self._events.find_one({}) or {}
        self._news = await self._outbox.find_one({}) or {}
        del self._news["_id"]

    async def write(self, count: int, lines: int) -> float:
        """Run so many transactions and return their seconds."""
        left = iter(range(count))

        async def work() -> None:
            for _ in left:
                await self._gone.find_one({"_id": ACCOUNT}, {"_id": 1})
                async with self._client.start_session() as session:
                    await session.with_transaction(
                        self._once, read_concern=READ, write_concern=WRITE
                    )

        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(lines)))
        return time.perf_counter() - started

    async def _once(self, session: AsyncClientSession) -> None:
        event_id = str(uuid.uuid4())
        await self._events.insert_one({**self._event, "_id": event_id}, session=session)
        news = {**self._news, "key": event_id, "messageId": uuid.uuid4().hex}
        await self._outbox.insert_many([news], session=session)


async def main() -> None:
    """Answer lines until the input ends."""
    writer = Writer(os.environ["MONGO_URL"])
    await writer.prepare()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        count, lines = map(int, line.split())
        sys.stdout.write(f"{await writer.write(count, lines)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
