"""Queries and addresses that want more than to find something."""

import json
import random
import string
import time
from typing import Any
from urllib.parse import quote

import pytest

from client import Client, Person
from hostile.wire import second
from services.events.domain.words import MAX_QUERY_WORDS, folded, wished

pytestmark = pytest.mark.hostile

TEXTS = ("query", "title", "city", "location_name")
PATTERNS = [
    ".*",
    "^",
    "$",
    "(a+)+$",
    "(.*a){20}",
    "[" * 100,
    "(" * 200,
    "\\",
    "\\Q",
    "(?=x)",
    "(?s).{1,32764}",
    "a{1,65535}{1,65535}",
    "|".join("abcdefgh"),
    "*",
    "{'$ne': null}",
    '{"$gt": ""}',
    "$where",
    "'; return true; var x='",
    "%",
    "\ufdfa" * 11,
    "\u0301" * 200,
    "\U0001f469\u200d\U0001f467" * 20,
    "\u202ex",
    "a\u0000b",
    "\n",
]


async def ask(product: Client, service: str, query: str) -> tuple[int, str]:
    """Return status and body of a search that took less than a second and is no failure."""
    started = time.monotonic()
    url = f"{product.servers.url(service)}/search?{query}"
    answer = await product.http.get(url)
    assert time.monotonic() - started < second(), query
    assert answer.status_code in {200, 400, 401, 414}, answer.text
    return answer.status_code, answer.text


@pytest.mark.parametrize("pattern", PATTERNS, ids=range(len(PATTERNS)))
async def test_a_pattern_is_no_beginning_of_a_name(product: Client, pattern: str) -> None:
    status, body = await ask(product, "users", f"prefix={quote(pattern)}")
    assert status == 400 or '"data":[]' in body or not folded(pattern), body


@pytest.mark.parametrize("pattern", PATTERNS, ids=range(len(PATTERNS)))
@pytest.mark.parametrize("name", TEXTS)
async def test_a_pattern_is_searched_for_as_the_words_in_it(
    product: Client, organizer: Person, name: str, pattern: str
) -> None:
    """Beside what it finds, an answer tells when it was given and how else to ask."""
    await product.create_event(organizer)
    words = " ".join(wished(pattern, MAX_QUERY_WORDS))
    found = await ask(product, "events", f"{name}={quote(pattern)}&organizationId={organizer.id}")
    same = await ask(product, "events", f"{name}={quote(words)}&organizationId={organizer.id}")
    assert found[0] == 400 or _items(found) == _items(same)


def _items(answer: tuple[int, str]) -> list[dict[str, Any]]:
    assert answer[0] == 200, answer
    items: list[dict[str, Any]] = json.loads(answer[1])["items"]
    return items


BAD = {
    "users": [
        "limit=%D9%A3",
        "limit=1_0",
        "limit=%2B5",
        "limit=-1",
        "limit=0x10",
        "limit=1e3",
        "limit=" + "9" * 5_000,
        "offset=%C2%B2",
        "offset=-0",
        "offset=9999999999",
        "role=admin",
        "role=%24ne",
        "prefix=%00",
        "prefix=" + "x" * 256,
    ],
    "events": [
        "limit=NaN",
        "limit=0",
        "offset=1.5",
        "near=nan,nan",
        "near=inf,0",
        "near=1,2,3",
        "near=91,0",
        "near=0,181",
        "near=%D9%A3,1",
        "near=1_0,1",
        "near=0x1,1",
        "near=,",
        "price=nan,nan",
        "price=0,nan",
        "price=5,1",
        "price=-1,5",
        "price=Infinity,Infinity",
        "price=inf,inf",
        "price=1",
        "title=" + "x" * 201,
        "query=" + quote("è" * 201),
    ],
}


@pytest.mark.parametrize(
    ("service", "query"), [(service, one) for service, queries in BAD.items() for one in queries]
)
async def test_a_wrong_value_is_named(product: Client, service: str, query: str) -> None:
    status, body = await ask(product, service, query)
    assert status == 400
    assert query.partition("=")[0] in body
    assert len(body) < 500


FINE = {
    "users": [
        "limit=1&limit=2",
        "role[$ne]=x",
        "prefix[$regex]=.*",
        "prefix=%FF",
        "&&&=&",
        "x" * 999,
    ],
    "events": [
        "organizationId=%00",
        "organizationId[$ne]=x",
        "organizationId=" + "x" * 20_000,
        "tags=" + "," * 20_000,
        "tags=" + "Party," * 5_000,
        "status=" + "PUBLISHED," * 5_000,
        "sortBy=__proto__",
        "sortOrder=%24",
        "other=constructor",
        "startDate=0001-01-01T00:00:00",
        "endDate=9999-12-31T23:59:59",
        "startDate=%D9%A1%D9%A1%D9%A1%D9%A1-01-01T00:00:00",
        "offset=1000000",
        "other=popular&offset=1000000",
        "other=feed&tags=Party&offset=1000000",
        "price=0,1e400",
        "price=1e-300,1e300",
        "near=-0.0,0e5",
    ],
}


@pytest.mark.parametrize(
    ("service", "query"), [(service, one) for service, queries in FINE.items() for one in queries]
)
async def test_what_means_nothing_finds_nothing_else(
    product: Client, service: str, query: str
) -> None:
    assert (await ask(product, service, query))[0] == 200


@pytest.mark.parametrize(
    "status", ["DRAFT,PUBLISHED", "draft", " DRAFT ", "PUBLISHED&status=DRAFT"]
)
async def test_no_spelling_of_a_status_shows_drafts(
    product: Client, organizer: Person, status: str
) -> None:
    await product.create_event(organizer, status="DRAFT")
    query = f"organizationId={organizer.id}&status={quote(status, safe='&=,')}"
    assert (await ask(product, "events", query))[0] == 401


@pytest.mark.parametrize("letters", [9, 20, 39])
async def test_the_longest_search_is_answered_in_time(product: Client, letters: int) -> None:
    drawn = random.Random(letters)  # noqa: S311 - reproducible words, no secret
    words = [
        "".join(drawn.choices(string.ascii_lowercase, k=letters))
        for _ in range(200 // (letters + 1))
    ]
    text = quote(" ".join(words))
    query = "&".join(f"{name}={text}" for name in TEXTS)
    assert (await ask(product, "events", query))[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/users/..%2f..%2fevents/x",
        "/users/%2e%2e/x",
        "/users/a%00.jpg",
        "/users/a%0d%0aX-A:b",
        "/users/" + "x" * 5_000,
        "/" + "a/" * 6,
        "/users\\x",
        "/%252e%252e/x",
        "/users/./x",
        "//users//x",
    ],
)
async def test_no_path_leads_out_of_the_pictures(product: Client, path: str) -> None:
    """Whatever is asked for, it is a picture or nothing."""
    answer = await product.http.get(product.servers.url("media") + path)
    assert answer.status_code in {200, 404, 414}
    assert "x-a" not in answer.headers
    if answer.status_code == 200:
        assert answer.headers["content-type"].startswith("image/")
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("service", ["users", "events"])
@pytest.mark.parametrize(
    "wanted", ["%00", "$ne", "%7B%22$ne%22:null%7D", "x" * 5_000, "%2e%2e%2fhealth", "'\"<>"]
)
async def test_no_id_is_an_operator(product: Client, service: str, wanted: str) -> None:
    url = f"{product.servers.url(service)}/{wanted}"
    assert (await product.http.get(url)).status_code == 404
