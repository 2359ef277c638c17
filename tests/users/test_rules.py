"""Bounds of what an account holds, and what is said where they are broken."""

import pytest

from refusals import refusal
from services.users import domain
from services.users.domain import Profile

ANNA = domain.new_user("u1", "organization", "anna", "anna@example.com")


def test_a_new_user_is_named_as_they_sign_in() -> None:
    wish = domain.registration("anna", "anna@example.com", "notte", "organization")
    assert wish.user("u1") == ANNA
    assert (wish.password, wish.role) == ("notte", "organization")
    assert (ANNA.id, ANNA.role, ANNA.version) == ("u1", "organization", 1)
    assert (ANNA.account.username, ANNA.account.email) == ("anna", "anna@example.com")
    assert ANNA.profile == Profile(name="anna")


def test_a_change_is_one_version_on_and_keeps_the_rest() -> None:
    shown = ANNA.changed(profile=Profile(name="Anna", bio="hi"))
    assert (shown.version, shown.account, shown.profile.bio) == (2, ANNA.account, "hi")
    pictured = shown.with_avatar("users/u1/a.jpg")
    assert (pictured.version, pictured.profile) == (
        3,
        Profile(name="Anna", bio="hi", avatar="users/u1/a.jpg"),
    )
    assert pictured.changed(account=ANNA.account).profile == pictured.profile


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        (("a", "a@b.org", "x", "admin"), "role", "role: expected one of member, organization"),
        (("a", " ", "x", "member"), "email", "email: must not be blank"),
        (("a", "a", "x", "member"), "email", "email: expected an address like name@example.com"),
        (("a", "a@b.org", "\t", "member"), "password", "password: must not be blank"),
        (
            ("a", "a@b.org", "x\x00", "member"),
            "password",
            "password: must not contain control characters",
        ),
        (("a" * 256, "a@b.org", "x", "member"), "username", "username: at most 255 characters"),
        (
            ("a\u200bb", "a@b.org", "x", "member"),
            "username",
            "username: must not contain invisible characters",
        ),
        (
            ("p\u0430ypal", "a@b.org", "x", "member"),
            "username",
            "username: mixes alphabets in one word",
        ),
    ],
)
def test_a_refused_registration_says_why(
    values: tuple[str, str, str, str], field: str, message: str
) -> None:
    assert refusal(lambda: domain.registration(*values)) == (field, message)


@pytest.mark.parametrize("name", ["Анна", "Anna Анна", "a" * 255, "東京 night", "東京night"])
def test_alphabets_may_meet_in_a_name_but_look_alikes_not_in_a_word(name: str) -> None:
    assert domain.new_username(name) == name


def test_letters_that_unicode_has_no_names_for_are_legal() -> None:
    tangut = "\U00017000\U00017001"
    assert domain.new_username(tangut) == tangut


@pytest.mark.parametrize("other", ["ANNA  rossi", " anna rossi ", "anna rossi"])
def test_case_width_and_spacing_do_not_tell_people_apart(other: str) -> None:
    assert domain.sign_in_name(other) == "anna rossi"


def test_accents_do() -> None:
    assert domain.sign_in_name("Cocoricò") != domain.sign_in_name("Cocorico")
    assert domain.sign_in_name("Cocorico\u0300") == domain.sign_in_name("Cocoricò")


def test_only_a_text_of_paragraphs_has_lines() -> None:
    assert domain.paragraphs("bio", "a\n\r\tb", 5) == "a\n\r\tb"
    assert refusal(lambda: domain.paragraphs("bio", "a\x00", 5)) == (
        "bio",
        "bio: must not contain control characters",
    )
    assert refusal(lambda: domain.paragraphs("bio", "123456", 5)) == (
        "bio",
        "bio: at most 5 characters",
    )
    for sign in ("\n", "\t", "\u2028", "\u2029", "\ud800"):
        assert refusal(lambda sign=sign: domain.line("name", f"a{sign}", 5))[0] == "name"  # type: ignore[misc]
    assert domain.line("name", "12345", 5) == "12345"
    assert domain.line("name", "X", 5) == "X"


def test_genders_are_three_or_none() -> None:
    assert [domain.gender(one) for one in ("male", "female", "other", None)] == [
        "male",
        "female",
        "other",
        None,
    ]
    assert refusal(lambda: domain.gender("x")) == (
        "gender",
        "gender: expected one of male, female, other",
    )


def test_interests_are_kept_once_in_their_order() -> None:
    assert domain.interests(None) is None
    assert domain.interests(["b", "a", "b"]) == ("b", "a")
    assert domain.interests(["a"] * 40) == ("a",)
    assert domain.interests(["a" * 255]) == ("a" * 255,)
    assert refusal(lambda: domain.interests(["a"] * 41)) == ("interests", "interests: at most 40")
    assert refusal(lambda: domain.interests(["a" * 256])) == (
        "interests",
        "interests: at most 255 characters",
    )


def test_contacts_are_at_most_twenty_web_addresses() -> None:
    link = "http://x.org"
    assert domain.contacts([link] * 20, "organization") == (link,) * 20
    assert domain.contacts(None, "organization") is None
    assert refusal(lambda: domain.contacts([link] * 21, "organization")) == (
        "contacts",
        "contacts: at most 20",
    )
    assert refusal(lambda: domain.contacts(["ftp://x.org"], "organization")) == (
        "contacts",
        "contacts: expected http or https addresses with a host",
    )
    assert refusal(lambda: domain.contacts([f"{link}/{'a' * 2048}"], "organization")) == (
        "contacts",
        "contacts: at most 2048 characters",
    )


def test_a_sign_in_may_be_as_long_as_255() -> None:
    assert domain.secret("token", "x" * 255) == "x" * 255
    assert refusal(lambda: domain.secret("token", "x" * 256)) == (
        "token",
        "token: at most 255 characters",
    )
    assert domain.text("bio", " a ", 1) == "a"
