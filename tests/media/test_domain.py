"""Keys of pictures and bounds of what is let in."""

import hashlib

import pytest

from refusals import refusal
from services.media import domain
from services.media.domain import Form, Owner

ID = "expected letters, digits, '-' or '_'"


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../b",
        "a/.",
        "a//b",
        "a/\x00",
        "a\x7f",
        "a\x9f",
        "a\\b",
        "%2e%2e/x",
        "",
        "a" * 513,
        "variants/users/u/a.jpg/e/320.webp",
        "/departed/users/x",
    ],
)
def test_no_path_leaves_the_keys_that_are_shown(path: str) -> None:
    assert refusal(lambda: domain.readable(path)) == (None, "no such picture")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/users/u/a.jpg", "users/u/a.jpg"),
        ("users/u/a%20b.jpg/", "users/u/a b.jpg"),
        ("a" * 512, "a" * 512),
        ("my/variants", "my/variants"),
        ("X/x", "X/x"),
    ],
)
def test_a_path_is_the_key_behind_its_escapes(path: str, expected: str) -> None:
    assert domain.readable(path) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../à b<.jpg", "_b_.jpg"),
        ("C:\\pictures\\me.PNG", "me.PNG"),
        (".hidden..", "hidden.."),
        ("a-b_c.9.jpg", "a-b_c.9.jpg"),
        ("x" + "y" * 96 + ".jpg", "y" * 96 + ".jpg"),
    ],
)
def test_a_file_name_is_reduced_to_safe_characters(name: str, expected: str) -> None:
    assert domain.key(Owner("users", "u1"), name) == f"users/u1/{expected}"


@pytest.mark.parametrize("name", ["...", "", "a/", "a\\"])
def test_a_file_needs_a_name(name: str) -> None:
    assert refusal(lambda: domain.key(Owner("users", "u1"), name)) == (
        "file",
        "file: expected a file name",
    )


def test_owners_are_users_and_events() -> None:
    for kind in ("users", "events"):
        assert domain.owner(kind, "A-1_b") == Owner(kind, "A-1_b")
    assert domain.owner("users", "u" * 64).id == "u" * 64
    assert refusal(lambda: domain.owner("x", "1")) == (
        "type",
        "type: expected one of users, events",
    )
    for wrong in ("..", "a/b", "", "_a", "u" * 65, "default.png"):
        assert refusal(lambda wrong=wrong: domain.owner("users", wrong)) == (  # type: ignore[misc]
            "entityId",
            f"entityId: {ID}",
        )


def test_what_belongs_to_an_owner_is_kept_together() -> None:
    owner = Owner("users", "u1")
    digest = hashlib.sha256(b"u1").hexdigest()
    assert (owner.prefix, owner.variants) == ("users/u1/", "variants/users/u1/")
    assert owner.farewell == f"departed/users/{digest}"
    sized = domain.variant("users/u1/a.jpg", "e1", 320, Form.WEBP)
    assert sized == "variants/users/u1/a.jpg/e1/320.webp"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("users/x/a.jpg", "users/default.png"),
        ("events/x", "events/default.png"),
        ("other/users/x", "default.png"),
        ("users", "users/default.png"),
    ],
)
def test_each_kind_has_its_default(wanted: str, expected: str) -> None:
    assert domain.fallback(wanted) == expected
    assert expected in domain.DEFAULTS


@pytest.mark.parametrize(
    "size",
    [
        (1, 1, 1),
        (16_383, 1, 1),
        (1, 16_383, 1),
        (8_000, 5_000, 1),
        (500, 800, 300),
        (8_000, 5_000, 3),
    ],
)
def test_a_picture_may_reach_its_bounds(size: tuple[int, int, int]) -> None:
    domain.check(*size)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((0, 1, 1), "a picture without pixels"),
        ((1, 0, 1), "a picture without pixels"),
        ((-1, -1, 1), "a picture without pixels"),
        ((16_384, 1, 1), "at most 16383 pixels wide or high"),
        ((1, 16_384, 1), "at most 16383 pixels wide or high"),
        ((8_001, 5_000, 1), "at most 40000000 pixels"),
        ((1, 1, 301), "at most 300 frames"),
        ((500, 801, 300), "at most 120000000 pixels in all frames together"),
        ((8_000, 5_000, 4), "at most 120000000 pixels in all frames together"),
    ],
)
def test_a_picture_beyond_them_is_refused(size: tuple[int, int, int], message: str) -> None:
    assert refusal(lambda: domain.check(*size)) == ("file", f"file: {message}")
