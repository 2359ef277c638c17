"""What others change behind the operator's back, at the broker and in the realm."""

import json
import statistics
import time
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from e2e.bars import Bars
from e2e.cluster import Object, lasting, waited
from e2e.installation import CORRECTIONS, OPERATOR, Installation

ROUNDS = 2
APART_SECONDS = 7.0
MOST_SECONDS = 60.0
EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}


class Change:
    """Something that can be changed by hand, and told from what it should be."""

    def break_it(self) -> None:
        raise AssertionError("each kind has its own")

    def is_repaired(self) -> bool:
        raise AssertionError("each kind has its own")


@dataclass
class AtBroker(Change):
    """An object of the broker, changed or deleted.

    Args:
        broker: its administrator.
        path: of the object.
        wrong: what it is made to be; ``None``: it is deleted.
        fields: what tells whether it is as it was.
    """

    broker: httpx.Client
    path: str
    wrong: Object | None
    fields: tuple[str, ...]

    def __post_init__(self) -> None:
        self.was = self._now()

    def _now(self) -> list[Any] | None:
        answer = self.broker.get(self.path)
        if not answer.is_success:
            return None
        found = answer.json()
        return [found.get(key) for key in self.fields] if isinstance(found, dict) else found

    def break_it(self) -> None:
        answer = (
            self.broker.delete(self.path)
            if self.wrong is None
            else self.broker.put(self.path, json=self.wrong)
        )
        answer.raise_for_status()

    def is_repaired(self) -> bool:
        return self._now() == self.was


@dataclass
class Binding(AtBroker):
    """The bindings of a queue, one of them deleted."""

    def break_it(self) -> None:
        one = next(b for b in self.broker.get(self.path).json() if b["source"])
        place = f"{quote(one['source'], safe='')}/q/{quote(one['destination'], safe='')}"
        key = quote(one["properties_key"], safe="")
        vhost = quote(one["vhost"], safe="")
        self.broker.delete(f"bindings/{vhost}/e/{place}/{key}").raise_for_status()


@dataclass
class Client(Change):
    """A client of the realm, disabled."""

    realms: httpx.Client
    base: str
    name: str

    def _now(self) -> Object:
        found: list[Object] = self.realms.get(f"{self.base}/clients?clientId={self.name}").json()
        return found[0]

    def break_it(self) -> None:
        one = self._now()
        path = f"{self.base}/clients/{one['id']}"
        self.realms.put(path, json=one | {"enabled": False}).raise_for_status()

    def is_repaired(self) -> bool:
        return bool(self._now()["enabled"])


@dataclass
class Role(Change):
    """A role of the realm, deleted."""

    realms: httpx.Client
    base: str
    name: str

    def break_it(self) -> None:
        self.realms.delete(f"{self.base}/roles/{self.name}").raise_for_status()

    def is_repaired(self) -> bool:
        return self.realms.get(f"{self.base}/roles/{self.name}").is_success


def changes(etn: Installation, broker: httpx.Client, realms: httpx.Client) -> list[Change]:
    spec = etn.get()["spec"]
    vhost = spec["messaging"]["vhost"]
    base = f"admin/realms/{spec['identity']['realm']['name']}"
    first, second, third = [one["name"] for one in spec["messaging"]["queues"]][:3]
    user = spec["messaging"]["users"][1]["name"]
    other = {
        "pattern": f"^{second}$",
        "apply-to": "queues",
        "definition": {"dead-letter-exchange": "elsewhere"},
    }
    kept = ("type", "arguments", "durable")
    return [
        AtBroker(broker, f"queues/{vhost}/{third}", None, kept),
        Binding(broker, f"queues/{vhost}/{first}/bindings", None, ()),
        Client(realms, base, "users-service"),
        AtBroker(broker, f"permissions/{vhost}/{user}", EVERYTHING, tuple(EVERYTHING)),
        AtBroker(broker, f"policies/{vhost}/{second}", other, ("pattern", "definition")),
        Role(realms, base, "member"),
    ]


def test_what_others_change_outside_is_repaired_in_time(etn: Installation, bars: Bars) -> None:
    corrections = etn.measure(CORRECTIONS)
    with etn.broker() as broker, etn.realms() as realms:
        base = f"admin/realms/{etn.get()['spec']['identity']['realm']['name']}"
        people = {one["id"] for one in realms.get(f"{base}/users?max=100").json()}
        (client,) = realms.get(f"{base}/clients?clientId=users-service").json()
        queues = waited(lambda: arguments_of_queues(etn, broker), seconds=30)
        times = repair_times(changes(etn, broker, realms))
        assert {one["id"] for one in realms.get(f"{base}/users?max=100").json()} == people
        (after,) = realms.get(f"{base}/clients?clientId=users-service").json()
        assert (after["id"], after["secret"]) == (client["id"], client["secret"])
        waited(lambda: arguments_of_queues(etn, broker) == queues, seconds=30)
    p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
    bars.hold(f"drift outside repaired, p95 of {len(times)}", p95, 45)
    bars.hold(f"drift outside repaired, longest of {len(times)}", max(times), MOST_SECONDS)
    waited(lambda: etn.measure(CORRECTIONS) >= corrections + len(times), seconds=30)
    etn.holds("Ready")
    assert etn.notes("DriftCorrected")
    assert "role/member" in etn.get()["status"]["drift"]["objects"]


def arguments_of_queues(etn: Installation, broker: httpx.Client) -> dict[str, Any]:
    """Return none until the broker, whose counters lag, tells which policy each has."""
    found = broker.get(f"queues/{etn.get()['spec']['messaging']['vhost']}").json()
    told = all(one.get("policy") or one["name"].endswith(".dlq") for one in found)
    return {one["name"]: [one["arguments"], one.get("policy")] for one in found} if told else {}


def repair_times(each: list[Change]) -> list[float]:
    """Break one thing after the other and return how long each was broken."""
    broken: dict[int, tuple[Change, float]] = {}
    times: list[float] = []

    def look() -> bool:
        for key, (one, since) in list(broken.items()):
            if one.is_repaired():
                times.append(time.monotonic() - since)
                del broken[key]
            else:
                assert time.monotonic() - since < 2 * MOST_SECONDS, one
        return not broken

    def is_time(moment: float) -> bool:
        look()
        return time.monotonic() >= moment

    for number, one in enumerate(each * ROUNDS):
        one.break_it()
        assert not one.is_repaired(), one
        broken[number] = (one, time.monotonic())
        waited(partial(is_time, time.monotonic() + APART_SECONDS), seconds=30)
    waited(look, seconds=2 * MOST_SECONDS)
    return times


def test_a_queue_that_holds_messages_takes_a_limit_and_is_not_deleted(
    etn: Installation, bars: Bars
) -> None:
    spec = etn.get()["spec"]["messaging"]
    place, vhost, name = len(spec["queues"]), spec["vhost"], "e2e-limits"
    wished = {"name": name, "owner": "users", "deliveryLimit": 20}
    bound = {"exchange": "eventonight", "queue": name, "routingKey": "e2e.limits"}
    etn.change("messaging/queues/-", wished, "add")
    etn.change("messaging/bindings/-", bound, "add")
    etn.holds("Ready")
    with etn.broker() as broker:
        message = {"properties": {"delivery_mode": 2}, "routing_key": "e2e.limits"}
        message |= {"payload": "x", "payload_encoding": "string"}
        for _ in range(1000):
            broker.post(f"exchanges/{vhost}/eventonight/publish", json=message).raise_for_status()

        def count() -> int | None:
            found: Object = broker.get(f"queues/{vhost}/{name}").json()
            return found.get("messages")

        def limit() -> int:
            found = broker.get(f"policies/{vhost}/{name}").json()
            return int(found["definition"]["delivery-limit"])

        waited(lambda: count() == 1000, seconds=30)
        etn.change(f"messaging/queues/{place}/deliveryLimit", 50)
        started = time.monotonic()
        waited(lambda: limit() == 50, seconds=60)
        bars.hold("a new delivery limit on 1,000 messages", time.monotonic() - started, 60)
        etn.holds("Ready")
        assert count() == 1000
        assert " 406" not in etn.cluster.kubectl("logs", f"deployment/{OPERATOR}", "--tail=2000")
        etn.change("messaging/bindings", spec["bindings"])
        etn.change("messaging/queues", spec["queues"])
        etn.holds("MessagingReady", "False", "QueueNotEmpty", seconds=90)
        assert count() == 1000
        broker.delete(f"queues/{vhost}/{name}/contents").raise_for_status()
        waited(lambda: broker.get(f"queues/{vhost}/{name}").status_code == 404, seconds=90)


@pytest.mark.parametrize("seconds", [40.0, pytest.param(180.0, marks=pytest.mark.long)])
def test_while_paused_nothing_is_repaired(etn: Installation, bars: Bars, seconds: float) -> None:
    spec = etn.get()["spec"]["messaging"]
    path = f"queues/{spec['vhost']}/{spec['queues'][-1]['name']}"
    etn.annotate("eventonight.io/paused=true")
    etn.holds("Paused", "True", "ReconcilePaused", seconds=30)
    assert etn.condition("Ready")[0] == "Unknown"
    with etn.broker() as broker:
        broker.delete(path).raise_for_status()
        etn.cluster.kubectl("delete", "service", "media")
        lasting(lambda: broker.get(path).status_code == 404, seconds=seconds)
        assert etn.cluster.find("service", "media") is None
        etn.annotate("eventonight.io/paused-")
        started = time.monotonic()
        waited(lambda: broker.get(path).is_success, seconds=90)
        waited(lambda: etn.cluster.find("service", "media"), seconds=30)
        bars.hold("repaired after a pause", time.monotonic() - started, 60)
    assert json.dumps(etn.get()["status"]["drift"]["objects"]).count("queue/")
