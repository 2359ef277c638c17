"""The operator's process in front of a real API server and the real systems."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from client import eventually
from installation import NAME, Door, Installation, Operator
from services.kit.mongo import Mongo

pytestmark = pytest.mark.apiserver
WRITES = "eventonight_operator_external_writes_total"
LOOKS = "eventonight_operator_reconcile_total"
CORRECTIONS = "eventonight_operator_drift_corrections_total"


async def ready(installation: Installation, **spec: Any) -> Operator:
    installation.document["spec"] |= spec
    await installation.create()
    operator = installation.operator()
    await installation.holds("Ready", "True")
    return operator


QUEUES = ("queue_created", "queue_declared", "queue_deleted")
ADMINISTRATION = (
    *("createUser", "updateUser", "grantRolesToUser", "revokeRolesFromUser", "dropUser"),
    *("replSetInitiate", "replSetReconfig"),
)


async def changes_counted(installation: Installation) -> dict[str, Any]:
    """Return what the servers themselves count of changes, whoever made them."""
    servers, realm = installation.servers, f"/admin/realms/{installation.mark}"
    async with await servers.rabbitmq() as broker:
        churn = (await broker.get("overview")).json()["churn_rates"]
        definitions = (await broker.get("definitions")).json()
    store = Mongo(f"{await servers.mongodb()}/admin?authSource=admin", service="test")
    commands = (await store.database.command("serverStatus"))["metrics"]["commands"]
    await store.close()
    async with installation.keycloak() as keycloak:
        seen = (await keycloak.get(f"{realm}/admin-events")).json()
    return {
        "broker": {name: churn.get(name, 0) for name in QUEUES},
        "definitions": definitions,
        "mongodb": {name: commands[name]["total"] for name in ADMINISTRATION},
        "keycloak": seen,
    }


async def changes_settled(installation: Installation) -> dict[str, Any] | None:
    """Return the counts once they stand: the broker's tell of what is up to 5 s past."""
    counted = await changes_counted(installation)
    await asyncio.sleep(6)
    return counted if await changes_counted(installation) == counted else None


@pytest.mark.parametrize("seconds", [15, pytest.param(600, marks=pytest.mark.long)])
async def test_one_resource_provisions_everything_and_then_nothing_is_written(
    installation: Installation, seconds: int
) -> None:
    operator = await ready(installation)
    found = await installation.resource()
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
    assert found["status"]["summary"] == {
        "services": "3/3",
        "queues": "6/6",
        "realm": installation.mark,
        "mongo": "1/1",
    }
    realm = f"/admin/realms/{installation.mark}"
    async with installation.keycloak() as keycloak:
        kept = await keycloak.put(f"{realm}/events/config", json={"adminEventsEnabled": True})
        kept.raise_for_status()
    counted = await eventually(lambda: changes_settled(installation), seconds=40)
    before = len(list(installation.api.writes()))
    written, looked = await operator.measure(WRITES), await operator.measure(LOOKS)
    await asyncio.sleep(seconds)
    assert await operator.measure(LOOKS) > looked + 10
    assert await changes_counted(installation) == counted
    assert await operator.measure(WRITES) == written
    assert installation.writes(before) == []
    assert (await installation.resource())["metadata"] == found["metadata"]
    # The control: the realm's own record tells of a change.
    async with installation.keycloak() as keycloak:
        (await keycloak.put(realm, json={"displayName": "Another"})).raise_for_status()
    assert (await changes_counted(installation))["keycloak"] != counted["keycloak"]


CHILDREN = ["deployments", "services", "poddisruptionbudgets"]


async def test_what_goes_in_the_cluster_is_back_at_once(installation: Installation) -> None:
    services = [
        {key: one for key, one in service.items() if key != "replicas"}
        for service in installation.document["spec"]["services"]
    ]
    await ready(
        installation,
        services=services,
        defaults={"image": "eventonight:test", "replicas": 2},
        reconciliation={"interval": "300s"},
    )
    owner = (await installation.resource())["metadata"]["uid"]
    for plural in CHILDREN:
        old = await installation.get(plural, "users")
        assert old is not None
        started = time.monotonic()
        await installation.delete(plural, "users")

        async def back(plural: str = plural, old: Any = old) -> bool:
            found = await installation.get(plural, "users")
            return found is not None and found["metadata"]["uid"] != old["metadata"]["uid"]

        await eventually(back, seconds=10)
        assert time.monotonic() - started < 10
        found = await installation.get(plural, "users")
        assert found is not None
        assert found["metadata"]["ownerReferences"][0]["uid"] == owner
    await installation.patch("deployments", "events", {"spec": {"replicas": 7}})

    async def undone() -> bool:
        found = await installation.get("deployments", "events")
        return found is not None and found["spec"]["replicas"] == 2

    await eventually(undone, seconds=10)
    assert "DriftCorrected" in await installation.reasons()


async def test_scaling_touches_only_what_is_scaled(installation: Installation) -> None:
    services = installation.document["spec"]["services"]
    del services[0]["replicas"]
    await ready(installation)
    before = {one["metadata"]["name"]: one for one in await installation.items("deployments")}
    await installation.patch("eventonights", NAME, {"spec": {"replicas": 4}}, "scale")
    await installation.holds("Ready", "True")
    after = {one["metadata"]["name"]: one for one in await installation.items("deployments")}
    assert after["users"]["spec"]["replicas"] == 4
    for name in ("events", "media"):
        assert after[name]["metadata"]["generation"] == before[name]["metadata"]["generation"]
    status = (await installation.resource())["status"]
    assert {"name": "users", "ready": 4, "wanted": 4} in status["services"]


async def test_an_autoscaler_is_left_alone(installation: Installation) -> None:
    services = installation.document["spec"]["services"]
    services[0]["replicas"] = 3
    await ready(installation)
    scaled = {"name": "users", "port": services[0]["port"]}
    scaled["autoscaling"] = {"minReplicas": 2, "maxReplicas": 6}
    await installation.edit({"services": [scaled, *services[1:]]})
    await installation.holds("Ready", "True")
    found = await installation.get("deployments", "users")
    assert found is not None
    # It keeps what it had: given up without ado, the number would fall back to one.
    assert found["spec"]["replicas"] == 3
    await installation.patch("deployments", "users", {"spec": {"replicas": 5}}, "scale")
    await asyncio.sleep(8)
    found = await installation.get("deployments", "users")
    assert found is not None
    assert found["spec"]["replicas"] == 5
    owners = [
        one["manager"]
        for one in found["metadata"]["managedFields"]
        if "f:replicas" in one["fieldsV1"].get("f:spec", {})
    ]
    assert "eventonight-operator" not in owners
    scaler = await installation.get("horizontalpodautoscalers", "users")
    assert scaler is not None
    assert scaler["spec"]["maxReplicas"] == 6
    await installation.edit({"services": services})
    await installation.holds("Ready", "True")
    assert await installation.get("horizontalpodautoscalers", "users") is None
    found = await installation.get("deployments", "users")
    assert found is not None
    assert found["spec"]["replicas"] == 3


async def test_drift_outside_is_repaired_and_told(installation: Installation) -> None:
    operator = await ready(installation)
    vhost, user = installation.mark, f"{installation.mark}-media"
    async with await installation.servers.rabbitmq() as broker, installation.keycloak() as realms:
        base = f"/admin/realms/{installation.mark}"
        person = {"username": "kept", "enabled": True, "email": "kept@example.com"}
        (await realms.post(f"{base}/users", json=person)).raise_for_status()
        (kept,) = (await realms.get(f"{base}/users?username=kept")).json()
        (client,) = (await realms.get(f"{base}/clients?clientId=users-service")).json()
        await broker.delete(f"queues/{vhost}/users_queue")
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        await broker.put(f"permissions/{vhost}/{user}", json=everything)
        await broker.delete(f"policies/{vhost}/media_queue")
        await realms.put(
            f"{base}/clients/{client['id']}", json={"clientId": "users-service", "enabled": False}
        )
        await realms.delete(f"{base}/roles/member")

        async def repaired() -> bool:
            queue = await broker.get(f"queues/{vhost}/users_queue")
            rights = (await broker.get(f"permissions/{vhost}/{user}")).json()
            policy = await broker.get(f"policies/{vhost}/media_queue")
            role = await realms.get(f"{base}/roles/member")
            (found,) = (await realms.get(f"{base}/clients?clientId=users-service")).json()
            return (
                queue.is_success
                and queue.json()["arguments"]["x-queue-type"] == "quorum"
                and rights["configure"] == "^$"
                and policy.is_success
                and role.is_success
                and bool(found["enabled"])
            )

        await eventually(repaired, seconds=60)
        (still,) = (await realms.get(f"{base}/users?username=kept")).json()
        assert still["id"] == kept["id"]
        (after,) = (await realms.get(f"{base}/clients?clientId=users-service")).json()
        assert (after["id"], after["secret"]) == (client["id"], client["secret"])

    async def told() -> bool:
        drift = (await installation.resource())["status"]["drift"]
        both = {"queue/users_queue", "role/member"} <= set(drift["objects"])
        return both and bool(drift["corrections"] == await operator.measure(CORRECTIONS) >= 5)

    # What is repaired is told of once the attempt at that system is over.
    await eventually(told)
    await installation.holds("Ready", "True")
    assert "DriftCorrected" in await installation.reasons()


async def test_a_full_queue_takes_a_new_limit_and_keeps_its_messages(
    installation: Installation,
) -> None:
    await ready(installation)
    vhost = installation.mark
    async with await installation.servers.rabbitmq() as broker:
        for _ in range(50):
            await installation.publish(broker)
        queues = installation.document["spec"]["messaging"]["queues"]
        wished = [{**one, "deliveryLimit": 50} for one in queues]
        await installation.edit({"messaging": {"queues": wished}})
        await installation.holds("Ready", "True")
        policy = (await broker.get(f"policies/{vhost}/users_queue")).json()
        assert policy["definition"]["delivery-limit"] == 50

        async def counted() -> bool:
            found = (await broker.get(f"queues/{vhost}/users_queue")).json()
            return bool(found.get("messages") == 50)

        await eventually(counted)


async def test_while_paused_nothing_is_repaired(installation: Installation) -> None:
    await ready(installation)
    await installation.annotate(paused="true")
    await installation.holds("Paused", "True", "ReconcilePaused")
    assert await installation.condition("Ready") == ("Unknown", "ReconcilePaused")
    async with await installation.servers.rabbitmq() as broker:
        path = f"queues/{installation.mark}/media_queue"
        await broker.delete(path)
        await installation.delete("deployments", "media")
        await asyncio.sleep(8)
        assert (await broker.get(path)).status_code == 404
        assert await installation.get("deployments", "media") is None
        await installation.annotate(paused=None)
        await installation.holds("Ready", "True")
        assert (await broker.get(path)).is_success
    assert await installation.condition("Paused") == ("False", "AllReady")


async def test_drift_that_is_only_reported_stays(installation: Installation) -> None:
    await ready(installation, reconciliation={"interval": "2s", "driftPolicy": "Report"})
    async with await installation.servers.rabbitmq() as broker:
        path = f"queues/{installation.mark}/media_queue"
        await broker.delete(path)
        await installation.holds("DriftDetected", "True")
        await asyncio.sleep(4)
        assert (await broker.get(path)).status_code == 404
        assert (await installation.condition("MessagingReady"))[0] == "False"
        drift = (await installation.resource())["status"]["drift"]
        assert "queue/media_queue" in drift["objects"]
        assert drift["corrections"] == 0
        # What the resource itself asks for is no drift: it is done.
        queues = installation.document["spec"]["messaging"]["queues"]
        wished = [{**one, "deliveryLimit": 50} for one in queues]
        await installation.edit({"messaging": {"queues": wished}})
        await installation.holds("Ready", "True")
        assert (await broker.get(path)).is_success


async def test_an_outage_holds_up_nobody_else_and_is_not_hammered_at(
    installation: Installation,
) -> None:
    door = Door(installation.servers.setup.site.ports["keycloak"])
    await door.open()
    spec = installation.document["spec"]
    spec["identity"]["keycloak"]["url"] = f"http://127.0.0.1:{door.port}"
    operator = await ready(installation)
    await door.shut()
    shut_at = time.monotonic()
    await installation.holds("IdentityReady", "False", "KeycloakUnreachable", seconds=30)
    await installation.holds("Degraded", "True", "KeycloakUnreachable")
    assert (await installation.resource())["status"]["summary"]["realm"] == "unknown"
    spec["services"][0]["replicas"] = 4
    await installation.edit({"services": spec["services"]})

    async def scaled() -> bool:
        found = await installation.get("deployments", "users")
        return found is not None and found["spec"]["replicas"] == 4

    await eventually(scaled, seconds=10)
    async with await installation.servers.rabbitmq() as broker:
        path = f"queues/{installation.mark}/media_queue"
        await broker.delete(path)

        async def back() -> bool:
            return bool((await broker.get(path)).is_success)

        await eventually(back, seconds=30)
    await asyncio.sleep(max(0.0, 45 - (time.monotonic() - shut_at)))
    # One for the edit, then 2, 4, 8, 16 and 32 seconds apart, one request each.
    assert door.knocks <= 10
    await door.reopen()
    await installation.holds("Ready", "True", seconds=90)
    await door.close()
    assert operator.process.poll() is None
    assert "KeycloakUnreachable" in await installation.reasons()


async def test_conditions_keep_their_times_over_a_restart(installation: Installation) -> None:
    operator = await ready(installation)
    before = (await installation.resource())["status"]
    operator.stop()
    second = installation.operator()

    async def looked() -> bool:
        try:
            return await second.measure(LOOKS) >= 10
        except httpx.HTTPError:
            return False

    await eventually(looked, seconds=60)
    assert (await installation.resource())["status"] == before
