"""Bodies that no honest client sends: JSON and forms, to every endpoint that takes one."""

import gzip
import json
import time
from typing import Any

import httpx
import pytest

from client import Client, Person, picture
from hostile.wire import second

pytestmark = pytest.mark.hostile

JSON = "application/json"
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a number": b"1e400",
    "a long number": b"9" * 900_000,
    "a deep list": b"[" * 100_000,
    "a deep object": b'{"a":' * 100_000,
    "a deep unknown field": b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "a long key": b'{"' + b"k" * 900_000 + b'": 1}',
    "many keys": b"{" + b",".join(b'"k%d":1' % n for n in range(60_000)) + b"}",
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "a surrogate in bytes": b'{"username": "\xed\xa0\x80"}',
    "a lone surrogate": b'{"username": "\\ud800"}',
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "compressed": gzip.compress(b"[" * 10_000_000),
    "a comment": b'{"a": 1} // x',
    "NaN": b'{"username": NaN}',
    "a form": b"username=x&password=y",
    "XML": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    "a pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00",
}
TAKES_JSON = {
    "POST /login": "users",
    "POST /register": "users",
    "POST /refresh": "users",
    "POST /logout": "users",
    "POST /password/forgotten": "users",
    "PUT /{id}": "users",
    "PUT /{id}/password": "users",
    "PUT /{event}": "events",
}


async def timed(
    product: Client, service: str, method: str, path: str, **options: Any
) -> httpx.Response:
    """Return an answer that came within a second, with a status that its document knows."""
    url = product.servers.url(service) + path
    started = time.monotonic()
    answer = await product.http.request(method, url, **options)
    assert time.monotonic() - started < second(), path
    assert answer.status_code < 500, answer.text
    return answer


@pytest.mark.parametrize("call", TAKES_JSON)
@pytest.mark.parametrize("kind", BODIES)
async def test_strange_json_is_a_bad_request(
    product: Client, member: Person, kind: str, call: str
) -> None:
    method, _, path = call.partition(" ")
    path = path.format(id=member.id, event="no-such-event")
    headers = {"Content-Type": JSON, **member.auth}
    answer = await timed(
        product, TAKES_JSON[call], method, path, content=BODIES[kind], headers=headers
    )
    assert answer.status_code == 400
    assert 0 < len(answer.text) < 1_000


LOGIN: dict[str, Any] = {"username": "x", "password": "y"}


@pytest.mark.parametrize("value", [None, 1, True, [], {}, {"$ne": None}, {"$gt": ""}, ["a"]])
@pytest.mark.parametrize("field", LOGIN)
async def test_an_operator_is_no_name_and_no_password(
    product: Client, field: str, value: Any
) -> None:
    answer = await timed(product, "users", "POST", "/login", json={**LOGIN, field: value})
    assert (answer.status_code, field in answer.text) == (400, True)


@pytest.mark.parametrize("size", [300, 900_000])
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/login", "username"),
        ("/login", "password"),
        ("/register", "password"),
        ("/register", "username"),
        ("/register", "email"),
        ("/password/forgotten", "email"),
    ],
)
async def test_a_long_text_does_not_reach_keycloak(
    product: Client, path: str, field: str, size: int
) -> None:
    body = {"username": "x", "password": "y", "email": "a@b.it", "role": "member"}
    answer = await timed(product, "users", "POST", path, json={**body, field: "x" * size})
    assert answer.status_code == 400
    assert f"{field}: at most 255" in answer.text


@pytest.mark.parametrize("path", ["/refresh", "/logout"])
async def test_a_long_refresh_token_does_not_reach_keycloak(product: Client, path: str) -> None:
    answer = await timed(product, "users", "POST", path, json={"refreshToken": "x" * 900_000})
    assert (answer.status_code, "refreshToken" in answer.text) == (400, True)


async def test_of_a_key_given_twice_the_last_counts(product: Client, organizer: Person) -> None:
    event = f'{{"status": "DRAFT", "creatorId": "x", "creatorId": "{organizer.id}"}}'
    files = {"event": (None, event)}
    answer = await timed(product, "events", "POST", "/", files=files, headers=organizer.auth)
    assert answer.status_code == 201


def part(name: str, value: bytes, *headers: str, file: str | None = None) -> bytes:
    lines = [f'--B\r\nContent-Disposition: form-data; name="{name}"']
    lines[0] += "" if file is None else f'; filename="{file}"'
    return "\r\n".join([*lines, *headers, "", ""]).encode() + value + b"\r\n"


END = b"--B--\r\n"
PLAIN = "Content-Type: text/plain; charset="
TEXT = b"abc-" + b"bcdfgh9" * 130_000
FORMS: dict[str, bytes] = {
    "nothing": b"x",
    "no end": part("event", b"{}"),
    "another boundary": part("event", b"{}").replace(b"--B", b"--C"),
    "only preamble": b"x" * 4_000_000,
    "five thousand parts": b"".join(part(f"p{n}", b"x") for n in range(5_000)) + END,
    "nine hundred files": b"".join(part(f"f{n}", b"x", file="a") for n in range(900)) + END,
    "a part twice": part("event", b"{}") * 2 + END,
    "a long header": part("event", b"{}", "X-A: " + "y" * 100_000) + END,
    "many headers": part("event", b"{}", *[f"X-{n}: y" for n in range(500)]) + END,
    "a form in a form": part("event", part("x", b"y"), "Content-Type: multipart/mixed") + END,
    "punycode": part("event", TEXT, PLAIN + "punycode") + END,
    "IDNA": part("event", TEXT, PLAIN + "idna") + END,
    "UTF-7": part("event", TEXT, PLAIN + "utf-7") + END,
    "an undefined charset": part("event", b"{}", PLAIN + "undefined") + END,
    "a codec that is none of text": part("event", b"{}", PLAIN + "zlib") + END,
    "a deep event": part("event", b'{"x":' * 150_000) + END,
    "an event that is a file": part("event", b"{}", file="event.json") + END,
    "a file where none belongs": part("status", b"x", file="a.jpg") + END,
    "NUL": part("event\x00", b"{}") + END,
}
TAKES_FORMS = {"events": "/", "users": "/{id}/avatar", "media": "/users/{id}"}
NAMES = {"events": b"event", "users": b"avatar", "media": b"file"}


@pytest.mark.parametrize("service", TAKES_FORMS)
@pytest.mark.parametrize("kind", FORMS)
async def test_a_strange_form_is_a_bad_request(
    product: Client, organizer: Person, kind: str, service: str
) -> None:
    body = FORMS[kind].replace(b"event", NAMES[service], 1)
    headers = {"Content-Type": "multipart/form-data; boundary=B", **organizer.auth}
    path = TAKES_FORMS[service].format(id=organizer.id)
    answer = await timed(product, service, "POST", path, content=body, headers=headers)
    fine_without_picture = service == "users" and kind in {"NUL", "a file where none belongs"}
    assert answer.status_code == (200 if fine_without_picture else 400), answer.text
    assert len(answer.text) < 1_000


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "x" * 20_000,
        "multipart/form-data; boundary=\x7f",
        "multipart/form-data; boundary=C",
        "application/json",
        "application/x-www-form-urlencoded",
        ";;;=,",
    ],
)
@pytest.mark.parametrize("service", TAKES_FORMS)
async def test_a_form_of_another_kind_is_a_bad_request(
    product: Client, organizer: Person, service: str, content_type: str
) -> None:
    headers = {"Content-Type": content_type, **organizer.auth}
    path = TAKES_FORMS[service].format(id=organizer.id)
    body = part("event", b"{}") + END
    answer = await timed(product, service, "POST", path, content=body, headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize("service", TAKES_FORMS)
async def test_a_strangers_form_is_not_read(product: Client, service: str) -> None:
    """A guest is refused as such, whatever is wrong with what they send."""
    for body in (FORMS["punycode"], b"x" * 9_000_000, b""):
        headers = {"Content-Type": "multipart/form-data; boundary=B"}
        path = TAKES_FORMS[service].format(id="somebody")
        answer = await timed(product, service, "POST", path, content=body, headers=headers)
        assert answer.status_code == 401


FILE_NAMES = {
    "../../../etc/passwd": "passwd",
    "..\\..\\boot.ini": "boot.ini",
    "..%2f..%2fx.jpg": "_2f.._2fx.jpg",
    "a%00.jpg": "a_00.jpg",
    "\u202egpj.exe": "_gpj.exe",
    ".htaccess": "htaccess",
    "a/b/c.svg": "c.svg",
    "x" * 200 + ".jpg": "x" * 96 + ".jpg",
    "\U0001f389.jpg": "_.jpg",
    "con.jpg": "con.jpg",
    "<script>.jpg": "_script_.jpg",
    "a;b\\'c.jpg": "_c.jpg",
}


@pytest.mark.parametrize("name", FILE_NAMES)
async def test_a_file_name_stays_in_its_folder(product: Client, member: Person, name: str) -> None:
    body = part("file", picture(), file=name) + END
    headers = {"Content-Type": "multipart/form-data; boundary=B", **member.auth}
    path = f"/users/{member.id}"
    answer = await timed(product, "media", "POST", path, content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    prefix, _, stored = answer.json()["url"].rpartition("/")
    assert prefix == f"users/{member.id}"
    assert stored == FILE_NAMES[name]


@pytest.mark.parametrize("name", ["x" * 4_096, "...", "/"])
async def test_a_file_name_that_is_none_is_refused(
    product: Client, member: Person, name: str
) -> None:
    body = part("file", picture(), file=name) + END
    headers = {"Content-Type": "multipart/form-data; boundary=B", **member.auth}
    answer = await timed(
        product, "media", "POST", f"/users/{member.id}", content=body, headers=headers
    )
    assert answer.status_code == 400


DRAFT: dict[str, Any] = {"status": "DRAFT", "title": "Notte"}
EVENTS: dict[str, dict[str, Any]] = {
    "title": {"title": "a\x00b"},
    "description": {"description": "a\x1bb"},
    "date": {"date": "2030-02-30T20:00:00"},
    "location.link": {"location": {"city": "x", "link": "java\tscript:alert(1)"}},
    "location.name": {"location": {"name": "x\x07"}},
    "collaboratorIds": {"collaboratorIds": ["x" * 200_000]},
    "$.location.lat": {"location": {"city": "x", "lat": "44"}},
    "$.tags": {"tags": {"$in": []}},
    "$.title": {"title": {"$set": "x"}},
}


@pytest.mark.parametrize("field", EVENTS)
async def test_a_wrong_value_is_named(product: Client, organizer: Person, field: str) -> None:
    event = {"creatorId": organizer.id, **DRAFT, **EVENTS[field]}
    files = {"event": (None, json.dumps(event))}
    answer = await timed(product, "events", "POST", "/", files=files, headers=organizer.auth)
    assert answer.status_code == 400
    assert field in answer.json()["error"]
    assert len(answer.text) < 1_000
