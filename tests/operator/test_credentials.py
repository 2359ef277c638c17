"""Credentials in front of a real API server and the real systems."""

import base64
from typing import Any

import aio_pika
import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from client import eventually
from installation import Installation

pytestmark = pytest.mark.apiserver
CHECKSUM = "eventonight.io/credentials"


async def ready(installation: Installation) -> None:
    installation.document["spec"]["reconciliation"] = {"interval": "300s"}
    await installation.create()
    installation.operator()
    await installation.holds("Ready", "True")


async def values(installation: Installation, name: str) -> dict[str, str]:
    found = await installation.get("secrets", name)
    assert found is not None
    return {key: base64.b64decode(one).decode() for key, one in found["data"].items()}


async def broker_accepts(installation: Installation, keys: dict[str, str]) -> bool:
    port = installation.servers.setup.site.ports["rabbitmq"]
    login = f"{keys['username']}:{keys['password']}"
    try:
        async with await aio_pika.connect(
            f"amqp://{login}@127.0.0.1:{port}/{installation.mark}", timeout=10
        ):
            return True
    except aio_pika.exceptions.AMQPError:
        return False


async def database_accepts(installation: Installation, keys: dict[str, str]) -> bool:
    port = installation.servers.setup.site.ports["mongod"]
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        f"127.0.0.1:{port}",
        username=keys["username"],
        password=keys["password"],
        authSource=f"{installation.mark}_users_db",
        directConnection=True,
    )
    async with client:
        try:
            await client[f"{installation.mark}_users_db"].command("connectionStatus")
        except OperationFailure:
            return False
    return True


async def mark_of(installation: Installation, name: str) -> str:
    found = await installation.get("deployments", name)
    assert found is not None
    return str(found["spec"]["template"]["metadata"]["annotations"][CHECKSUM])


async def test_an_edited_secret_is_passed_on_and_pods_roll(installation: Installation) -> None:
    await ready(installation)
    old = await values(installation, "users-rabbitmq")
    marks = {name: await mark_of(installation, name) for name in ("users", "events")}
    assert await broker_accepts(installation, old)
    await installation.patch(
        "secrets", "users-rabbitmq", {"stringData": {"password": "another-one"}}
    )
    new = {**old, "password": "another-one"}
    await eventually(lambda: broker_accepts(installation, new), seconds=60)
    assert not await broker_accepts(installation, old)

    async def rolled() -> bool:
        return await mark_of(installation, "users") != marks["users"]

    await eventually(rolled, seconds=60)
    assert await mark_of(installation, "events") == marks["events"]
    await installation.holds("Ready", "True")
    # Passing on what the Secret's keeper wished is no drift.
    assert (await installation.resource())["status"]["drift"]["corrections"] == 0


async def test_a_deleted_secret_is_back_and_logs_in(installation: Installation) -> None:
    await ready(installation)
    old = await values(installation, "users-mongodb")
    assert await database_accepts(installation, old)
    await installation.delete("secrets", "users-mongodb")

    async def back() -> bool:
        found = await installation.get("secrets", "users-mongodb")
        return found is not None

    await eventually(back, seconds=30)
    new = await values(installation, "users-mongodb")
    assert new["password"] != old["password"]
    await eventually(lambda: database_accepts(installation, new), seconds=60)
    assert not await database_accepts(installation, old)


async def test_rotation_changes_one_group_and_takes_the_annotation_off(
    installation: Installation,
) -> None:
    await ready(installation)
    names = ("users-rabbitmq", "media-rabbitmq", "users-mongodb", "users-client")
    old = {name: await values(installation, name) for name in names}
    await installation.annotate(rotate="messaging")

    async def taken_off() -> bool:
        annotations = (await installation.resource())["metadata"].get("annotations") or {}
        return "eventonight.io/rotate" not in annotations

    await eventually(taken_off, seconds=30)
    new = {name: await values(installation, name) for name in names}
    assert new["users-rabbitmq"] != old["users-rabbitmq"]
    assert new["media-rabbitmq"] != old["media-rabbitmq"]
    assert new["users-mongodb"] == old["users-mongodb"]
    assert new["users-client"] == old["users-client"]
    await eventually(lambda: broker_accepts(installation, new["users-rabbitmq"]), seconds=60)
    assert not await broker_accepts(installation, old["users-rabbitmq"])
    assert "CredentialsRotated" in await installation.reasons()
    await installation.annotate(rotate="everything")
    await eventually(taken_off, seconds=30)
    assert "InvalidReference" in await installation.reasons()


WRONG = [
    ("users-rabbitmq", {"password": "trailing\n"}, "stray white space"),
    ("users-rabbitmq", {"password": "pass/word@"}, "letters, digits"),
    ("users-mongodb", {"username": "somebody"}, "must be users"),
    ("users-client", {"clientSecret": ""}, "clientSecret is missing"),
]


@pytest.mark.parametrize(("name", "data", "words"), WRONG, ids=[one[2] for one in WRONG])
async def test_a_secret_that_cannot_be_used_is_told_of_and_left(
    installation: Installation, name: str, data: dict[str, str], words: str
) -> None:
    await ready(installation)
    await installation.patch("secrets", name, {"stringData": data})
    await installation.holds("CredentialsSynced", "False", "SecretInvalid", seconds=30)
    said = (await installation.resource())["status"]["conditions"]
    (found,) = [one["message"] for one in said if one["type"] == "CredentialsSynced"]
    assert words in found
    assert next(iter(data.values())) not in found or not next(iter(data.values()))
    assert data.items() <= (await values(installation, name)).items()


async def test_a_missing_administrator_is_told_of(installation: Installation) -> None:
    installation.document["spec"]["reconciliation"] = {"interval": "2s"}
    await installation.delete("secrets", "rabbitmq-admin")
    await installation.create()
    installation.operator()
    await installation.holds("CredentialsSynced", "False", "SecretMissing")
    await installation.holds("MessagingReady", "False", "SecretMissing")
    await installation.holds("IdentityReady", "True")
    keys = installation.servers.setup.site.secrets.read("rabbitmq-admin") or {}
    await installation.secret("rabbitmq-admin", keys)
    await installation.holds("Ready", "True", seconds=100)
