"""Every command that a search or a change of an event sends: by index, a page by few keys."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any

import pymongo.monitoring
import pytest

from benchmarks.plans import Plan, Recorder, explained
from services.events.domain.criteria import Criteria, texts
from services.events.domain.event import Status
from services.events.domain.facets import NAMES
from services.events.storage.events import INDEXES, MongoEvents
from services.events.storage.organizations import MongoOrganizations
from services.events.storage.people import MongoPeople
from services.kit.mongo import Mongo
from services.kit.paging import Window
from stock import NOW, Stocked, realistic

P, C, X, D = Status.PUBLISHED, Status.COMPLETED, Status.CANCELLED, Status.DRAFT
STATUSES = [frozenset(one) for one in ({P}, {P, C, X}, {C}, {C, X}, {X}, {P, X})]
EXPLORED = frozenset({P, C, X})
MOST_KEYS = 3
RECORDER = Recorder()
pymongo.monitoring.register(RECORDER)

PLAIN: dict[str, dict[str, Any]] = {
    "date": {},
    "date, latest first": {"descending": True},
    "instant": {"sort_by": "instant", "descending": True},
    "title": {"sort_by": "title"},
    "price": {"sort_by": "price"},
    "price, highest first": {"sort_by": "price", "descending": True},
    "upcoming": {"other": "upcoming"},
    "recently added": {"other": "recently_added"},
    "popular": {"other": "popular"},
}
ORDERS = {
    **PLAIN,
    "feed": {"other": "feed"},
    "near": {"near": (44.14, 12.24)},
    "near, by title": {"near": (45.46, 9.19), "sort_by": "title", "descending": True},
}
FILTERS: dict[str, dict[str, Any]] = {
    "tags": {"tags": ("Rock", "Pop", "Halloween")},
    "cities": {"cities": ("bologna", "cesena")},
    "cheap": {"price": (0.0, 12.0)},
    "dear": {"price": (25.0, 60.0)},
    "dates": {"start": NOW.replace(tzinfo=None), "end": (NOW + timedelta(9)).replace(tzinfo=None)},
    "organization": {"organization_id": "organization-7"},
}
WORDS = ("notte", "rock bologna", "eletronica milano", "ro", "zzzz")


def searches() -> dict[str, Criteria]:
    found = {}
    for (name, order), statuses in product(ORDERS.items(), (STATUSES[0], EXPLORED)):
        for other, narrowed in [("", {}), *FILTERS.items()]:
            found[f"{name} {other} {len(statuses)}"] = Criteria(
                statuses=statuses, **{**order, **narrowed}
            )
        for text in WORDS:
            words = texts({"query": text})
            criteria = Criteria(statuses=statuses, texts=words, **order)
            found[f"{name} {text} {len(statuses)}"] = criteria
    for statuses, text in product(STATUSES[1:4], WORDS):
        for name, narrowed in [("", {}), *FILTERS.items()]:
            words = texts({"query": text})
            criteria = Criteria(statuses=statuses, texts=words, **narrowed)
            found[f"{text} {name} {sorted(statuses)}"] = criteria
    own = Criteria(statuses=None, organization_id="organization-7")
    return found | {"own": own, "own drafts": replace(own, statuses=frozenset({D}))}


def shape(value: Any) -> Any:
    """Return what a command looks like whatever its values."""
    if isinstance(value, dict):
        return tuple((name, shape(inner)) for name, inner in value.items() if name != "lsid")
    if isinstance(value, list):
        return frozenset(shape(inner) for inner in value)
    return type(value)


async def recorded(work: Callable[[], Awaitable[Any]]) -> list[dict[str, Any]]:
    """Return what a piece of work asks the database for."""
    RECORDER.commands.clear()
    RECORDER.on = True
    try:
        await work()
    finally:
        RECORDER.on = False
    assert RECORDER.commands
    return list(RECORDER.commands)


async def sent(database: Mongo, work: Callable[[], Awaitable[Any]]) -> list[Plan]:
    """Return the plans of what a piece of work asks the database for."""
    return [plan for one in await recorded(work) for plan in await explained(database, one)]


async def pages(stocked: Stocked, criteria: Criteria) -> None:
    """Read the first page, the one after it, and one by its offset."""
    first = await stocked.events.search(criteria, Window(20, 0), NOW)
    if first.has_more:
        await stocked.events.search(criteria, Window(20, 0), NOW, first.position)
        await stocked.events.search(criteria, Window(20, 30), NOW)


async def test_no_search_scans_the_collection(stocked: Stocked) -> None:
    shapes = {}
    for criteria in searches().values():
        for command in await recorded(partial(pages, stocked, criteria)):
            shapes[shape(command)] = command
    plans = [plan for one in shapes.values() for plan in await explained(stocked.database, one)]
    assert [plan.command for plan in plans if "COLLSCAN" in plan.stages] == []
    assert len(plans) > 200


async def test_no_facet_scans_the_collection(stocked: Stocked) -> None:
    for narrowed in FILTERS.values():
        criteria = Criteria(statuses=EXPLORED, texts=texts({"query": "rock"}), **narrowed)
        count = partial(stocked.events.facets, criteria, NAMES, NOW)
        plans = await sent(stocked.database, count)
        assert not any("COLLSCAN" in plan.stages for plan in plans)


@pytest.mark.parametrize("statuses", STATUSES, ids=lambda one: "+".join(sorted(one)))
@pytest.mark.parametrize("order", PLAIN)
async def test_a_plain_page_looks_at_few_keys(
    stocked: Stocked, order: str, statuses: frozenset[Status]
) -> None:
    criteria = Criteria(statuses=statuses, **PLAIN[order])
    position = b""
    for _ in range(4):
        page = await stocked.events.search(criteria, Window(20, 0), NOW, position)
        again = partial(stocked.events.search, criteria, Window(20, 0), NOW, position)
        plans = await sent(stocked.database, again)
        returned = len(page.items) + page.has_more
        assert sum(plan.keys for plan in plans) <= MOST_KEYS * max(returned, 1), plans
        position = page.position
        if not page.has_more:
            break


async def test_a_page_through_a_scan_would_be_noticed(stocked: Stocked) -> None:
    """The negative control of the tests above."""
    rows = stocked.database["events"]
    plans = await sent(stocked.database, lambda: rows.find({"description": "x"}).to_list())
    assert "COLLSCAN" in plans[0].stages


@pytest.fixture
async def written(database: Mongo) -> MongoEvents:
    await database.ensure_indexes(INDEXES)
    events = MongoEvents(database)
    for night in realistic():
        await events.insert(night.event, night.popularity)
    return events


async def test_no_change_of_an_event_scans_a_collection(
    written: MongoEvents, database: Mongo
) -> None:
    night = realistic()[0]
    organizations, people = MongoOrganizations(database), MongoPeople(database)

    async def everything() -> None:
        await written.get(night.event.id)
        await written.insert(replace(night.event, id="new", title="Brand new words"), 1.0)
        await written.save(replace(night.event, title="Quite another title", version=2))
        await written.set_price(night.event.id, "t1", 10.0)
        await written.set_price(None, "t1", 12.0)
        await written.drop_price("t1")
        await written.set_popularity(night.event.id, await written.popularity(night.event.id) or 0)
        await written.newest(10)
        await written.past(NOW, 10)
        await written.move(night.event.id, P, C)
        await people.open_of("somebody")
        assert [event async for event in people.made_by("somebody")]
        assert not [event async for event in people.helped_by("nobody")]
        await people.leave("somebody")
        await people.disown("somebody")
        await written.remove("new")
        await written.keeper.prepare()
        await written.keeper.look_after()
        await organizations.put("o", "organization", "O", 1)
        await organizations.known(["o"])
        await organizations.copy("o")
        await organizations.forget("o")

    plans = await sent(database, everything)
    assert [plan.command for plan in plans if "COLLSCAN" in plan.stages] == []
