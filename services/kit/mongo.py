"""The one door to MongoDB: connection, transactions, indexes, and which failures are outages.

Everything else of a context's storage works on plain collections with ``session=mongo.session()``,
so that a repository takes part in whatever transaction its caller has opened.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

import pymongo.lock
from pymongo import AsyncMongoClient, IndexModel, errors
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.monitoring import CommandListener
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from services.kit import tasks, tracing

Document = dict[str, Any]
Collection = AsyncCollection[Document]
Indexes = Mapping[str, Sequence[IndexModel]]
T = TypeVar("T")

OPERATION_MS = 5_000
TRANSACTION_SECONDS = 7.0
INDEXING_SECONDS = 600.0
SELECTION_MS = 3_000
POOL_SIZE = 50
INDEX_NOT_FOUND = 27
# NotWritablePrimary and its kin, shutdowns, and a disk without room: the server cannot, for now.
OUTAGE_CODES = frozenset({6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436, 14031})

# Before Python 3.12 another task takes the driver's lock again after such a wait. If its waiter
# is cancelled meanwhile, nobody gives it back: the process never reaches its database again.
vars(pymongo.lock)["wait_for"] = tasks.wait_for

_session: ContextVar[AsyncClientSession | None] = ContextVar("mongo_session", default=None)
_gathered: ContextVar["Gathered | None"] = ContextVar("mongo_gathered", default=None)


class Transaction(Protocol):
    """Runs work so that its writes happen together or not at all.

    The work may run more than once (after a write conflict), so it must not call the network and
    must read everything it decides on inside itself.
    """

    async def __call__(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return what the work returns, once its writes are durable on a majority."""
        ...


def session() -> AsyncClientSession | None:
    """Return the session of the transaction around the caller, if there is one."""
    return _session.get()


async def insert(collection: Collection, rows: Sequence[Document]) -> None:
    """Store new rows in the transaction around the caller; see also `Gathered`."""
    gathered = _gathered.get()
    if gathered is not None:
        gathered.add(collection, rows)
    elif len(rows) == 1:  # the usual case; the driver's bulks cost more
        await collection.insert_one(rows[0], session=session())
    else:
        await collection.insert_many(rows, session=session())


class Gathered:
    """New rows that are stored at the end of the transaction in which it was made.

    Those of a collection go together. Until then the transaction itself does not see them.
    """

    def __init__(self) -> None:
        self._opened = session()
        self._rows: dict[str, tuple[Collection, list[Document]]] = {}

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Take part in the transaction for the length of a block."""
        tokens = _session.set(self._opened), _gathered.set(self)
        try:
            yield
        finally:
            _session.reset(tokens[0])
            _gathered.reset(tokens[1])

    def add(self, collection: Collection, rows: Sequence[Document]) -> None:
        """Keep rows for the end."""
        self._rows.setdefault(collection.name, (collection, []))[1].extend(rows)

    async def store(self) -> None:
        """Store the rows, in the order in which their collections first came."""
        for collection, rows in self._rows.values():
            await collection.insert_many(rows, session=self._opened)


def is_outage(error: BaseException) -> bool:
    """Tell whether the database cannot serve for now, so that trying again later makes sense."""
    if isinstance(error, errors.OperationFailure):
        return error.code in OUTAGE_CODES or error.timeout
    return isinstance(error, errors.ConnectionFailure | errors.WTimeoutError) or (
        isinstance(error, errors.PyMongoError) and error.timeout
    )


def _listeners(service: str) -> list[CommandListener]:
    spans = tracing.of(service)
    if spans is None:
        return []
    from services.kit.tracing.commands import Commands  # noqa: PLC0415 - imported only when on

    return [Commands(spans)]


class Mongo:
    """One service's database.

    Args:
        url: connection string with credentials and the database in its path.
        service: application name that the server's logs show.
    """

    def __init__(self, url: str, *, service: str) -> None:
        self._client: AsyncMongoClient[Document] = AsyncMongoClient(
            url,
            appname=service,
            tz_aware=True,
            maxPoolSize=POOL_SIZE,
            serverSelectionTimeoutMS=SELECTION_MS,
            connectTimeoutMS=SELECTION_MS,
            timeoutMS=OPERATION_MS,
            w="majority",
            readConcernLevel="majority",
            event_listeners=_listeners(service),
        )
        self.service = service
        self.database: AsyncDatabase[Document] = self._client.get_default_database()

    def __getitem__(self, collection: str) -> Collection:
        return self.database[collection]

    async def transaction(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run work in one transaction; see `Transaction`.

        Only write conflicts and transient transaction errors are tried again, within
        ``TRANSACTION_SECONDS``. Inside another transaction the work joins it.
        """
        if _session.get() is not None:
            return await work()
        with pymongo.timeout(TRANSACTION_SECONDS):
            async with self._client.start_session() as opened:

                async def attempt(current: AsyncClientSession) -> T:
                    token = _session.set(current)
                    try:
                        return await work()
                    finally:
                        _session.reset(token)

                return await opened.with_transaction(
                    attempt,
                    read_concern=ReadConcern("snapshot"),
                    write_concern=WriteConcern("majority"),
                )

    async def ensure_indexes(self, indexes: Indexes) -> None:
        """Create what is missing of a context's indexes; building one over many rows takes time."""
        with pymongo.timeout(INDEXING_SECONDS):
            for name, models in indexes.items():
                await self.database[name].create_indexes(list(models))

    async def drop_indexes(self, collection: str, names: Iterable[str]) -> None:
        """Drop indexes by name, those that are there; another replica may be doing the same."""
        present = await self.database[collection].index_information()
        for name in names:
            if name in present:
                try:
                    await self.database[collection].drop_index(name)
                except errors.OperationFailure as error:
                    if error.code != INDEX_NOT_FOUND:
                        raise

    async def ping(self) -> None:
        """Raise unless a primary answers."""
        await self.database.command("hello")

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()
