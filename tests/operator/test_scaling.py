"""A replica set of real members grows and shrinks while somebody writes to it."""

import asyncio
import contextlib
import itertools
import secrets as randomness
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.errors import PyMongoError

from client import eventually
from eventonight_operator.ledger import OpenLedger
from eventonight_operator.reconcile import Outcome, attempt
from eventonight_operator.spec import MongoDB
from eventonight_operator.systems.mongodb import Mongo
from eventonight_operator.systems.mongodb.members import Pods
from local import fetch
from local.ports import free_ports

MOST = 5
ADMIN = {"username": "admin", "password": "admin-of-the-test"}


class Pods5:
    """Stands in for a StatefulSet: starts and ends real members, one after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = list(free_ports().values())[:MOST]
        self.hosts = [f"127.0.0.1:{port}" for port in self.ports]
        self.key = randomness.token_hex(64)
        self.running: list[subprocess.Popen[bytes]] = []
        self.wished: list[int] = []
        self.orphaned: list[str] = []

    async def pods(self, _: str) -> Pods:
        return Pods(self.wished[-1] if self.wished else 0, len(self.running))

    async def scale(self, _: str, replicas: int) -> None:
        self.wished.append(replicas)
        while len(self.running) < replicas:
            self._start(len(self.running))
        if self.running[replicas:]:
            async with admin(self) as client:
                config = (await client.admin.command("replSetGetConfig"))["config"]
            members = {one["host"] for one in config["members"]}
            self.orphaned += members.intersection(self.hosts[replicas:])
        for process in self.running[replicas:]:
            process.terminate()
            await asyncio.to_thread(process.wait, 30)
        del self.running[replicas:]

    def _start(self, number: int) -> None:
        home = self.folder / str(number)
        home.mkdir(exist_ok=True)
        keyfile = home / "key"
        if not keyfile.exists():
            keyfile.write_text(self.key)
            keyfile.chmod(0o400)
        words = [str(fetch.program("mongod")), "--dbpath", str(home), "--replSet", "rs0"]
        words += ["--port", str(self.ports[number]), "--bind_ip", "127.0.0.1", "--auth"]
        words += ["--keyFile", str(keyfile), "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]
        words += ["--oplogSize", "50", "--setParameter", "diagnosticDataCollectionEnabled=false"]
        words += ["--setParameter", "enableTestCommands=1"]
        log = (self.folder / f"{number}.log").open("ab")
        self.running.append(subprocess.Popen(words, stdout=log, stderr=log))

    def stop(self) -> None:
        for process in self.running:
            process.kill()
            process.wait(timeout=20)


class Secrets:
    """Secrets in memory."""

    def __init__(self, key: str) -> None:
        self.data: dict[str, dict[str, str]] = {
            "admin": ADMIN,
            "key": {"key": key},
            "users": {"username": "users", "password": "users-of-the-test"},
        }

    async def get(self, name: str) -> dict[str, str] | None:
        return self.data.get(name)

    async def put(self, name: str, data: Any) -> None:
        self.data[name] = dict(data)


def system(pods: Pods5, store: Secrets, members: int) -> Mongo:
    wanted = {
        "name": "rs0",
        "members": members,
        "hosts": pods.hosts[:members],
        "statefulSet": {"name": "mongodb"},
        "keyfileSecretRef": {"name": "key"},
        "adminSecretRef": {"name": "admin"},
        "databases": [{"name": "d", "user": "users", "secretRef": {"name": "users"}}],
    }
    return Mongo(msgspec.convert({"replicaSets": [wanted]}, MongoDB), store, scaler=pods)


def admin(pods: Pods5) -> AsyncMongoClient[dict[str, Any]]:
    return AsyncMongoClient(pods.hosts[:3], replicaSet="rs0", **ADMIN, timeoutMS=20_000)  # type: ignore[arg-type]


async def reach(pods: Pods5, store: Secrets, members: int) -> list[Outcome]:
    wanted, outcomes = system(pods, store, members), []

    async def settled() -> bool:
        outcomes.append(await attempt(wanted, OpenLedger()))
        return outcomes[-1].ready

    await eventually(settled, seconds=120, every=0.5)
    return outcomes


@pytest.fixture
async def pods(tmp_path: Path) -> AsyncIterator[Pods5]:
    fetch.fetch_all(lambda _: None)
    found = Pods5(tmp_path)
    yield found
    found.stop()


@pytest.mark.apiserver  # for its length: it runs with the long ones
async def test_members_come_and_go_while_somebody_writes(pods: Pods5) -> None:
    store = Secrets(pods.key)
    await reach(pods, store, 3)
    assert pods.wished == [1, 2, 3]
    acknowledged: list[int] = []
    stop = asyncio.Event()
    gap = 0.0

    async def write() -> None:
        nonlocal gap
        loop = asyncio.get_running_loop()
        async with admin(pods) as client:
            rows = client["d"].get_collection("rows", write_concern=WriteConcern("majority"))
            last = loop.time()
            for number in itertools.count():
                if stop.is_set():
                    return
                with contextlib.suppress(PyMongoError):
                    await rows.insert_one({"_id": number})
                    acknowledged.append(number)
                    gap, last = max(gap, loop.time() - last), loop.time()
                await asyncio.sleep(0.02)

    writing = asyncio.create_task(write())
    await reach(pods, store, 5)
    await reach(pods, store, 3)
    # The last of three leads: it has to hand over before it may go.
    async with admin(pods) as client:
        await make_primary(client, pods.hosts[2])
    outcomes = await reach(pods, store, 1)
    stop.set()
    await writing
    done = [str(one) for outcome in outcomes for one in outcome.done]
    step_down = next(n for n, one in enumerate(done) if "steps down" in one)
    left = next(n for n, one in enumerate(done) if f"delete member rs0/{pods.hosts[2]}" in one)
    assert step_down < left
    assert pods.wished == [1, 2, 3, 4, 5, 4, 3, 2, 1]
    # No pod went while its member was still configured.
    assert pods.orphaned == []
    async with admin(pods) as client:
        kept = await client["d"]["rows"].count_documents({"_id": {"$in": acknowledged}})
    assert kept == len(acknowledged) > 0
    assert gap <= 20


async def test_a_new_member_is_waited_for_until_it_votes(pods: Pods5) -> None:
    """Before, losing another one would leave the set without a majority."""
    store = Secrets(pods.key)
    await reach(pods, store, 1)
    wanted = system(pods, store, 3)

    async def is_waited_for() -> bool:
        outcome = await attempt(wanted, OpenLedger())
        assert not outcome.ready
        return "until the one before it votes" in outcome.message

    async with admin(pods) as client:
        await fail(client, "alwaysOn")
        await eventually(is_waited_for, seconds=60, every=0.5)
        assert pods.wished == [1, 2]
        await fail(client, "off")
        await reach(pods, store, 3)
        assert (await client.admin.command("replSetGetStatus"))["votingMembersCount"] == 3


async def fail(client: AsyncMongoClient[dict[str, Any]], mode: str) -> None:
    """Have the primary leave new members without their vote, or no longer."""
    await client.admin.command("configureFailPoint", "doNotRemoveNewlyAddedOnHeartbeats", mode=mode)


async def make_primary(client: AsyncMongoClient[dict[str, Any]], host: str) -> None:
    """Make one member preferred over the others and wait until it leads."""
    config = (await client.admin.command("replSetGetConfig"))["config"]
    for member in config["members"]:
        member["priority"] = 5 if member["host"] == host else 1
    config["version"] += 1
    await client.admin.command("replSetReconfig", config)

    async def leads() -> bool:
        status = await client.admin.command("replSetGetStatus")
        return any(m["name"] == host and m["stateStr"] == "PRIMARY" for m in status["members"])

    await eventually(leads, seconds=60, every=0.5)


async def test_a_lost_administrator_is_restored_by_the_key(pods: Pods5) -> None:
    store = Secrets(pods.key)
    await reach(pods, store, 1)
    store.data["admin"] = {**ADMIN, "password": "another-one"}
    await reach(pods, store, 1)
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        pods.hosts[0], directConnection=True, username="admin", password="another-one"
    )
    async with client:
        await client.admin.command("connectionStatus")
