"""A process that counts the messages it is given, and dies of one: started by a test."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from services.contracts.events import UserDeleted
from services.kit import crashpoints, mongo
from services.kit.amqp import Broker, Consumer, Message
from services.kit.inbox import Inbox
from services.kit.mongo import Mongo
from services.kit.service import supervise


async def main(queue: str, *, guarded: bool) -> None:
    database = Mongo(os.environ["MONGO_URL"], service="t")

    async def count(event: UserDeleted, _: Message) -> None:
        if event.id == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        row = {"_id": event.id}
        added = {"$inc": {"n": 1}}
        await database["counts"].update_one(row, added, upsert=True, session=mongo.session())

    consumer = Consumer(
        Broker(os.environ["AMQP_URL"], service="t"),
        queue,
        {UserDeleted: count},
        service="t",
        inbox=Inbox(database) if guarded else None,
        transaction=database.transaction if guarded else None,
    )
    await supervise("consumer", consumer.run)


if __name__ == "__main__":
    crashpoints.install(Path(os.environ["CRASH_POINTS"]))
    asyncio.run(main(sys.argv[1], guarded=sys.argv[2] == "guarded"))
