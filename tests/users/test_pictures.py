"""Changing a picture, cut off at every step: profile and picture agree in the end."""

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import Image

from client import Client, Person, picture
from cut_off import cut_off
from services.contracts.errors import UnavailableError
from services.kit.settings import load
from services.users.app import Settings, build
from services.users.application.accounts import Application
from services.users.application.ports import AVATAR

OLD, NEW = picture("PNG", (30, 30)), picture("PNG", (50, 50))
# Where it ends, whether before the step, and whether the new picture was stored by then.
SETTING = [
    ("_unfinished", "open", False, False),
    ("_pictures", "put", False, True),
    ("_users", "replace", False, True),
    ("_unfinished", "close", False, True),
]
REMOVING = [
    ("_users", "replace", False, False),
    ("_pictures", "remove", True, True),
    ("_pictures", "remove", False, True),
]


@pytest.fixture
async def users(product: Client) -> AsyncIterator[Application]:
    service = build(load(Settings, product.servers.environment("users")))
    dependency: Any = service.app.dependencies["users"]
    yield dependency.dependency()
    for close in service.close:
        await close()


async def shown(product: Client, user_id: str) -> tuple[bool, int]:
    """Return whether the profile has a picture of its own, and the width of the one shown."""
    found = (await product.users("GET", f"/{user_id}")).json()
    answer = await product.media("GET", f"/users/{user_id}/avatar.jpg")
    with Image.open(io.BytesIO(answer.content)) as opened:
        return found["profile"]["avatar"].endswith("avatar.jpg"), opened.width


async def settle(users: Application, user_id: str) -> None:
    """Do what the sweeper does with the intent of a dead process: look twice."""
    unfinished: Any = users._unfinished
    for _ in range(2):
        row = await unfinished._rows.find_one({"_id": f"{AVATAR}:{user_id}"})
        if row is not None:
            await users.settle_avatar(user_id, row)


async def begun(product: Client, users: Application, *, owned: bool) -> Person:
    person = await product.register()
    if owned:
        caller = await users._verifier.verify(person.access)
        await users.set_avatar(caller, person.id, OLD)
    return person


@pytest.mark.parametrize("owned", [False, True], ids=["the first", "another"])
async def test_a_picture_cut_off_anywhere_is_whole_or_untouched(
    product: Client, users: Application, *, owned: bool
) -> None:
    person = await begun(product, users, owned=owned)
    caller = await users._verifier.verify(person.access)
    untouched = await shown(product, person.id)
    for port, step, before, stored in SETTING:
        with cut_off(getattr(users, port), step, before=before):
            await users.set_avatar(caller, person.id, NEW)
        await settle(users, person.id)
        assert await shown(product, person.id) == ((True, 50) if stored else untouched), step
        if stored:
            await users.remove_avatar(caller, person.id)
            await users.set_avatar(caller, person.id, OLD if owned else None)


async def test_a_removal_cut_off_anywhere_is_whole_or_untouched(
    product: Client, users: Application
) -> None:
    person = await begun(product, users, owned=True)
    caller = await users._verifier.verify(person.access)
    for port, step, before, gone in REMOVING:
        with cut_off(getattr(users, port), step, before=before):
            await users.remove_avatar(caller, person.id)
        await settle(users, person.id)
        assert await shown(product, person.id) == ((False, 512) if gone else (True, 30)), step
        if gone:
            await users.set_avatar(caller, person.id, OLD)


async def test_unless_it_is_settled_a_picture_is_left_that_no_profile_points_to(
    product: Client, users: Application
) -> None:
    person = await begun(product, users, owned=False)
    caller = await users._verifier.verify(person.access)
    with cut_off(users._pictures, "put", before=False):
        await users.set_avatar(caller, person.id, NEW)
    assert await shown(product, person.id) == (False, 50)
    await settle(users, person.id)
    assert await shown(product, person.id) == (True, 50)


async def test_who_was_taken_for_dead_does_not_finish_what_was_settled(
    product: Client, users: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await begun(product, users, owned=False)
    caller = await users._verifier.verify(person.access)
    put = users._pictures.put

    async def slow(user_id: str, content: bytes) -> None:
        await put(user_id, content)
        await users._unfinished.close(AVATAR, user_id)

    monkeypatch.setattr(users._pictures, "put", slow)
    with pytest.raises(UnavailableError, match="too long"):
        await users.set_avatar(caller, person.id, NEW)
