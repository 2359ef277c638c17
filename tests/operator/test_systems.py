"""Plans are pure; systems are the real ones."""

import asyncio
from typing import Any

import aio_pika
import msgspec
import pytest
from aio_pika.abc import AbstractIncomingMessage
from hypothesis import given
from hypothesis import strategies as st

from client import Client, eventually
from eventonight_operator import reconcile as operator
from eventonight_operator.plan import MASK, Fields, Key, differences
from eventonight_operator.reconcile import diff, reconcile
from eventonight_operator.spec import Messaging, Unsafe
from eventonight_operator.systems import keycloak
from eventonight_operator.systems.rabbitmq import RabbitMQ
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
    ("PUT", "queues/eventonight/stray", {"durable": True}, "delete queue stray"),
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


async def test_a_queue_that_holds_messages_is_never_removed(ready: Servers) -> None:
    async with await ready.rabbitmq() as admin:
        await admin.put("queues/eventonight/full", json={"durable": True})
        body = {
            "properties": {},
            "routing_key": "full",
            "payload": "x",
            "payload_encoding": "string",
        }
        await admin.post("exchanges/eventonight/amq.default/publish", json=body)

        async def held() -> bool:
            return bool((await admin.get("queues/eventonight/full")).json().get("messages"))

        await eventually(held)
        found = await reconcile(ready.setup.resource, ready.setup.site.secrets, ["rabbitmq"])
        assert found[0].reason == "QueueNotEmpty"
        assert (await admin.get("queues/eventonight/full")).is_success
        await admin.delete("queues/eventonight/full")
    await repaired(ready)


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
    wanted = ready.setup.resource.spec.messaging
    document = msgspec.to_builtins(wanted)
    document |= {
        "vhost": name,
        "users": [],
        "queues": [{"name": "p", "owner": "users", "partitions": 3}],
        "bindings": [{"exchange": "eventonight", "queue": "p", "routingKey": "#"}],
    }
    messaging = msgspec.convert(document, Messaging)
    system = RabbitMQ(messaging, Unsafe(), ready.setup.site.secrets)
    outcome = await operator._guarded(system, apply=True)
    assert outcome.ready, outcome
    async with await ready.rabbitmq() as admin:
        for n in range(90):
            body = {
                "properties": {"headers": {"key": f"k{n % 30}"}},
                "routing_key": "a.b",
                "payload": f"k{n % 30}",
                "payload_encoding": "string",
            }
            routed = await admin.post(f"exchanges/{name}/eventonight/publish", json=body)
            assert routed.json() == {"routed": True}
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
