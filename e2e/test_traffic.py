"""People go on writing while members come and go and while passwords change."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Self

import httpx
import pytest

from client import local_date
from e2e.bars import Bars
from e2e.cluster import PASSWORD, waited
from e2e.installation import CORRECTIONS, Installation
from e2e.test_resource import plugin
from eventonight_operator.systems.rabbitmq.api import password_matches

PAUSE_SECONDS = 0.1
MONGODB = "mongodb/replicaSets/0/members"


class Writer(threading.Thread):
    """An organizer who writes one draft after the other, in the background.

    Args:
        outside: the main host.
    """

    def __init__(self, outside: httpx.Client) -> None:
        super().__init__(daemon=True)
        self._outside = outside
        name = f"e2e-{uuid.uuid4().hex[:10]}"
        body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
        answer = outside.post("/api/users/register", json={**body, "role": "organization"})
        self._account = answer.raise_for_status().json()
        self._headers = {"Authorization": f"Bearer {self._account['accessToken']}"}
        self._over = threading.Event()
        self.written: list[str] = []
        self.failed: list[str] = []
        self.gaps: list[float] = []

    def __enter__(self) -> Self:
        self.start()
        waited(lambda: self.written, seconds=30)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(timeout=60)

    def run(self) -> None:
        last = time.monotonic()
        while not self._over.wait(PAUSE_SECONDS):
            if self._write():
                now = time.monotonic()
                self.gaps.append(now - last)
                last = now

    def _write(self) -> bool:
        event = {"creatorId": self._account["id"], "status": "DRAFT", "date": local_date(days=9)}
        event["title"] = f"draft {len(self.written)}"
        files = {"event": (None, json.dumps(event))}
        try:
            answer = self._outside.post("/api/events/", files=files, headers=self._headers)
        except httpx.HTTPError as error:
            self.failed.append(repr(error))
            return False
        if answer.status_code != httpx.codes.CREATED:
            self.failed.append(f"{answer.status_code} {answer.text[:100]}")
            return False
        self.written.append(answer.json()["eventId"])
        return True

    def lost(self) -> list[str]:
        """Return what was acknowledged and is not there."""
        found = [f"{self._status(one)} {one}" for one in self.written]
        return [one for one in found if not one.startswith("200 ")]

    def _status(self, event_id: str) -> int:
        """Return an event's status, more slowly where the gateway asks for that."""

        def answer() -> int:
            found = self._outside.get(f"/api/events/{event_id}", headers=self._headers)
            return 0 if found.status_code == httpx.codes.TOO_MANY_REQUESTS else found.status_code

        return int(waited(answer, seconds=30))


@pytest.fixture
def writer(outside: httpx.Client) -> Iterator[Writer]:
    with Writer(outside) as one:
        yield one


def members(etn: Installation) -> list[str]:
    """Return the names of MongoDB's pods."""
    return [one["metadata"]["name"] for one in etn.cluster.pods("mongodb")]


def test_members_come_and_go_and_no_write_is_lost(
    etn: Installation, writer: Writer, bars: Bars
) -> None:
    etn.change(MONGODB, 3)
    bars.hold("from one member to three", etn.holds("Ready", seconds=400), 300)
    assert etn.get()["status"]["summary"]["mongo"] == "3/3"
    assert sorted(members(etn)) == ["mongodb-0", "mongodb-1", "mongodb-2"]
    etn.cluster.kubectl("delete", "pod", "mongodb-0", "--grace-period=0", "--force")
    etn.holds("Ready", seconds=200)
    etn.change(MONGODB, 1)
    bars.hold("from three members to one", etn.holds("Ready", seconds=400), 300)
    assert members(etn) == ["mongodb-0"]
    volumes = {one["metadata"]["name"] for one in etn.cluster.items("persistentvolumeclaims")}
    assert {"data-mongodb-0", "data-mongodb-1", "data-mongodb-2"} <= volumes
    count = len(writer.written)
    waited(lambda: len(writer.written) > count + 5, seconds=30)
    bars.lines += [f"failed meanwhile: {one}" for one in writer.failed[:5]]
    bars.hold(f"longest time without a write, of {count}", max(writer.gaps), 20)
    assert writer.lost() == []


def test_passwords_change_and_no_request_fails(
    etn: Installation, writer: Writer, bars: Bars
) -> None:
    before = etn.cluster.secret("events-mongodb"), etn.cluster.secret("events-rabbitmq")
    pods, repairs = etn.cluster.uids("users", "events", "media"), etn.measure(CORRECTIONS)
    started = time.monotonic()
    code, said = plugin(etn.cluster, "rotate", "all")
    assert code == 0, said
    waited(lambda: not etn.cluster.uids("users", "events", "media") & pods, seconds=180)
    etn.holds("Ready")
    bars.hold("all passwords changed and in force", time.monotonic() - started, 120)
    assert etn.measure(CORRECTIONS) == repairs
    after = etn.cluster.secret("events-mongodb"), etn.cluster.secret("events-rabbitmq")
    assert all(old["password"] != new["password"] for old, new in zip(before, after, strict=True))
    with etn.broker() as broker:
        known = broker.get(f"users/{after[1]['username']}").json()["password_hash"]
    assert password_matches(known, after[1]["password"])
    assert not password_matches(known, before[1]["password"])
    count = len(writer.written)
    waited(lambda: len(writer.written) > count + 5, seconds=30)
    bars.hold(f"failed requests of {count}", len(writer.failed), 0, "requests")
    assert writer.lost() == []
