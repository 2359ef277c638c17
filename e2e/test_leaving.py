"""Taking over what was there, and leaving, in namespaces that are made for it."""

import contextlib
import subprocess
import time
from collections.abc import Iterator

import pytest

from e2e.bars import Bars
from e2e.cluster import waited
from e2e.installation import OPERATOR
from e2e.second import DOORS, Second


def test_what_is_kept_is_taken_up_again(second: Second, bars: Bars) -> None:
    second.create(deletionPolicy="Retain")
    bars.hold("a resource from applied to Ready", second.holds("Ready"), 300)
    assert second.left()
    second.annotate("eventonight.io/paused=true")
    second.holds("Paused")
    started = time.monotonic()
    second.delete()
    second.gone(120)
    waited(lambda: not second.left(), seconds=60)
    bars.hold("deleted while paused, Retain", time.monotonic() - started, 60)
    assert second.mark in second.vhosts()
    assert second.realm() is not None
    second.create()
    second.holds("Ready")
    assert second.get()["status"]["conditions"][0]["reason"] == "AllReady"
    assert len(second.get()["status"]["inventory"]) > 10


def test_a_queue_that_holds_messages_blocks_until_somebody_decides(
    second: Second, bars: Bars
) -> None:
    second.create()
    second.holds("Ready")
    name = f"{second.document['spec']['messaging']['queues'][0]['name']}.dlq"
    with second.broker() as broker:
        message = {"properties": {"delivery_mode": 2}, "routing_key": name}
        message |= {"payload": "x", "payload_encoding": "string"}
        for _ in range(3):
            broker.post(f"exchanges/{second.mark}/amq.default/publish", json=message)
        second.delete()
        second.holds("DeletionBlocked", "True", "QueueNotEmpty", seconds=90)
        count = waited(
            lambda: broker.get(f"queues/{second.mark}/{name}").json().get("messages"), seconds=30
        )
        assert count == 3
    assert second.notes("QueueNotEmpty")
    second.change("unsafe/allowNonEmptyQueueDeletion", value=True, kind="add")
    started = time.monotonic()
    second.gone(120)
    bars.hold("deleted, Delete, once allowed", time.monotonic() - started, 60)
    assert second.left() == []
    assert second.mark not in second.vhosts()
    assert second.realm() is None


def test_a_namespace_ends_though_its_backends_are_gone(second: Second, bars: Bars) -> None:
    left_alone(second)
    with followed(second) as log:
        started = time.monotonic()
        second.cluster.kubectl("delete", "namespace", second.mark, "--wait=true", seconds=240)
        bars.hold("a namespace ends without its backends", time.monotonic() - started, 150)
        said, _ = log.communicate(timeout=30)
    # A namespace that ends takes no events any more; what is left behind is in the log.
    for orphan in (f"rabbitmq/vhost/{second.mark}", f"keycloak/realm/{second.mark}"):
        assert orphan in said


def left_alone(second: Second) -> None:
    """Take the backends away from an installation that was Ready."""
    second.create()
    second.holds("Ready")
    for name in DOORS:
        second.cluster.kubectl("delete", "service", name)
    second.holds("IdentityReady", "False", "KeycloakUnreachable", seconds=120)


@contextlib.contextmanager
def followed(second: Second) -> Iterator["subprocess.Popen[str]"]:
    words = ["kubectl", "--context", second.cluster.context, "--namespace", second.mark]
    words += ["logs", "--follow", f"deployment/{OPERATOR}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.long
def test_backends_that_are_gone_are_given_up(second: Second, bars: Bars) -> None:
    left_alone(second)
    started = time.monotonic()
    second.delete()
    second.gone(200)
    bars.hold("deleted without its backends", time.monotonic() - started, 150)
    (note,) = second.notes("Orphaned")
    assert f"rabbitmq/vhost/{second.mark}" in note
    assert f"keycloak/realm/{second.mark}" in note


def test_a_realm_that_differs_is_not_touched_unless_that_is_wished(second: Second) -> None:
    with second.realms() as realms:
        body = {"realm": second.mark, "enabled": True, "accessTokenLifespan": 77}
        realms.post("admin/realms", json=body).raise_for_status()
    second.create()
    second.holds("IdentityReady", "False", "AdoptionConflict", seconds=120)
    second.holds("MessagingReady")
    assert "accessTokenLifespan: 77 -> 3600" in second.condition("IdentityReady")[2]
    assert (second.realm() or {})["accessTokenLifespan"] == 77
    second.change("reconciliation/adoptionPolicy", "Always")
    second.holds("Ready")
    assert (second.realm() or {})["accessTokenLifespan"] == 3600
    assert second.notes("Adopted")
