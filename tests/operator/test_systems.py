"""Plans are pure; systems are the real ones."""

import asyncio
import base64
import json
from typing import Any

import aio_pika
import httpx
import msgspec
import pytest
from aio_pika.abc import AbstractIncomingMessage
from hypothesis import given
from hypothesis import strategies as st

from client import Client, eventually
from eventonight_operator.ledger import OpenLedger
from eventonight_operator.plan import MASK, Fields, Key, differences
from eventonight_operator.reconcile import attempt, diff, reconcile
from eventonight_operator.spec import Messaging, Unsafe
from eventonight_operator.systems import keycloak
from eventonight_operator.systems.rabbitmq import RabbitMQ
from eventonight_operator.systems.rabbitmq.api import answers
from eventonight_operator.systems.rabbitmq.steps import SILENT_SECONDS
from local import parts
from servers import Servers

names = st.text("abc", min_size=1, max_size=3)
values = st.one_of(st.integers(0, 3), st.lists(names, max_size=3), st.booleans())
objects = st.dictionaries(
    st.tuples(st.sampled_from(["queue", "policy"]), names),
    st.dictionaries(names, values, max_size=3),
    max_size=5,
)


@given(objects, objects)
def test_applying_a_plan_leaves_nothing_to_plan(
    desired: dict[Key, Fields], observed: dict[Key, Fields]
) -> None:
    after = dict(observed)
    for action in differences("x", desired, observed):
        key = action.kind, action.name
        after[key] = {**after.get(key, {}), **action.fields}
    assert differences("x", desired, after) == []


@given(st.lists(names, max_size=5), st.randoms())
def test_the_order_of_lists_does_not_count(values_: list[str], dice: Any) -> None:
    other = list(values_)
    dice.shuffle(other)
    assert differences("x", {("q", "a"): {"v": values_}}, {("q", "a"): {"v": other}}) == []


def test_secrets_are_never_printed() -> None:
    (action,) = differences("x", {("u", "a"): {"password": "new"}}, {("u", "a"): {"password": "o"}})
    assert MASK in str(action)
    assert "new" not in str(action)


@pytest.fixture(scope="module")
async def ready(product: Client) -> Servers:
    return product.servers


async def left(servers: Servers) -> list[str]:
    found = await diff(servers.setup.resource, servers.setup.site.secrets)
    assert not any(one.message for one in found)
    return [str(action) for one in found for action in one.left]


async def repaired(servers: Servers) -> None:
    found = await reconcile(servers.setup.resource, servers.setup.site.secrets)
    assert all(one.ready for one in found), found
    assert await left(servers) == []


async def test_a_provisioned_stack_has_nothing_left_to_do(ready: Servers) -> None:
    assert await left(ready) == []


BROKER = [
    ("DELETE", "queues/eventonight/users_queue.dlq", None, "create queue users_queue.dlq"),
    (
        "DELETE",
        "bindings/eventonight/e/eventonight/q/media_queue/event.deleted",
        None,
        "create binding eventonight -> media_queue [event.deleted]",
    ),
    ("DELETE", "policies/eventonight/media_queue", None, "create policy media_queue"),
    (
        "PUT",
        "permissions/eventonight/media",
        {"configure": ".*", "write": ".*", "read": ".*"},
        "update permission media",
    ),
    ("PUT", "users/media", {"password": "stolen", "tags": ""}, "update user media"),
    (
        "POST",
        "bindings/eventonight/e/eventonight/q/media_queue",
        {"routing_key": "#"},
        "delete binding eventonight -> media_queue [#]",
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "named"), BROKER, ids=[b[3] for b in BROKER])
async def test_a_change_at_the_broker_is_named_and_repaired(
    ready: Servers, method: str, path: str, body: Any, named: str
) -> None:
    async with await ready.rabbitmq() as admin:
        (await admin.request(method, path, json=body)).raise_for_status()
    found = await left(ready)
    assert any(named in one for one in found), found
    await repaired(ready)


def messaging_of(servers: Servers, vhost: str, queues: list[Any]) -> Messaging:
    document = msgspec.to_builtins(servers.setup.resource.spec.messaging)
    document |= {
        "vhost": vhost.rpartition("/")[2],
        "users": [],
        "queues": queues,
        "bindings": [
            {"exchange": "eventonight", "queue": one["name"], "routingKey": "#"} for one in queues
        ],
    }
    return msgspec.convert(document, Messaging)


SINGLE = Unsafe(allow_single_member=True)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def publish(admin: httpx.AsyncClient, exchange: str, **headers: str) -> Any:
    body = {
        "properties": {"headers": headers},
        "routing_key": "a.b",
        "payload": headers.get("key", "x"),
        "payload_encoding": "string",
    }
    answer = await admin.post(f"exchanges/{exchange}/publish", json=body)
    return answer.json()["routed"]


async def test_a_queue_goes_only_when_it_was_ours_and_is_surely_empty(
    ready: Servers, vhost: str
) -> None:
    name, secrets, clock = vhost.rpartition("/")[2], ready.setup.site.secrets, Clock()
    declared = [{"name": "kept", "owner": "users"}, {"name": "old", "owner": "users"}]
    books = OpenLedger()
    first = RabbitMQ(messaging_of(ready, vhost, declared), SINGLE, secrets)
    assert (await attempt(first, books)).ready
    async with await ready.rabbitmq() as admin:
        await admin.put(f"queues/{name}/foreign", json={"durable": True})
        assert await publish(admin, f"{name}/eventonight")
        second = RabbitMQ(messaging_of(ready, vhost, declared[:1]), SINGLE, secrets, clock)
        outcome = await attempt(second, books)
        assert [str(one) for one in outcome.done] == [
            "rabbitmq: delete binding eventonight -> old [#]",
            "rabbitmq: delete binding eventonight.dlx -> old.dlq [old.dlq]",
        ]

        async def counted() -> bool:
            found = (await admin.get(f"queues/{name}/old")).json()
            return bool(found.get("messages") == 1)

        assert outcome.reason == "Progressing"
        await eventually(counted)
        clock.now += 60
        outcome = await attempt(second, books)
        assert outcome.reason == "QueueNotEmpty"
        assert "holds 1 messages" in outcome.message
        await admin.delete(f"queues/{name}/old/contents")

        async def emptied() -> bool:
            return (await attempt(second, books)).ready

        await eventually(emptied, seconds=30, every=1)
        there = {one["name"] for one in (await admin.get(f"queues/{name}")).json()}
        assert there == {"kept", "kept.dlq", "foreign"}
    assert "rabbitmq/queue/old" not in await books.entries()


async def test_an_emptied_count_is_not_trusted_at_once(ready: Servers, vhost: str) -> None:
    wanted = messaging_of(ready, vhost, [{"name": "q", "owner": "users"}])
    system = RabbitMQ(wanted, SINGLE, ready.setup.site.secrets, Clock())
    seen: dict[Key, Fields] = {("queue", "q"): {"messages": 0, "unbound": 1.0}}
    (action,) = system.removal(seen, ["rabbitmq/queue/q"])
    assert action.verb == "waiting"
    (action,) = system.removal({("queue", "q"): {"unbound": 99.0}}, ["rabbitmq/queue/q"])
    assert action.verb == "waiting"
    (action,) = system.removal(
        {("queue", "q"): {"messages": 0, "unbound": 99.0}}, ["rabbitmq/queue/q"]
    )
    assert action.verb == "delete"


async def test_a_queue_whose_making_was_cut_short_is_made_anew(ready: Servers, vhost: str) -> None:
    name, clock = vhost.rpartition("/")[2], Clock()
    declared = [{"name": f"q{n}", "owner": "users"} for n in range(8)]
    system = RabbitMQ(messaging_of(ready, vhost, declared), SINGLE, ready.setup.site.secrets, clock)
    books = OpenLedger()
    async with await ready.rabbitmq() as admin:

        async def works(path: str) -> bool:
            found = await admin.get(path)
            return found.is_error or (bool(found.json()["online"]) and await answers(admin, path))

        paths = [f"queues/{name}/{one['name']}" for one in declared]
        for pause in range(20):
            for path in paths:
                await _cut_short(ready, path.removeprefix("queues/"), pause % 4 * 0.0005)
            await asyncio.sleep(0.5)
            if not all([await works(path) for path in paths]):
                break
            for path in paths:
                await admin.delete(path)
        else:
            pytest.fail("no queue was left half made")
        assert (await attempt(system, books)).reason == "Progressing"
        clock.now += SILENT_SECONDS
        assert (await attempt(system, books)).ready
        assert all([await answers(admin, path) for path in paths])


async def _cut_short(servers: Servers, path: str, seconds: float) -> None:
    """Ask for a queue, and hang up before it can be there."""
    keys = parts.secret(servers.setup.site, "rabbitmq-admin")
    login = base64.b64encode(f"{keys['username']}:{keys['password']}".encode()).decode()
    arguments = {"x-queue-type": "quorum", "x-single-active-consumer": True}
    body = json.dumps({"durable": True, "auto_delete": False, "arguments": arguments})
    _, writer = await asyncio.open_connection(
        "127.0.0.1", servers.setup.site.ports["rabbitmq_management"]
    )
    writer.write(
        f"PUT /api/queues/{path} HTTP/1.1\r\nHost: broker\r\nAuthorization: Basic {login}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    await writer.drain()
    await asyncio.sleep(seconds)
    writer.transport.abort()


async def _keycloak(servers: Servers, method: str, path: str, body: Any = None) -> Any:
    system = keycloak.Keycloak(servers.setup.resource.spec.identity, servers.setup.site.secrets)
    async with system._admin() as admin:
        if method == "GET":
            return await admin.rows(path)
        await admin.call(method, path, body)
        return None


async def test_a_change_in_the_realm_is_named_and_repaired(ready: Servers) -> None:
    await _keycloak(ready, "DELETE", "roles/member")
    (client,) = await _keycloak(ready, "GET", "clients?clientId=users-service")
    changed = {"clientId": "users-service", "enabled": False, "secret": "other"}
    await _keycloak(ready, "PUT", f"clients/{client['id']}", changed)
    (gone,) = await _keycloak(ready, "GET", "clients?clientId=events-service")
    await _keycloak(ready, "DELETE", f"clients/{gone['id']}")
    await _keycloak(ready, "PUT", "", {"accessTokenLifespan": 60, "passwordPolicy": ""})
    found = "\n".join(await left(ready))
    for named in (
        "create role member",
        "update client users-service",
        "enabled: False -> True",
        "create client events-service",
        "accessTokenLifespan: 60 -> 3600",
    ):
        assert named in found, found
    await repaired(ready)


async def test_two_passes_at_once_end_in_the_same_state(ready: Servers) -> None:
    async with await ready.rabbitmq() as admin:
        await admin.delete("queues/eventonight/users_queue.dlq")
    setup = ready.setup
    await asyncio.gather(*(reconcile(setup.resource, setup.site.secrets) for _ in range(2)))
    assert await left(ready) == []


async def test_partitions_share_the_keys(ready: Servers, vhost: str) -> None:
    name = vhost.rpartition("/")[2]
    messaging = messaging_of(ready, vhost, [{"name": "p", "owner": "users", "partitions": 3}])
    system = RabbitMQ(messaging, SINGLE, ready.setup.site.secrets)
    outcome = await attempt(system, OpenLedger())
    assert outcome.ready, outcome
    async with await ready.rabbitmq() as admin:
        for n in range(90):
            assert await publish(admin, f"{name}/eventonight", key=f"k{n % 30}")
    where: dict[str, set[int]] = {}
    async with await aio_pika.connect(vhost) as connection, connection.channel() as channel:
        arrived: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        for index in range(3):

            async def note(message: AbstractIncomingMessage, index: int = index) -> None:
                arrived.put_nowait((message.body.decode(), index))

            await (await channel.get_queue(f"p.{index}")).consume(note, no_ack=True)
        for _ in range(90):
            async with asyncio.timeout(10):
                key, index = await arrived.get()
            where.setdefault(key, set()).add(index)
    assert len(where) == 30
    assert all(len(one) == 1 for one in where.values())
    assert len(set.union(*where.values())) > 1


async def test_an_unreachable_system_fails_alone_and_says_why(ready: Servers) -> None:
    resource = ready.setup.resource
    document = msgspec.to_builtins(resource.spec.messaging)
    document["connection"]["managementURL"] = "http://127.0.0.1:1"
    messaging = msgspec.convert(document, Messaging)
    broken = msgspec.structs.replace(
        resource, spec=msgspec.structs.replace(resource.spec, messaging=messaging)
    )
    found = {one.system: one for one in await diff(broken, ready.setup.site.secrets)}
    assert found["rabbitmq"].reason == "BrokerUnreachable"
    assert found["keycloak"].ready
    assert found["mongodb"].ready
