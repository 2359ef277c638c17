import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.errors import InvalidError
from services.users import domain


@pytest.mark.parametrize("name", ["Di and Gi Srl", "sing&fun", "Cocoricò", "  padded  "])
def test_usernames_with_spaces_accents_and_ampersands_are_legal(name: str) -> None:
    wish = domain.registration(name, "a@example.com", "x", "member")
    assert wish.username == name.strip()


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("username", (" ", "a@example.com", "x", "member")),
        ("username", ("a\x00b", "a@example.com", "x", "member")),
        ("email", ("a", "nobody", "x", "member")),
        ("email", ("a", "a@b", "x", "member")),
        ("password", ("a", "a@example.com", "  ", "member")),
        ("role", ("a", "a@example.com", "x", "admin")),
    ],
)
def test_a_wrong_value_is_named(field: str, values: tuple[str, str, str, str]) -> None:
    with pytest.raises(InvalidError) as caught:
        domain.registration(*values)
    assert caught.value.field == field
    assert field in caught.value.message


@given(st.text())
def test_folding_is_stable(value: str) -> None:
    assert domain.folded(domain.folded(value)) == domain.folded(value)


def test_folding_forgets_case_and_accents() -> None:
    assert domain.folded("  COCORICÒ ") == "cocorico"


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "ftp://x.org", "http://", "x", "http://[", ""]
)
def test_a_contact_must_be_a_web_address(link: str) -> None:
    with pytest.raises(InvalidError, match="contacts"):
        domain.contacts([link], "organization")


def test_members_have_no_contacts() -> None:
    assert domain.contacts(["https://x.org"], "member") is None
    assert domain.contacts(["https://x.org/a"], "organization") == ("https://x.org/a",)
