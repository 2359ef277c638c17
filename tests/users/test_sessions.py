import uuid

import httpx
import pytest

from client import PASSWORD, Client, eventually


async def test_registering_signs_in_with_the_whole_account(product: Client) -> None:
    name = f"Cocoricò & Co {uuid.uuid4().hex[:6]}"
    body = {"username": name, "email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
    answer = await product.users("POST", "/register/", json={**body, "role": "organization"})
    assert answer.status_code == 201
    found = answer.json()
    assert found["role"] == "organization"
    assert found["account"] == {
        "username": name,
        "email": body["email"],
        "darkMode": False,
        "language": "en",
    }
    assert found["profile"]["name"] == name
    assert found["profile"]["avatar"].endswith("/users/default.png")
    assert found["expiresIn"] > 600
    assert found["refreshExpiresIn"] > 300


@pytest.mark.parametrize("missing", ["username", "email", "password", "role"])
async def test_a_missing_field_is_400_in_plain_text(product: Client, missing: str) -> None:
    body = {"username": "x", "email": "x@example.com", "password": PASSWORD, "role": "member"}
    del body[missing]
    answer = await product.users("POST", "/register", json=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert missing in answer.text


async def test_the_password_policy_is_told_in_words(product: Client) -> None:
    body = {"username": uuid.uuid4().hex, "email": f"{uuid.uuid4().hex}@example.com"}
    answer = await product.users(
        "POST", "/register", json={**body, "password": "short", "role": "member"}
    )
    assert answer.status_code == 400
    assert "password" in answer.text.lower()


async def test_a_name_is_taken_once_whatever_its_case(product: Client) -> None:
    person = await product.register()
    for change in (
        {"username": person.username.upper(), "email": f"{uuid.uuid4().hex}@example.com"},
        {"username": uuid.uuid4().hex, "email": person.email},
    ):
        body = {"password": "another-Pass-9!", "role": "member", **change}
        answer = await product.users("POST", "/register", json=body)
        assert answer.status_code == 400, answer.text


async def test_sign_in_by_username_and_by_email(product: Client) -> None:
    person = await product.register()
    for name in (person.username, person.email):
        body = {"username": name, "password": PASSWORD}
        answer = await product.users("POST", "/login", json=body)
        assert answer.status_code == 200
        assert answer.json()["id"] == person.id


async def test_a_wrong_password_is_401_and_a_bad_body_400(product: Client) -> None:
    person = await product.register()
    wrong = await product.users(
        "POST", "/login", json={"username": person.username, "password": "nope"}
    )
    assert (wrong.status_code, wrong.text) == (401, "wrong username or password")
    assert (await product.users("POST", "/login", json={"username": "x"})).status_code == 400
    assert (await product.users("POST", "/login", content=b"{")).status_code == 400


async def test_refresh_renews_and_a_refused_one_is_400(product: Client) -> None:
    person = await product.register()
    good = await product.users("POST", "/refresh", json={"refreshToken": person.refresh})
    assert good.status_code == 200
    assert set(good.json()) == {"accessToken", "refreshToken", "expiresIn", "refreshExpiresIn"}
    bad = await product.users("POST", "/refresh", json={"refreshToken": "x.y.z"})
    assert bad.status_code == 400


async def test_logout_ends_the_session_and_is_fine_twice(product: Client) -> None:
    person = await product.register()
    for _ in range(2):
        answer = await product.users("POST", "/logout", json={"refreshToken": person.refresh})
        assert (answer.status_code, answer.content) == (204, b"")
    after = await product.users("POST", "/refresh", json={"refreshToken": person.refresh})
    assert after.status_code == 400


async def test_public_keys_are_base64_spki(product: Client) -> None:
    import base64

    from cryptography.hazmat.primitives.serialization import load_der_public_key

    keys = (await product.users("GET", "/public-keys")).json()["keys"]
    assert keys
    for key in keys:
        load_der_public_key(base64.b64decode(key["publicKey"]))


async def _mails(product: Client, to: str) -> list[dict[str, str]]:
    port = product.servers.setup.site.ports["portal"]
    async with httpx.AsyncClient() as client:
        found = await client.get(f"http://127.0.0.1:{port}/mail/api", params={"to": to})
    mails: list[dict[str, str]] = found.json()
    return mails


async def test_a_new_account_gets_the_verification_mail(product: Client) -> None:
    person = await product.register()
    mails = await eventually(lambda: _mails(product, person.email))
    assert mails[0]["subject"] == "Verify email"
    assert "/login-actions/action-token" in mails[0]["text"]


async def test_a_forgotten_password_is_mailed_and_says_nothing_of_strangers(
    product: Client,
) -> None:
    person = await product.register()
    await eventually(lambda: _mails(product, person.email))
    for email in (person.email, f"{uuid.uuid4().hex}@example.com"):
        answer = await product.users("POST", "/password/forgotten", json={"email": email})
        assert answer.status_code == 202

    async def reset() -> bool:
        subjects = [one["subject"] for one in await _mails(product, person.email)]
        return "The link for your EvenToNight account" in subjects

    await eventually(reset)


async def test_verification_can_be_asked_for_again_by_the_owner_only(product: Client) -> None:
    person, other = await product.register(), await product.register()
    path = f"/{person.id}/verification"
    assert (await product.users("POST", path, headers=person.auth)).status_code == 202
    refused = await product.users("POST", path, headers=other.auth)
    assert refused.status_code == 403
    assert refused.json()["code"] == "forbidden"
