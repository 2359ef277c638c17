"""Taking over what was there, and leaving: in front of a real API server and the real systems."""

import asyncio
import signal
import time

import pytest

from client import eventually
from installation import NAME, Door, Installation

pytestmark = pytest.mark.apiserver


async def ready(installation: Installation) -> None:
    await installation.create()
    installation.operator()
    await installation.holds("Ready", "True")


async def gone(installation: Installation, seconds: float) -> float:
    """Wait until the resource is gone, and return how long that took."""
    started = time.monotonic()

    async def check() -> bool:
        return await installation.get("eventonights", NAME) is None

    await eventually(check, seconds=seconds)
    return time.monotonic() - started


async def vhosts(installation: Installation) -> list[str]:
    async with await installation.servers.rabbitmq() as broker:
        return [one["name"] for one in (await broker.get("vhosts")).json()]


async def realm_status(installation: Installation) -> int:
    async with installation.keycloak() as realms:
        return (await realms.get(f"/admin/realms/{installation.mark}")).status_code


async def test_what_is_kept_is_taken_up_again(installation: Installation) -> None:
    installation.document["spec"]["deletionPolicy"] = "Retain"
    await ready(installation)
    found = await installation.resource()
    assert "finalizers" not in found["metadata"]
    await installation.delete("eventonights", NAME)
    await gone(installation, 10)
    assert installation.mark in await vhosts(installation)
    assert await realm_status(installation) == 200

    async def told() -> bool:
        return "Retained" in await installation.reasons()

    await eventually(told, seconds=40)
    await installation.create()
    await installation.holds("Ready", "True")
    assert "Adopted" in await installation.reasons()


async def test_what_is_to_go_goes_whole(installation: Installation) -> None:
    await ready(installation)
    await installation.annotate(paused="true")
    await installation.holds("Paused", "True")
    await installation.delete("eventonights", NAME)
    assert await gone(installation, 60) < 60
    assert installation.mark not in await vhosts(installation)
    assert await realm_status(installation) == 404
    assert await installation.items("deployments") == []
    left = {one["metadata"]["name"] for one in await installation.items("secrets")}
    assert left == {"mongodb-admin", "rabbitmq-admin", "keycloak-admin", "object-store"}
    async with await installation.servers.rabbitmq() as broker:
        users = {one["name"] for one in (await broker.get("users")).json()}
    assert f"{installation.mark}-users" not in users


async def test_each_part_may_have_its_own_policy(installation: Installation) -> None:
    spec = installation.document["spec"]
    spec["deletionPolicy"] = "Retain"
    spec["identity"]["deletionPolicy"] = "Delete"
    await ready(installation)
    await installation.delete("eventonights", NAME)
    await gone(installation, 60)
    assert installation.mark in await vhosts(installation)
    assert await realm_status(installation) == 404
    left = {one["metadata"]["name"] for one in await installation.items("secrets")}
    assert "users-rabbitmq" in left
    assert "users-client" not in left


async def test_a_queue_that_holds_messages_blocks_until_somebody_decides(
    installation: Installation,
) -> None:
    await ready(installation)
    vhost = installation.mark
    async with await installation.servers.rabbitmq() as broker:
        await installation.publish(broker)
        await installation.delete("eventonights", NAME)
        await installation.holds("DeletionBlocked", "True", "QueueNotEmpty")
        await asyncio.sleep(5)
        found = (await broker.get(f"queues/{vhost}/users_queue")).json()
        assert found["messages"] == 1
    assert "QueueNotEmpty" in await installation.reasons()
    await installation.edit({"unsafe": {"allowNonEmptyQueueDeletion": True}})
    await gone(installation, 60)
    assert vhost not in await vhosts(installation)


async def test_a_deletion_goes_on_after_a_restart(installation: Installation) -> None:
    await ready(installation)
    installation.operators[0].stop(signal.SIGKILL)
    await installation.delete("eventonights", NAME)
    installation.operator()
    await gone(installation, 90)
    assert installation.mark not in await vhosts(installation)
    assert await realm_status(installation) == 404


async def test_backends_that_are_gone_are_given_up(installation: Installation) -> None:
    ports, spec = installation.servers.setup.site.ports, installation.document["spec"]
    doors = [Door(ports["keycloak"]), Door(ports["rabbitmq_management"])]
    for door in doors:
        await door.open()
    spec["identity"]["keycloak"]["url"] = f"http://127.0.0.1:{doors[0].port}"
    spec["messaging"]["connection"]["managementURL"] = f"http://127.0.0.1:{doors[1].port}"
    await ready(installation)
    for door in doors:
        await door.shut()
    await installation.delete("eventonights", NAME)
    assert 90 < await gone(installation, 150) < 150
    notes = [
        one["note"] for one in await installation.items("events") if one["reason"] == "Orphaned"
    ]
    assert f"rabbitmq/vhost/{installation.mark}" in notes[0]
    assert f"keycloak/realm/{installation.mark}" in notes[0]
    for door in doors:
        await door.close()


async def test_a_namespace_that_ends_waits_for_nobody(installation: Installation) -> None:
    """No controller empties the namespace here, so the pods' end is played: SIGTERM."""
    door = Door(installation.servers.setup.site.ports["keycloak"])
    await door.open()
    installation.document["spec"]["identity"]["keycloak"]["url"] = f"http://127.0.0.1:{door.port}"
    await ready(installation)
    await door.shut()
    await installation.delete_namespace()
    assert installation.operators[0].stop() == 0
    assert "finalizers" not in (await installation.resource())["metadata"]
    await door.close()


async def test_a_realm_that_differs_is_not_touched_unless_that_is_wished(
    installation: Installation,
) -> None:
    async with installation.keycloak() as realms:
        body = {"realm": installation.mark, "enabled": True, "accessTokenLifespan": 77}
        (await realms.post("/admin/realms", json=body)).raise_for_status()
    await installation.create()
    installation.operator()
    await installation.holds("IdentityReady", "False", "AdoptionConflict")
    await installation.holds("MessagingReady", "True")
    said = (await installation.resource())["status"]["conditions"]
    (message,) = [one["message"] for one in said if one["type"] == "IdentityReady"]
    assert "accessTokenLifespan: 77 -> 3600" in message
    async with installation.keycloak() as realms:
        found = (await realms.get(f"/admin/realms/{installation.mark}")).json()
        assert found["accessTokenLifespan"] == 77
        await installation.edit({"reconciliation": {"adoptionPolicy": "Always"}})
        await installation.holds("Ready", "True")
    async with installation.keycloak() as realms:
        found = (await realms.get(f"/admin/realms/{installation.mark}")).json()
        assert found["accessTokenLifespan"] == 3600
    assert "Adopted" in await installation.reasons()


async def test_a_deployment_of_somebody_else_is_left_alone(installation: Installation) -> None:
    theirs = {
        "metadata": {"name": "users"},
        "spec": {
            "selector": {"matchLabels": {"app": "theirs"}},
            "template": {
                "metadata": {"labels": {"app": "theirs"}},
                "spec": {"containers": [{"name": "theirs", "image": "theirs"}]},
            },
        },
    }
    answer = await installation.http.post(installation.path("deployments"), json=theirs)
    assert answer.is_success, answer.text
    await installation.create()
    installation.operator()
    await installation.holds("ServicesAvailable", "False", "AdoptionConflict")
    found = await installation.get("deployments", "users")
    assert found is not None
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "theirs"
