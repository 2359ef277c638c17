import asyncio
import json
import uuid
from typing import Any

import pytest

from client import Client, Person, eventually, local_date, picture


@pytest.fixture(scope="module")
async def organizer(product: Client) -> Person:
    return await product.register("organization")


async def read(product: Client, event_id: str, person: Person | None = None) -> Any:
    headers = person.auth if person else {}
    answer = await product.events("GET", f"/{event_id}", headers=headers)
    return answer.json() if answer.status_code == 200 else answer.status_code


async def test_an_event_is_published_with_its_poster(product: Client, organizer: Person) -> None:
    event_id = await product.create_event(organizer, title="  Gran Notte  ")
    found = await read(product, event_id)
    assert found["status"] == "PUBLISHED"
    assert found["title"] == "Gran Notte"
    assert found["isFree"] is True
    assert found["collaboratorIds"] == []
    assert found["tags"] == ["Party", "Club"]
    assert found["location"] == {
        "name": "Teatro Verdi",
        "city": "Cesena",
        "lat": 44.14,
        "lon": 12.24,
    }
    assert found["poster"].endswith(f"/events/{event_id}/poster.jpg")
    assert len(found["instant"]) in {20, 24}
    assert (await product.media("GET", f"/events/{event_id}/poster.jpg")).content == picture()


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"title": "ab"}, "title"),
        ({"title": None}, "title"),
        ({"date": None}, "date"),
        ({"date": "2020-01-01T20:00:00"}, "date"),
        ({"date": "2030-01-01T20:00:00Z"}, "date"),
        ({"location": None}, "location"),
        ({"location": {"road": "x"}}, "location"),
        ({"status": "CANCELLED"}, "status"),
        ({"collaboratorIds": ["nobody"]}, "collaboratorIds"),
        ({"description": "x" * 5001}, "description"),
        ({"tags": "Party"}, "tags"),
    ],
)
async def test_a_wrong_event_names_the_field(
    product: Client, organizer: Person, fields: dict[str, Any], word: str
) -> None:
    poster = picture()
    answer = await product.post_event(organizer, poster=poster, **fields)
    assert answer.status_code == 400, answer.text
    assert word in answer.json()["error"]


async def test_who_may_create(product: Client, organizer: Person) -> None:
    member = await product.register()
    refused = await product.post_event(member)
    assert refused.status_code == 400
    assert "organizations" in refused.json()["error"]
    foreign = await product.post_event(organizer, creatorId=member.id)
    assert (foreign.status_code, foreign.json()["error"]) == (403, "Forbidden")
    nobody = await product.events("POST", "/", files={"event": (None, "{}")})
    assert (nobody.status_code, nobody.json()["error"]) == (401, "Unauthorized")


@pytest.mark.parametrize("text", ["{", "[]", '{"status":1}', "\x00", "[" * 5000])
async def test_a_bad_form_is_400(product: Client, organizer: Person, text: str) -> None:
    files = {"event": (None, text), "poster": ("p.jpg", picture())}
    answer = await product.events("POST", "/", files=files, headers=organizer.auth)
    assert answer.status_code == 400
    assert (await product.events("POST", "/", json={}, headers=organizer.auth)).status_code == 400


async def test_what_is_no_picture_creates_nothing(product: Client, organizer: Person) -> None:
    title = uuid.uuid4().hex
    answer = await product.post_event(organizer, poster=b"<script>", title=title)
    assert answer.status_code == 400
    expected = "poster: expected an AVIF, GIF, JPEG, PNG or WEBP picture"
    assert answer.json()["error"] == expected
    query = {"organizationId": organizer.id, "title": title}
    found = await product.events("GET", "/search", params=query, headers=organizer.auth)
    assert found.json()["items"] == []


async def test_a_draft_is_private_on_every_route(product: Client, organizer: Person) -> None:
    event_id = await product.create_event(
        organizer, status="DRAFT", title=None, date=None, location=None
    )
    stranger = await product.register("organization")
    assert (await read(product, event_id, organizer))["status"] == "DRAFT"
    assert await read(product, event_id) == 404
    assert await read(product, event_id, stranger) == 404
    for status in ("DRAFT", "PUBLISHED,draft", "draft,PUBLISHED"):
        query = {"status": status, "organizationId": organizer.id}
        assert (await product.events("GET", "/search", params=query)).status_code == 401
        as_stranger = await product.events("GET", "/search", params=query, headers=stranger.auth)
        assert as_stranger.status_code == 403
        own = await product.events("GET", "/search", params=query, headers=organizer.auth)
        assert event_id in {one["eventId"] for one in own.json()["items"]}
    assert (
        await product.events("GET", "/search", params={"status": "DRAFT"}, headers=organizer.auth)
    ).status_code == 403
    for query in ({"organizationId": organizer.id}, {"other": "recently_added", "limit": "20"}):
        seen = (await product.events("GET", "/search", params=query)).json()["items"]
        assert event_id not in {one["eventId"] for one in seen}


async def test_a_collaborator_edits_and_only_the_creator_deletes(
    product: Client, organizer: Person
) -> None:
    friend = await product.register("organization")
    title = "Insieme"

    async def created() -> Any:
        answer = await product.post_event(organizer, collaboratorIds=[friend.id], title=title)
        return answer.json().get("eventId") if answer.status_code == 201 else None

    event_id = await eventually(created)
    body = {"status": "PUBLISHED", "title": "Nuovo titolo", "date": local_date(days=3)}
    done = await product.events("PUT", f"/{event_id}", json=body, headers=friend.auth)
    assert done.status_code == 200, done.text
    assert "message" in done.json()
    assert (await read(product, event_id))["title"] == "Nuovo titolo"
    gone = await product.events("DELETE", f"/{event_id}", headers=friend.auth)
    assert gone.status_code == 403
    stranger = await product.register("organization")
    refused = await product.events("PUT", f"/{event_id}", json=body, headers=stranger.auth)
    assert refused.status_code == 403
    assert (
        await product.events("PUT", "/nothing", json=body, headers=friend.auth)
    ).status_code == 403


async def test_deleting_cancels_first_and_removes_then(product: Client, organizer: Person) -> None:
    event_id = await product.create_event(organizer)
    path = f"/{event_id}"
    assert (await product.events("DELETE", path, headers=organizer.auth)).status_code == 200
    assert (await read(product, event_id))["status"] == "CANCELLED"
    assert (await product.events("DELETE", path, headers=organizer.auth)).status_code == 200
    assert await read(product, event_id) == 404
    assert (await product.events("DELETE", path, headers=organizer.auth)).status_code == 403

    async def poster_gone() -> bool:
        found = await product.media("GET", f"/events/{event_id}/poster.jpg")
        return found.content != picture()

    await eventually(poster_gone)


async def test_posters_change_and_go(product: Client, organizer: Person) -> None:
    event_id = await product.create_event(organizer)
    path, new = f"/{event_id}/poster", picture("PNG", (30, 40))
    done = await product.events(
        "POST", path, files={"poster": ("p.jpg", new)}, headers=organizer.auth
    )
    assert done.status_code == 200
    seen = await product.media("GET", f"/events/{event_id}/poster.jpg")
    assert (seen.content, seen.headers["content-type"]) == (new, "image/png")
    assert (
        await product.events("POST", path, files={"x": ("p", b"1")}, headers=organizer.auth)
    ).status_code == 400
    assert (await product.events("DELETE", path, headers=organizer.auth)).status_code == 200
    assert (await read(product, event_id))["poster"].endswith("/events/default.jpg")
    stranger = await product.register("organization")
    assert (await product.events("DELETE", path, headers=stranger.auth)).status_code == 403
    assert (
        await product.events(
            "POST", "/none/poster", files={"poster": ("p", new)}, headers=organizer.auth
        )
    ).status_code == 404
    assert (await product.events("DELETE", path)).status_code == 401


async def test_a_past_event_is_completed_once_and_stays_so(
    product: Client, organizer: Person
) -> None:
    event_id = await product.create_event(organizer, date=local_date(seconds=3))

    async def completed() -> bool:
        return bool((await read(product, event_id))["status"] == "COMPLETED")

    await eventually(completed)
    body = {"status": "COMPLETED", "title": "Altro titolo", "date": local_date(days=3)}
    refused = await product.events("PUT", f"/{event_id}", json=body, headers=organizer.auth)
    assert refused.status_code == 400
    query = {"organizationId": organizer.id, "limit": "20"}
    published = await product.events("GET", "/search", params={**query, "status": "PUBLISHED"})
    assert event_id not in {one["eventId"] for one in published.json()["items"]}
    past = await product.events("GET", "/search", params={**query, "status": "COMPLETED"})
    assert event_id in {one["eventId"] for one in past.json()["items"]}


async def test_editing_at_once_loses_nothing(product: Client, organizer: Person) -> None:
    event_id = await product.create_event(organizer)
    bodies = [
        {"status": "PUBLISHED", "title": f"Titolo {n}", "date": local_date(days=3)}
        for n in range(8)
    ]
    answers = await asyncio.gather(
        *(
            product.events("PUT", f"/{event_id}", json=body, headers=organizer.auth)
            for body in bodies
        )
    )
    assert {one.status_code for one in answers} == {200}


async def test_large_and_slow_things_are_refused(product: Client, organizer: Person) -> None:
    files = {
        "event": (None, json.dumps({"status": "DRAFT", "creatorId": organizer.id})),
        "poster": ("p.jpg", b"x" * 7_000_000),
    }
    answer = await product.events("POST", "/", files=files, headers=organizer.auth)
    assert answer.status_code == 413
