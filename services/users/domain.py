"""What an account is and which values it may hold; no I/O."""

import re
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from services.contracts.errors import InvalidError
from services.contracts.roles import MEMBER, ORGANIZATION

ROLES: Final = (MEMBER, ORGANIZATION)
GENDERS: Final = ("male", "female", "other")
MAX_NAME = 255
MAX_BIO = 2_000
MAX_INTERESTS = 40
MAX_CONTACTS = 20
MAX_URL = 2_048
MAX_TOKEN = 8_192

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL = re.compile(rf"[^@\s\"(),:;<>\[\]\\]{{1,64}}@(?:{_LABEL}\.)+{_LABEL}")
# Controls, surrogates, line separators; and characters that are not seen but tell texts apart.
_UNSOUND = frozenset({"Cc", "Cs", "Zl", "Zp"})
_UNSEEN = frozenset({"Cf", "Co"})
_LOOKALIKES = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})


@dataclass(frozen=True, kw_only=True)
class Account:
    """How somebody signs in and what they prefer."""

    username: str
    email: str
    dark_mode: bool = False
    language: str = "en"
    gender: str | None = None
    birth_date: datetime | None = None
    interests: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What everybody may see; ``avatar`` is ``None`` for the default picture."""

    name: str
    avatar: str | None = None
    bio: str | None = None
    contacts: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class User:
    """Somebody with an account, and the version of what is known of them."""

    id: str
    role: str
    account: Account
    profile: Profile
    version: int = 1

    def changed(self, *, account: Account | None = None, profile: Profile | None = None) -> "User":
        """Return the user after a change, one version on."""
        return replace(
            self,
            account=account or self.account,
            profile=profile or self.profile,
            version=self.version + 1,
        )

    def with_avatar(self, avatar: str | None) -> "User":
        """Return the user with another picture, ``None`` for the default one."""
        return self.changed(profile=replace(self.profile, avatar=avatar))


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A checked wish to register."""

    username: str
    email: str
    password: str = field(repr=False)
    role: str

    def user(self, user_id: str) -> User:
        """Return the new user with its defaults."""
        return new_user(user_id, self.role, self.username, self.email)


def new_user(user_id: str, role: str, username: str, email: str) -> User:
    """Return a user as it is right after registration."""
    return User(
        id=user_id,
        role=role,
        account=Account(username=username, email=email),
        profile=Profile(name=username),
    )


def registration(username: str, email: str, password: str, role: str) -> Registration:
    """Return a checked registration.

    Raises:
        InvalidError: names the field that is blank or not of its form.
    """
    if role not in ROLES:
        raise InvalidError(f"role: expected one of {', '.join(ROLES)}", field="role")
    address = text("email", email, MAX_NAME)
    if not _EMAIL.fullmatch(address):
        raise InvalidError("email: expected an address like name@example.com", field="email")
    return Registration(
        username=new_username(username),
        email=address,
        password=secret("password", password),
        role=role,
    )


def new_username(value: str) -> str:
    """Return a trimmed username that looks like what it is.

    Raises:
        InvalidError: blank, too long, with characters that are not seen, or with a word of letters
            from alphabets that look alike.
    """
    name = text("username", value, MAX_NAME)
    if any(unicodedata.category(one) in _UNSEEN for one in name):
        raise InvalidError("username: must not contain invisible characters", field="username")
    for word in unicodedata.normalize("NFKC", name).split():
        scripts = {unicodedata.name(one, "").partition(" ")[0] for one in word if one.isalpha()}
        if len(scripts & _LOOKALIKES) > 1:
            raise InvalidError("username: mixes alphabets in one word", field="username")
    return name


def sign_in_name(username: str) -> str:
    """Return what tells usernames apart: case, width, composition and spacing do not."""
    return " ".join(unicodedata.normalize("NFKC", username).lower().split())


def secret(name: str, value: str) -> str:
    """Return a password or token as it is.

    Raises:
        InvalidError: blank, too long, or with control characters.
    """
    if not value.strip():
        raise InvalidError(f"{name}: must not be blank", field=name)
    return line(name, value, MAX_NAME)


def text(name: str, value: str, longest: int) -> str:
    """Return a trimmed text of one line.

    Raises:
        InvalidError: blank, too long, or with control characters.
    """
    trimmed = value.strip()
    if not trimmed:
        raise InvalidError(f"{name}: must not be blank", field=name)
    return line(name, trimmed, longest)


def line(name: str, value: str, longest: int) -> str:
    """Return a text of at most so many characters, all on one line.

    Raises:
        InvalidError: names the field.
    """
    return _sound(name, value, longest, allowed="")


def paragraphs(name: str, value: str, longest: int) -> str:
    """Return a text of at most so many characters; it may have several lines.

    Raises:
        InvalidError: names the field.
    """
    return _sound(name, value, longest, allowed="\n\r\t")


def _sound(name: str, value: str, longest: int, *, allowed: str) -> str:
    if len(value) > longest:
        raise InvalidError(f"{name}: at most {longest} characters", field=name)
    if any(unicodedata.category(one) in _UNSOUND and one not in allowed for one in value):
        raise InvalidError(f"{name}: must not contain control characters", field=name)
    return value


def gender(value: str | None) -> str | None:
    """Return a gender or none.

    Raises:
        InvalidError: not one of ``GENDERS``.
    """
    if value is not None and value not in GENDERS:
        raise InvalidError(f"gender: expected one of {', '.join(GENDERS)}", field="gender")
    return value


def interests(values: list[str] | None) -> tuple[str, ...] | None:
    """Return interests without repetitions.

    Raises:
        InvalidError: too many or too long.
    """
    if values is None:
        return None
    if len(values) > MAX_INTERESTS:
        raise InvalidError(f"interests: at most {MAX_INTERESTS}", field="interests")
    return tuple(dict.fromkeys(line("interests", value, MAX_NAME) for value in values))


def contacts(values: list[str] | None, role: str) -> tuple[str, ...] | None:
    """Return an organization's links; members have none.

    Raises:
        InvalidError: not an http(s) address with a host, or too many.
    """
    if values is None or role != ORGANIZATION:
        return None
    if len(values) > MAX_CONTACTS:
        raise InvalidError(f"contacts: at most {MAX_CONTACTS}", field="contacts")
    return tuple(_link(value) for value in values)


def _link(value: str) -> str:
    try:
        parts = urlsplit(line("contacts", value, MAX_URL))
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid:
        raise InvalidError(
            "contacts: expected http or https addresses with a host", field="contacts"
        )
    return value


def folded(value: str) -> str:
    """Return a text for comparison: no case, no accents, no outer space."""
    decomposed = unicodedata.normalize("NFKD", value.casefold())
    bare = "".join(one for one in decomposed if not unicodedata.combining(one))
    return bare.casefold().strip()
