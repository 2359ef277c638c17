"""Schemathesis at length, calls that follow from one another among them, and an event's life."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from client import Client, Person, local_date, picture
from fuzzing import fuzz
from services import catalogue

pytestmark = pytest.mark.hostile

SHORT = bool(os.environ.get("SHORT"))
EXAMPLES = 30
LIVES = 8 if SHORT else 40
PHASES = "examples,coverage,fuzzing,stateful"


@pytest.mark.long  # a short one is part of the default run
@pytest.mark.parametrize("service", catalogue.CONTEXTS)
async def test_a_service_keeps_to_its_document_call_after_call(
    product: Client, tmp_path: Path, service: str
) -> None:
    person = await product.register("organization")
    url = product.servers.url(service)
    await fuzz(url, person.access, tmp_path, phases=PHASES, examples=EXAMPLES, seconds=420)


texts = st.text(max_size=220) | st.sampled_from(
    ["\U0001f389" * 50, "\u202e\u0628", "a\x00b", "\ufdfa" * 100, "' or 1=1 --", "<b>", "{{7*7}}"]
)
drafts = st.fixed_dictionaries(
    {"status": st.sampled_from(["DRAFT", "PUBLISHED", "CANCELLED", "COMPLETED", "x"])},
    optional={
        "title": texts,
        "description": texts,
        "tags": st.lists(st.sampled_from(["Party", "Rock"]) | texts, max_size=5),
        "date": st.sampled_from([local_date(days=9), "2020-01-01T00:00:00", "x", ""]),
        "location": st.fixed_dictionaries(
            {"city": texts},
            optional={
                "lat": st.floats(allow_nan=False, allow_infinity=False),
                "lon": st.floats(-999, 999),
            },
        ),
        "collaboratorIds": st.lists(texts, max_size=3),
    },
)


class Life(RuleBasedStateMachine):
    """What may happen to the events of one organization, in any order."""

    events = Bundle("events")
    url: str
    organizer: Person

    def __init__(self) -> None:
        super().__init__()
        self.client = httpx.Client(base_url=self.url, headers=self.organizer.auth, timeout=20)
        self.statuses: dict[str, str] = {}

    @initialize(target=events)
    def first(self) -> str:
        return self._created({"status": "DRAFT", "title": "Notte"}, picture()) or ""

    @rule(target=events, event=drafts, poster=st.sampled_from([picture(), b"", b"<svg/>"]))
    def create(self, event: dict[str, Any], poster: bytes) -> str:
        return self._created(event, poster) or ""

    def _created(self, event: dict[str, Any], poster: bytes) -> str | None:
        files: dict[str, Any] = {
            "event": (None, json.dumps({**event, "creatorId": self.organizer.id})),
            "poster": ("p.jpg", poster),
        }
        answer = self.client.post("/", files=files)
        assert answer.status_code in {201, 400}, answer.text
        if answer.status_code == 400:
            return None
        made = str(answer.json()["eventId"])
        self.statuses[made] = self._read(made)["status"]
        assert self.statuses[made] in {"DRAFT", "PUBLISHED"}
        return made

    @rule(event=events, change=drafts)
    def update(self, event: str, change: dict[str, Any]) -> None:
        if event in self.statuses:
            answer = self.client.put(f"/{event}", json=change)
            assert answer.status_code in {200, 400}, answer.text
            found = self._read(event)["status"]
            if answer.status_code == 400:
                assert found == self.statuses[event]
            assert (self.statuses[event], found) not in {
                ("PUBLISHED", "DRAFT"),
                ("CANCELLED", "PUBLISHED"),
                ("CANCELLED", "DRAFT"),
            }
            self.statuses[event] = found

    @rule(event=events, content=st.sampled_from([picture(), picture("PNG"), b"x"]))
    def poster(self, event: str, content: bytes) -> None:
        if event in self.statuses:
            answer = self.client.post(f"/{event}/poster", files={"poster": ("p", content)})
            assert answer.status_code == (400 if content == b"x" else 200), answer.text

    @rule(event=consumes(events))
    def remove(self, event: str) -> None:
        if event in self.statuses:
            answer = self.client.delete(f"/{event}")
            assert answer.status_code == 200, answer.text
            kept = self.client.get(f"/{event}").status_code
            assert kept == (200 if self.statuses.pop(event) == "PUBLISHED" else 404)

    @rule(text=texts)
    def search(self, text: str) -> None:
        answer = self.client.get("/search", params={"query": text})
        assert answer.status_code in {200, 400}, answer.text

    @invariant()
    def everything_is_there(self) -> None:
        for event, status in self.statuses.items():
            assert self._read(event)["status"] == status

    def _read(self, event: str) -> dict[str, Any]:
        answer = self.client.get(f"/{event}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def teardown(self) -> None:
        self.client.close()


async def test_an_events_life_in_any_order(product: Client, organizer: Person) -> None:
    Life.url, Life.organizer = product.servers.url("events"), organizer
    await asyncio.to_thread(
        run_state_machine_as_test,
        Life,
        settings=settings(
            max_examples=LIVES,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
