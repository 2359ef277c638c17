"""The bytes of every event, kept as golden files: a changed one breaks who reads it today."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import catalogue
from services.contracts import events
from services.contracts.events import EVENTS, Event

GOLDEN = Path(__file__).parent / "golden"


def example(kind: type[Event]) -> Event:
    """Return an event whose every field is filled, by type alone."""
    fields = {
        one.encode_name: _value(one.encode_name, one.type) for one in msgspec.structs.fields(kind)
    }
    return msgspec.convert(fields, kind)


def _value(name: str, kind: Any) -> Any:
    text = str(kind)
    if name == "status":
        return "PUBLISHED"
    if "Kept" in text:
        return [{"kind": f"{name}-kind", "count": 2, "reason": f"{name} à&"}]
    if "dict" in text or "list" in text:
        return {f"{name}-kind": 3} if "dict" in text else [f"{name}-1", f"{name}-2"]
    if "float" in text:
        return 12.5
    if "int" in text:
        return 1_790_000_000_123
    return f"{name} à&"


def encoded(kind: type[Event]) -> dict[str, Any]:
    body = events.encode(
        example(kind), occurred_at="2026-05-01T20:00:00.000Z", id="m-1", key="k-1", version=3
    )
    found: dict[str, Any] = json.loads(body)
    return found


def test_there_are_nineteen_and_one_of_our_own() -> None:
    assert len(EVENTS) == 20
    assert len({kind.routing_key for kind in EVENTS}) == 20
    assert {path.stem for path in GOLDEN.glob("*.json")} == {kind.routing_key for kind in EVENTS}


@pytest.mark.parametrize("kind", EVENTS, ids=[kind.routing_key for kind in EVENTS])
def test_an_event_is_written_and_read_as_its_golden_file(kind: type[Event]) -> None:
    golden = json.loads((GOLDEN / f"{kind.routing_key}.json").read_text())
    assert encoded(kind) == golden
    read = events.decode(json.dumps(golden).encode())
    assert read.payload == example(kind)
    assert (read.routing_key, read.id, read.key, read.version) == (
        kind.routing_key,
        "m-1",
        "k-1",
        3,
    )


@pytest.mark.parametrize("kind", EVENTS, ids=[kind.routing_key for kind in EVENTS])
def test_an_older_publishers_message_is_read_and_more_fields_do_no_harm(kind: type[Event]) -> None:
    golden = json.loads((GOLDEN / f"{kind.routing_key}.json").read_text())
    for later in ("id", "key", "version"):
        golden.pop(later)
    golden["payload"]["added"] = {"later": True}
    assert events.decode(json.dumps(golden).encode()).payload == example(kind)


@pytest.mark.parametrize("kind", EVENTS, ids=[kind.routing_key for kind in EVENTS])
def test_a_missing_field_is_named(kind: type[Event]) -> None:
    golden = json.loads((GOLDEN / f"{kind.routing_key}.json").read_text())
    wanted = next(one.encode_name for one in msgspec.structs.fields(kind) if one.required)
    del golden["payload"][wanted]
    with pytest.raises(msgspec.ValidationError, match=wanted):
        events.decode(json.dumps(golden).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_as_a_decode_error(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        events.decode(body)


def test_the_broker_document_names_every_event() -> None:
    document = json.loads(catalogue.asyncapi_document())
    assert set(document["channels"]) == {kind.routing_key for kind in EVENTS}
