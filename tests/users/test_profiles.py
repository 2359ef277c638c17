import uuid
from typing import Any

import pytest

from client import PASSWORD, Client, eventually, picture

CHANGE: dict[str, Any] = {
    "accountDTO": {
        "username": "ignored",
        "darkMode": True,
        "language": "it",
        "gender": "other",
        "birthDate": "1990-01-01T00:00:00.000Z",
        "interests": ["Party", "Rock"],
    },
    "profileDTO": {"name": "Nuova", "bio": "ciao", "contacts": ["https://x.org"], "avatar": "?"},
}


async def test_the_public_sees_the_name_and_the_owner_everything(product: Client) -> None:
    person = await product.register()
    public = (await product.users("GET", f"/{person.id}")).json()
    assert public["account"] == {"username": person.username}
    own = (await product.users("GET", f"/{person.id}/", headers=person.auth)).json()
    assert own["account"]["email"] == person.email
    other = await product.register()
    seen = await product.users("GET", f"/{person.id}", headers=other.auth)
    assert "email" not in seen.json()["account"]


async def test_an_invalid_token_on_a_public_page_is_ignored(product: Client) -> None:
    person = await product.register()
    answer = await product.users("GET", f"/{person.id}", headers={"Authorization": "Bearer a.b.c"})
    assert answer.status_code == 200
    assert "email" not in answer.json()["account"]


@pytest.mark.parametrize("path", ["/nobody", "/%00", "/" + "x" * 300])
async def test_unknown_and_malformed_ids_are_404(product: Client, path: str) -> None:
    assert (await product.users("GET", path)).status_code == 404


async def test_put_replaces_everything_right_after_registration(product: Client) -> None:
    person = await product.register()
    path = f"/{person.id}"
    done = await product.users("PUT", path, json=CHANGE, headers=person.auth)
    assert (done.status_code, done.content) == (204, b"")
    own = (await product.users("GET", path, headers=person.auth)).json()
    assert own["account"]["birthDate"] == "1990-01-01T00:00:00Z"
    assert own["account"]["gender"] == "other"
    assert own["account"]["username"] == person.username
    assert own["profile"]["bio"] == "ciao"
    assert "contacts" not in own["profile"]
    bare = {
        "accountDTO": {"darkMode": False, "language": "en", "birthDate": None},
        "profileDTO": {"name": "N", "contacts": []},
    }
    assert (await product.users("PUT", path, json=bare, headers=person.auth)).status_code == 204
    own = (await product.users("GET", path, headers=person.auth)).json()
    assert set(own["account"]) == {"username", "email", "darkMode", "language"}
    assert "bio" not in own["profile"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"accountDTO": None}, "accountDTO"),
        ({"profileDTO": {"name": " "}}, "name"),
        ({"profileDTO": {"name": "x", "bio": 5}}, "bio"),
        ({"accountDTO": {"language": "en"}}, "darkMode"),
        ({"accountDTO": {"darkMode": True, "language": "en", "gender": "x"}}, "gender"),
        ({"accountDTO": {"darkMode": True, "language": "en", "birthDate": "x"}}, "birthDate"),
    ],
)
async def test_a_wrong_change_names_the_field(
    product: Client, change: dict[str, Any], word: str
) -> None:
    person = await product.register()
    body = {**CHANGE, **change}
    answer = await product.users("PUT", f"/{person.id}", json=body, headers=person.auth)
    assert answer.status_code == 400
    assert word in answer.text


async def test_only_the_owner_changes_a_profile(product: Client) -> None:
    person, other = await product.register(), await product.register()
    path = f"/{person.id}"
    assert (await product.users("PUT", path, json=CHANGE)).status_code == 401
    assert (await product.users("PUT", path, json=CHANGE, headers=other.auth)).status_code == 403
    assert (await product.users("DELETE", path)).status_code == 401
    assert (await product.users("DELETE", path, headers=other.auth)).status_code == 403


async def test_search_forgives_accents_and_its_has_more_is_true(product: Client) -> None:
    stem = "Ùltimo" + uuid.uuid4().hex[:8]
    people = [await product.register("member", f"{stem} {n}") for n in range(3)]
    await product.register("organization", f"{stem} org")
    query = {"prefix": f" {stem.upper().replace('Ù', 'u')} ", "limit": "2"}
    first = (await product.users("GET", "/search", params=query)).json()
    assert [one["id"] for one in first["data"]] == [people[0].id, people[1].id]
    assert (first["limit"], first["offset"], first["hasMore"]) == (2, 0, True)
    last = (await product.users("GET", "/search", params={**query, "offset": "2"})).json()
    assert [one["role"] for one in last["data"]] == ["member", "organization"]
    assert last["hasMore"] is False
    only = (await product.users("GET", "/search", params={**query, "role": "organization"})).json()
    assert len(only["data"]) == 1
    assert only["hasMore"] is False


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "x"}, {"offset": "-1"}, {"role": "admin"}]
)
async def test_a_wrong_search_is_400(product: Client, query: dict[str, str]) -> None:
    answer = await product.users("GET", "/search", params=query)
    assert answer.status_code == 400
    assert next(iter(query)) in answer.text


async def test_a_search_is_no_regular_expression_and_is_clamped(product: Client) -> None:
    found = await product.users("GET", "/search", params={"prefix": ".*", "limit": "500"})
    assert found.json() == {"data": [], "limit": 20, "offset": 0, "hasMore": False}


async def test_an_avatar_is_stored_shown_and_removed(product: Client) -> None:
    person = await product.register()
    path = f"/{person.id}/avatar"
    files = {"avatar": ("image.jpg", picture(), "image/jpeg")}
    done = await product.users("POST", path, files=files, headers=person.auth)
    assert done.status_code == 200, done.text
    assert done.json()["avatarUrl"].endswith(f"/users/{person.id}/avatar.jpg")
    seen = await product.media("GET", f"/users/{person.id}/avatar.jpg")
    assert seen.content == picture()
    assert seen.headers["content-type"] == "image/jpeg"
    for _ in range(2):
        assert (await product.users("DELETE", path, headers=person.auth)).status_code == 204
    shown = (await product.users("GET", f"/{person.id}")).json()["profile"]["avatar"]
    assert shown.endswith("/users/default.png")


async def test_what_is_no_picture_is_no_avatar(product: Client) -> None:
    person = await product.register()
    files = {"avatar": ("image.jpg", b"<svg onload=alert(1)>", "image/jpeg")}
    answer = await product.users("POST", f"/{person.id}/avatar", files=files, headers=person.auth)
    assert answer.status_code == 400
    assert "avatar: expected an AVIF, GIF" in answer.text


async def test_a_password_is_changed_by_who_knows_it(product: Client) -> None:
    person = await product.register()
    path, new = f"/{person.id}/password", "brand-new-pass-3!"
    words = {"currentPassword": "wrong", "newPassword": new, "confirmPassword": new}
    assert (await product.users("PUT", path, json=words, headers=person.auth)).status_code == 400
    words |= {"currentPassword": PASSWORD, "confirmPassword": "other"}
    assert (await product.users("PUT", path, json=words, headers=person.auth)).status_code == 400
    words |= {"confirmPassword": new}
    assert (await product.users("PUT", path, json=words, headers=person.auth)).status_code == 204
    login = {"username": person.username, "password": new}
    assert (await product.users("POST", "/login", json=login)).status_code == 200


async def test_a_deleted_user_is_gone_everywhere(product: Client) -> None:
    person = await product.register()
    files = {"avatar": ("image.jpg", picture(), "image/jpeg")}
    await product.users("POST", f"/{person.id}/avatar", files=files, headers=person.auth)
    gone = await product.users("DELETE", f"/{person.id}", headers=person.auth)
    assert gone.status_code == 204
    assert (await product.users("GET", f"/{person.id}")).status_code == 404
    login = {"username": person.username, "password": PASSWORD}
    assert (await product.users("POST", "/login", json=login)).status_code == 401
    again = await product.users("PUT", f"/{person.id}", json=CHANGE, headers=person.auth)
    assert again.status_code == 404

    async def picture_gone() -> bool:
        found = await product.media("GET", f"/users/{person.id}/avatar.jpg")
        return found.content != picture()

    await eventually(picture_gone)
