"""Several callers' transactions as one, against a real database."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

import pytest
from pymongo import monitoring
from pymongo.errors import DuplicateKeyError, PyMongoError

from services.kit import mongo
from services.kit.group_commit import MOST, GroupCommit
from services.kit.mongo import Mongo

caller: ContextVar[str] = ContextVar("caller")


@pytest.fixture
async def store(database: Mongo) -> Mongo:
    await database["a"].insert_one({"_id": "taken"})
    return database


def adding(store: Mongo, row_id: str, done: Callable[[], None] = lambda: None) -> Any:
    async def work() -> str:
        done()
        await mongo.insert(store["a"], [{"_id": row_id}])
        await mongo.insert(store["news"], [{"of": row_id, "place": n} for n in range(2)])
        return row_id

    return work


async def stored(store: Mongo) -> set[str]:
    """Return what is stored, each with its news or neither."""
    rows = {row["_id"] async for row in store["a"].find({"_id": {"$ne": "taken"}})}
    news = [row["of"] async for row in store["news"].find()]
    assert sorted(news) == sorted([*rows, *rows])
    return rows


class Commits(monitoring.CommandListener):
    """Counts the commits that were sent."""

    def __init__(self) -> None:
        self.count = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.count += event.command_name == "commitTransaction"

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to do."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to do."""


async def test_many_at_once_share_few_commits(
    store: Mongo, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Commits()
    monkeypatch.setattr(mongo, "_listeners", lambda _: [seen])
    watched = Mongo(mongo_url, service="test")
    try:
        group = GroupCommit(watched)
        ids = [f"row {number}" for number in range(3 * MOST)]
        assert await asyncio.gather(*(group(adding(watched, one)) for one in ids)) == ids
        assert await stored(store) == set(ids)
        assert 3 <= seen.count <= 4
        before = seen.count
        await asyncio.gather(*(watched.transaction(adding(watched, f"{one}'")) for one in ids))
        assert seen.count - before == len(ids)
    finally:
        await watched.close()


async def test_who_fails_fails_alone_and_leaves_nothing(store: Mongo) -> None:
    group = GroupCommit(store)

    async def refused() -> None:
        await mongo.insert(store["news"], [{"of": "refused"}])
        raise LookupError

    works = [adding(store, "x"), refused, adding(store, "taken"), adding(store, "y")]
    outcomes = await asyncio.gather(*map(group, works), return_exceptions=True)
    assert [outcomes[0], outcomes[3]] == ["x", "y"]
    assert isinstance(outcomes[1], LookupError)
    assert isinstance(outcomes[2], DuplicateKeyError)
    assert await stored(store) == {"x", "y"}


async def test_a_commit_with_an_unknown_end_is_not_run_again(
    store: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []
    commit = store.transaction

    async def answer_lost(work: Any) -> Any:
        await commit(work)
        raise PyMongoError("the answer to the commit is lost")

    monkeypatch.setattr(store, "transaction", answer_lost)
    group = GroupCommit(store)
    works = [adding(store, one, partial(runs.append, one)) for one in "xyz"]
    outcomes = await asyncio.gather(*map(group, works), return_exceptions=True)
    assert all(isinstance(one, PyMongoError) for one in outcomes)
    assert runs == ["x", "y", "z"]
    assert await stored(store) == {"x", "y", "z"}


async def test_each_runs_with_its_own_log_ids_and_trace(store: Mongo) -> None:
    group = GroupCommit(store)
    seen: list[str] = []

    async def call(name: str) -> None:
        caller.set(name)
        await group(adding(store, name, lambda: seen.append(caller.get())))

    await asyncio.gather(*(call(one) for one in "xyz"))
    assert seen == ["x", "y", "z"]
    assert mongo.session() is None


async def test_inside_a_transaction_it_joins_that_one(store: Mongo) -> None:
    group = GroupCommit(store)

    async def outer() -> None:
        await group(adding(store, "x"))
        raise LookupError

    with pytest.raises(LookupError):
        await store.transaction(outer)
    assert await stored(store) == set()
