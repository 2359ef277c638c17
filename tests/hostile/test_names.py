"""People who want to be taken for others, and addresses that want more than mail."""

import uuid
from typing import Any

import httpx
import pytest

from client import PASSWORD, Client, Person, eventually

pytestmark = pytest.mark.hostile


def unique(text: str = "u") -> str:
    return f"{text}{uuid.uuid4().hex[:10]}"


async def register(product: Client, **fields: Any) -> httpx.Response:
    body = {
        "username": unique(),
        "email": f"{unique()}@example.com",
        "password": PASSWORD,
        "role": "member",
    }
    return await product.users("POST", "/register", json={**body, **fields})


@pytest.mark.parametrize(
    "strange",
    [
        "ad\u200bmin",
        "ad\u200dmin",
        "\ufeffadmin",
        "admin\u202e",
        "ad\u2066min",
        "ad\u00admin",
        "ad\x00min",
        "ad\nmin",
        "ad\tmin",
        "ad\u2028min",
        "ad\x1bmin",
        "ad\ue000min",
        "\u0430dmin",
        "adm\u0456n",
        "p\u0430ypal \u0441lub",
        "\u0391dmin",
        "x" * 256,
        " ",
        "",
    ],
)
async def test_a_username_that_is_not_what_it_seems_is_refused(
    product: Client, strange: str
) -> None:
    answer = await register(product, username=strange and strange + unique(" "))
    if not strange.strip():
        answer = await register(product, username=strange)
    assert answer.status_code == 400
    assert answer.text.startswith("username: ")


@pytest.mark.parametrize(
    "honest",
    [
        "Cocoric\u00f2 & Co",
        "\u041a\u043b\u0443\u0431 \u041d\u043e\u0447\u044c",
        "\u03a9\u03bc\u03ad\u03b3\u03b1 Bar",
        "\u591c\u5e97",
        "\u0646\u0627\u062f\u064a",
        "Z\u00fcrich 2000 \U0001f389",
        "O'Neil-Stra\u00dfe",
    ],
)
async def test_names_of_all_languages_are_fine(product: Client, honest: str) -> None:
    name = f"{honest} {unique()}"
    answer = await register(product, username=name)
    assert answer.status_code == 201, answer.text
    assert answer.json()["account"]["username"] == name
    signed_in = await product.users("POST", "/login", json={"username": name, "password": PASSWORD})
    assert signed_in.status_code == 200


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Caf\u00e9", "Cafe\u0301"),
        ("admin", "\uff41\uff44\uff4d\uff49\uff4e"),
        ("Club fi", "Club \ufb01"),
        ("Club x", "CLUB  X"),
        ("Club y", "Club\u00a0y"),
        ("\u212bngstrom", "\u00e5ngstr\u006fm"),
    ],
)
async def test_two_names_that_look_the_same_are_one(
    product: Client, first: str, second: str
) -> None:
    tail = unique()
    made = await register(product, username=f"{first}{tail}")
    assert made.status_code == 201, made.text
    taken = await register(product, username=f"{second}{tail}", password=f"other-{PASSWORD}")
    assert taken.status_code == 400, taken.text
    login = {"username": f"{second}{tail}", "password": PASSWORD}
    found = await product.users("POST", "/login", json=login)
    assert found.json()["id"] == made.json()["id"]


@pytest.mark.parametrize("end", ["-two", ""])
async def test_every_character_of_a_password_counts(product: Client, end: str) -> None:
    """Some hashes look at the first 72 bytes only."""
    name, start = unique(), "Aa1!" + "\u00e8" * 60
    assert (await register(product, username=name, password=f"{start}-one")).status_code == 201
    login = {"username": name, "password": start + end}
    assert (await product.users("POST", "/login", json=login)).status_code == 401
    login["password"] = f"{start}-one"
    assert (await product.users("POST", "/login", json=login)).status_code == 200


@pytest.mark.parametrize("password", ["x" * 256, "a\x00b1!cdefgh", " ", "\n" * 20])
async def test_a_password_that_is_none_is_refused(product: Client, password: str) -> None:
    answer = await register(product, password=password)
    assert (answer.status_code, "assword" in answer.text) == (400, True)


async def test_a_new_password_obeys_the_same_rules(product: Client, member: Person) -> None:
    for new in ("x" * 300, "a\x00b1!cdefgh", "  "):
        body = {"currentPassword": PASSWORD, "newPassword": new, "confirmPassword": new}
        path = f"/{member.id}/password"
        answer = await product.users("PUT", path, json=body, headers=member.auth)
        assert (answer.status_code, "newPassword" in answer.text) == (400, True)


ADDRESSES = [
    "a@b.c\r\nBcc: x@example.com",
    "a@b.c%0d%0aBcc: x@example.com",
    "a@b.c,x@example.com",
    "a@b.c;x@example.com",
    '"a"@b.c',
    "<a@b.c>",
    "Name <a@b.c>",
    "a@[127.0.0.1]",
    "a@localhost",
    "a@b..c",
    "a@.b.c",
    "a@-b.c",
    "@b.c",
    "a@b@c.d",
    "a b@c.d",
    "a\u200b@b.c",
    "a" * 65 + "@b.c",
    "a@" + "b" * 250 + ".c",
]


@pytest.mark.parametrize("address", ADDRESSES)
async def test_an_address_that_is_more_than_one_is_refused(product: Client, address: str) -> None:
    answer = await register(product, email=address)
    assert answer.status_code == 400
    assert answer.text.startswith("email: ")


@pytest.mark.parametrize("address", [*ADDRESSES, "*", "%", "a@b.c&exact=false", "../x"])
async def test_a_forgotten_password_is_mailed_to_nobody_else(product: Client, address: str) -> None:
    before = await _resets(product)
    answer = await product.users("POST", "/password/forgotten", json={"email": address})
    assert answer.status_code in {202, 400}
    assert await _resets(product) == before


async def test_a_mailed_link_leads_to_us_whatever_the_request_says(product: Client) -> None:
    person = await product.register()
    evil = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "Forwarded": "host=evil.example",
        "Origin": "http://evil.example",
        "Referer": "http://evil.example",
    }
    body = {"email": person.email}
    answer = await product.gateway(
        "POST", "/password/forgotten", host="users", json=body, headers=evil
    )
    assert answer.status_code == 202

    async def second() -> list[dict[str, str]] | None:
        mails = await _mails(product, person.email)
        return mails if len(mails) >= 2 else None

    host = product.servers.setup.site.host
    for mail in await eventually(second):
        assert f"http://auth.{host}/" in mail["text"]
        assert "evil" not in mail["text"]


async def _resets(product: Client) -> list[dict[str, str]]:
    return [mail for mail in await _mails(product) if "Update Password" in mail["text"]]


async def _mails(product: Client, to: str = "") -> list[dict[str, str]]:
    port = product.servers.setup.site.ports["portal"]
    url = f"http://127.0.0.1:{port}/mail/api"
    found = await product.http.get(url, params={"to": to} if to else {})
    mails: list[dict[str, str]] = found.json()
    return mails


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//x",
        "http://",
        "http:///x",
        "http://a\nb",
        "ftp://a",
    ],
)
async def test_a_contact_is_a_web_address(product: Client, organizer: Person, link: str) -> None:
    body = {
        "accountDTO": {"darkMode": True, "language": "it"},
        "profileDTO": {"name": "x", "contacts": [link]},
    }
    answer = await product.users("PUT", f"/{organizer.id}", json=body, headers=organizer.auth)
    assert (answer.status_code, "contacts" in answer.text) == (400, True)


async def test_what_people_write_is_shown_as_they_wrote_it(product: Client) -> None:
    """Markup is text here; the docs page and the answers never render it."""
    person = await product.register("organization")
    text = "<script>alert(1)</script>\n{{7*7}} ${7*7} \U0001f389 \u202btext"
    body = {
        "accountDTO": {"darkMode": True, "language": "it"},
        "profileDTO": {"name": "<b>x</b>", "bio": text},
    }
    done = await product.users("PUT", f"/{person.id}", json=body, headers=person.auth)
    assert done.status_code == 204
    shown = await product.users("GET", f"/{person.id}")
    assert shown.headers["content-type"] == "application/json"
    assert shown.json()["profile"]["bio"] == text
