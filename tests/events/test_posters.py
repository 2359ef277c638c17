"""Posters, cut off at every step: event and poster agree in the end."""

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import Image

from client import Client, Person, picture
from cut_off import cut_off
from services.contracts.errors import UnavailableError
from services.events.app import Settings, build
from services.events.application.nights import Nights
from services.events.application.ports import POSTER
from services.events.domain.event import Draft, Status
from services.kit.settings import load
from services.kit.tokens import Identity

NEW = picture("PNG", (50, 50))
CREATING = [("_posters", "put", True), ("_posters", "put", False), ("_events", "insert", False)]
# Where it ends, whether before the step, and whether the new poster was stored by then.
SETTING = [
    ("_unfinished", "open", False, False),
    ("_posters", "put", False, True),
    ("_outbox", "append", False, True),
]
DEFAULT_WIDTH, OLD_WIDTH, NEW_WIDTH = 900, 60, 50


@pytest.fixture
async def nights(product: Client) -> AsyncIterator[Nights]:
    service = build(load(Settings, product.servers.environment("events")))
    dependency: Any = service.app.dependencies["nights"]
    yield dependency.dependency()
    for close in service.close:
        await close()


@pytest.fixture(scope="module")
async def organizer(product: Client) -> Person:
    return await product.register("organization")


def caller_of(person: Person) -> Identity:
    return Identity("s", person.id, frozenset({"organization"}), "c", 0.0)


async def width(product: Client, event_id: str) -> int:
    answer = await product.media("GET", f"/events/{event_id}/poster.jpg")
    with Image.open(io.BytesIO(answer.content)) as opened:
        return opened.width


async def shown(product: Client, event_id: str) -> tuple[bool, int]:
    """Return whether the event has a poster of its own, and the width of the one shown."""
    found = (await product.events("GET", f"/{event_id}")).json()
    return found["poster"].endswith("poster.jpg"), await width(product, event_id)


async def settle(nights: Nights, event_id: str) -> None:
    """Do what the sweeper does with the intent of a dead process: look twice."""
    unfinished: Any = nights._unfinished
    for _ in range(2):
        row = await unfinished._rows.find_one({"_id": f"{POSTER}:{event_id}"})
        if row is not None:
            await nights.settle_poster(event_id, row)


async def test_another_poster_cut_off_anywhere_is_whole_or_untouched(
    product: Client, organizer: Person, nights: Nights
) -> None:
    caller = caller_of(organizer)
    for port, step, before, stored in SETTING:
        event_id = await product.create_event(organizer)
        with cut_off(getattr(nights, port), step, before=before):
            await nights.set_poster(caller, event_id, NEW)
        await settle(nights, event_id)
        assert await shown(product, event_id) == (True, NEW_WIDTH if stored else OLD_WIDTH), step


async def test_a_publication_cut_off_anywhere_leaves_no_poster_behind(
    product: Client, organizer: Person, nights: Nights
) -> None:
    caller = caller_of(organizer)
    unfinished: Any = nights._unfinished
    for port, step, before in CREATING:
        known = {row["_id"] async for row in unfinished._rows.find({})}
        with cut_off(getattr(nights, port), step, before=before):
            await nights.create(caller, organizer.id, Draft(status=Status.DRAFT), NEW)
        (row,) = [row async for row in unfinished._rows.find({}) if row["_id"] not in known]
        await settle(nights, row["subject"])
        assert await nights._events.get(row["subject"]) is None
        assert await width(product, row["subject"]) == DEFAULT_WIDTH, step


async def test_a_poster_that_arrives_after_it_was_given_up_is_shown_in_the_end(
    product: Client, organizer: Person, nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = caller_of(organizer)
    put = nights._posters.put

    async def late(event_id: str, content: bytes) -> None:
        await put(event_id, content)
        raise UnavailableError("no answer in time")

    with monkeypatch.context() as patch:
        patch.setattr(nights._posters, "put", late)
        draft = Draft(status=Status.DRAFT, title="In ritardo")
        made = await nights.create(caller, organizer.id, draft, NEW)
    assert made.trouble == "no answer in time"
    await settle(nights, made.id)
    event = await nights._events.get(made.id)
    assert event is not None
    assert event.poster is not None
    assert await width(product, made.id) == NEW_WIDTH
