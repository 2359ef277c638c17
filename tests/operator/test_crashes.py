"""Killed before every single write, the operator ends up where it would have without."""

import asyncio
import difflib
import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from client import eventually
from installation import Installation

pytestmark = pytest.mark.apiserver
LEAST_POINTS = 20
MOST_RUNS = 250
FROM_SERVER = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation")


async def in_cluster(installation: Installation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for plural in ("deployments", "services", "poddisruptionbudgets"):
        for one in await installation.items(plural):
            metadata = {k: v for k, v in one["metadata"].items() if k not in FROM_SERVER}
            metadata["ownerReferences"] = [owner["name"] for owner in metadata["ownerReferences"]]
            metadata.pop("annotations")
            one["spec"].pop("clusterIP", None)
            one["spec"].pop("clusterIPs", None)
            one["spec"].get("template", {}).get("metadata", {}).pop("annotations", None)
            found[f"{plural}/{one['metadata']['name']}"] = [metadata, one["spec"]]
    for one in await installation.items("secrets"):
        found[f"secrets/{one['metadata']['name']}"] = sorted(one["data"])
    resource = await installation.resource()
    found["finalizers"] = resource["metadata"]["finalizers"]
    found["inventory"] = resource["status"]["inventory"]
    return found


async def at_broker(installation: Installation) -> dict[str, Any]:
    async with await installation.servers.rabbitmq() as broker:
        found: dict[str, Any] = (await broker.get(f"definitions/{installation.mark}")).json()
        users = (await broker.get("users")).json()
        rights = (await broker.get(f"vhosts/{installation.mark}/permissions")).json()
    ours = [one for one in users if one["name"].startswith(installation.mark)]
    found["users"] = [(one["name"], one["tags"]) for one in ours]
    found["rights"] = rights
    return {key: one for key, one in found.items() if key not in {"rabbit_version", "product_name"}}


async def in_realm(installation: Installation) -> dict[str, Any]:
    base = f"/admin/realms/{installation.mark}"
    async with installation.keycloak() as realms:
        export = f"{base}/partial-export?exportClients=true&exportGroupsAndRoles=true"
        found = (await realms.post(export)).raise_for_status().json()
        profile = (await realms.get(f"{base}/users/profile")).json()
        texts = (await realms.get(f"{base}/localization/en")).json()
        accounts = {}
        for name in ("users-service", "events-service"):
            (client,) = (await realms.get(f"{base}/clients?clientId={name}")).json()
            path = f"{base}/clients/{client['id']}/service-account-user"
            account = (await realms.get(path)).json()
            held = (await realms.get(f"{base}/users/{account['id']}/role-mappings")).json()
            accounts[name] = sorted(
                [one["name"] for one in held["realmMappings"]]
                + [
                    role["name"]
                    for one in held.get("clientMappings", {}).values()
                    for role in one["mappings"]
                ]
            )
    return {
        "realm": found,
        "profile": profile,
        "texts": texts,
        "accounts": accounts,
    }


def _without_ids(value: Any) -> Any:
    """Return a document without what is made at random, in an order of its own."""
    drop = {"id", "containerId", "secret", "_id", "keycloakVersion", "components"}
    drop |= {
        "createdTimestamp",
        "client.secret.creation.time",
        "authenticationFlows",
        "authenticatorConfig",
    }
    if isinstance(value, dict):
        return {key: _without_ids(one) for key, one in value.items() if key not in drop}
    if isinstance(value, list):
        return sorted((_without_ids(one) for one in value), key=json.dumps)
    return value


async def in_database(installation: Installation) -> dict[str, Any]:
    keys = installation.servers.setup.site.secrets.read("mongodb-admin") or {}
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        f"127.0.0.1:{installation.servers.setup.site.ports['mongod']}",
        username=keys["username"],
        password=keys["password"],
        directConnection=True,
    )
    async with client:
        found = await client.admin.command("usersInfo", {"forAllDBs": True})
        config = (await client.admin.command("replSetGetConfig"))["config"]
    users = [one for one in found["users"] if one["db"].startswith(installation.mark)]
    return {
        "users": [(one["user"], one["db"], one["roles"]) for one in users],
        "members": [one["host"] for one in config["members"]],
    }


async def digest(installation: Installation) -> str:
    """Return all that an installation has come to, names of its own apart."""
    found = {
        "cluster": await in_cluster(installation),
        "broker": await at_broker(installation),
        "realm": await in_realm(installation),
        "database": await in_database(installation),
    }
    text = json.dumps(found)
    for own, word in ((installation.namespace, "NAMESPACE"), (installation.mark, "MARK")):
        text = text.replace(own, word)
    return json.dumps(_without_ids(json.loads(text)), sort_keys=True, indent=1)


def difference(one: str, other: str) -> list[str]:
    lines = difflib.unified_diff(other.splitlines(), one.splitlines(), lineterm="", n=8)
    return list(lines)[:60]


async def test_killed_before_every_write_it_ends_up_the_same(
    installation: Installation, record_property: Callable[[str, object], None]
) -> None:
    await installation.create()
    points = 0
    for _ in range(MOST_RUNS):
        operator = installation.operator(EVENTONIGHT_CRASH_AT="2")
        if await survives(installation):
            break
        assert operator.process.wait() == -signal.SIGKILL
        points += 1
    else:
        raise AssertionError("the operator does not come to rest")
    record_property("points", points)
    assert points >= LEAST_POINTS
    disturbed = await digest(installation)
    async with Installation(installation.api, installation.servers) as undisturbed:
        await undisturbed.create()
        undisturbed.operator()
        await undisturbed.holds("Ready", "True")
        expected = await digest(undisturbed)
    assert not difference(disturbed, expected), "\n".join(difference(disturbed, expected))


async def survives(installation: Installation) -> bool:
    """Tell whether the newest operator comes to rest, and is not killed before."""
    process = installation.operators[-1].process

    async def over() -> bool:
        status = (await installation.resource()).get("status") or {}
        ready = {one["type"]: one["status"] for one in status.get("conditions") or []}.get("Ready")
        return process.poll() is not None or ready == "True"

    try:
        await eventually(over, seconds=60, every=0.05)
    except AssertionError as error:
        status = (await installation.resource()).get("status") or {}
        tail = "\n".join(installation.operators[-1].log.read_text().splitlines()[-15:])
        raise AssertionError(f"neither killed nor at rest:\n{status}\n{tail}") from error
    if process.poll() is None:
        # Whatever it would still write, it would have by now.
        await asyncio.sleep(5)
    return process.poll() is None
