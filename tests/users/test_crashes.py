"""Registration and deletion cut off after each outside write end in one of two whole states."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from client import PASSWORD, Client
from services.kit.intents import Intents
from services.kit.mongo import Mongo
from services.kit.service import Service
from services.kit.settings import load
from services.users import domain
from services.users.app import Settings, build
from services.users.application.accounts import Application
from services.users.application.departures import Departures
from services.users.application.ports import REGISTRATION, REMOVAL


class CutOffError(Exception):
    """The process ended here."""


@pytest.fixture
async def service(product: Client) -> AsyncIterator[Service]:
    built = build(load(Settings, product.servers.environment("users")))
    yield built
    for close in built.close:
        await close()


@pytest.fixture
def users(service: Service) -> Application:
    dependency: Any = service.app.dependencies["users"]
    found: Application = dependency.dependency()
    return found


@pytest.fixture
def departures(service: Service) -> Departures:
    dependency: Any = service.app.dependencies["departures"]
    found: Departures = dependency.dependency()
    return found


def cut_after(target: object, name: str, monkeypatch: pytest.MonkeyPatch, *, first: bool) -> None:
    """Let a step happen and end there, or end before it."""
    original = getattr(target, name)

    async def cut(*words: Any, **named: Any) -> Any:
        if not first:
            await original(*words, **named)
        raise CutOffError(name)

    monkeypatch.setattr(target, name, cut)


STEPS = [
    ("_accounts", "create"),
    ("_accounts", "grant_role"),
    ("_users", "insert"),
    ("_accounts", "sign_in"),
]


def _wish() -> domain.Registration:
    import uuid

    name = uuid.uuid4().hex[:12]
    return domain.registration(name, f"{name}@example.com", PASSWORD, "organization")


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("port", "step"), STEPS)
async def test_signing_in_repairs_a_registration_cut_off_anywhere(
    product: Client,
    users: Application,
    monkeypatch: pytest.MonkeyPatch,
    port: str,
    step: str,
    *,
    first: bool,
) -> None:
    wish = _wish()
    with monkeypatch.context() as patch:
        cut_after(getattr(users, port), step, patch, first=first)
        with pytest.raises(CutOffError):
            await users.register(wish)
    body = {"username": wish.username, "password": PASSWORD}
    answer = await product.users("POST", "/login", json=body)
    if step == "create" and first:
        assert answer.status_code == 401
        again = {"username": wish.username, "email": wish.email, "password": PASSWORD}
        answer = await product.users("POST", "/register", json={**again, "role": wish.role})
        assert answer.status_code == 201
        return
    assert answer.status_code == 200, answer.text
    assert answer.json()["role"] == "organization"
    assert answer.json()["account"]["username"] == wish.username


async def test_registering_again_completes_what_was_cut_off(
    product: Client, users: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = _wish()
    with monkeypatch.context() as patch:
        cut_after(users._accounts, "create", patch, first=False)
        with pytest.raises(CutOffError):
            await users.register(wish)
    body = {"username": wish.username, "email": wish.email, "role": wish.role}
    stranger = await product.users("POST", "/register", json={**body, "password": "other-Pass-1!"})
    assert stranger.status_code == 400
    owner = await product.users("POST", "/register", json={**body, "password": PASSWORD})
    assert owner.status_code == 201, owner.text


async def test_the_sweeper_completes_a_registration_nobody_returns_to(
    users: Application, monkeypatch: pytest.MonkeyPatch, product: Client
) -> None:
    wish = _wish()
    with monkeypatch.context() as patch:
        cut_after(users._accounts, "create", patch, first=False)
        with pytest.raises(CutOffError):
            await users.register(wish)
    database = Mongo(product.servers.environment("users")["MONGO_URL"], service="test")
    row = await database["intents"].find_one({"username": wish.username})
    assert row is not None
    await users.settle_registration(row["subject"], row)
    assert (await product.users("GET", f"/{row['subject']}")).status_code == 200
    assert not await Intents(database).exists(REGISTRATION, row["subject"])
    pending = await database["outbox"].count_documents({"key": row["subject"]})
    assert pending == 1
    await database.close()


async def test_a_deletion_cut_off_is_finished_and_nobody_comes_back(
    product: Client,
    users: Application,
    departures: Departures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = await product.register()
    tokens = await users._accounts.sign_in(person.username, PASSWORD)
    caller = await users._verifier.verify(tokens.access)
    with monkeypatch.context() as patch:
        cut_after(users._accounts, "remove", patch, first=True)
        with pytest.raises(CutOffError):
            await departures.delete(caller, person.id)
    body = {"username": person.username, "password": PASSWORD}
    assert (await product.users("POST", "/login", json=body)).status_code == 401
    assert (await product.users("GET", f"/{person.id}")).status_code == 404
    await departures.settle(person.id, {"account": caller.subject})
    assert not await users._unfinished.exists(REMOVAL, person.id)
    assert await users._accounts.by_subject(caller.subject) is None


async def test_without_the_intent_a_removed_user_would_come_back(
    product: Client,
    users: Application,
    departures: Departures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = await product.register()
    tokens = await users._accounts.sign_in(person.username, PASSWORD)
    caller = await users._verifier.verify(tokens.access)
    with monkeypatch.context() as patch:
        cut_after(users._accounts, "remove", patch, first=True)
        with pytest.raises(CutOffError):
            await departures.delete(caller, person.id)
    await users._unfinished.close(REMOVAL, person.id)
    user, _ = await users.login(person.username, PASSWORD)
    assert user.id == person.id


async def test_the_service_is_not_ready_without_its_parts() -> None:
    nowhere = {
        "PORT": "1",
        "HOST": "localhost",
        "KEYCLOAK_URL": "http://127.0.0.1:1",
        "TOKEN_ISSUER": "http://127.0.0.1:1/realms/x",
        "MONGO_URL": "mongodb://127.0.0.1:1/x",
        "AMQP_URL": "amqp://127.0.0.1:1/x",
        "CLIENT_ID": "x",
        "CLIENT_SECRET": "x",
        "MEDIA_URL": "http://127.0.0.1:1",
        "PEERS": "media=http://127.0.0.1:1",
    }
    service = build(load(Settings, nowhere))
    assert set(await service.health.dependencies()) == {"mongodb", "rabbitmq", "keycloak"}
    assert all((await service.health.dependencies()).values())
    for close in service.close:
        await close()
