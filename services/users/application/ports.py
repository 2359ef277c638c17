"""What the use cases need from outside, and the values that pass."""

from typing import Protocol

import msgspec

from services.contracts.events import Event
from services.kit.paging import Page, Window
from services.kit.tokens import Identity
from services.users.domain import Registration, User

REGISTRATION = "registration"
REMOVAL = "removal"
AVATAR = "avatar"


class Tokens(msgspec.Struct, frozen=True):
    """What a sign-in yields; lifetimes in seconds."""

    access: str
    refresh: str
    expires_in: int
    refresh_expires_in: int


class Credential(msgspec.Struct, frozen=True):
    """What Keycloak knows of an account; empty texts where it knows nothing."""

    subject: str
    user_id: str
    username: str
    email: str
    role: str


class AlreadyRegisteredError(Exception):
    """Keycloak has an account with that username or e-mail."""


class Users(Protocol):
    """The stored users."""

    async def get(self, user_id: str) -> User | None: ...
    async def insert(self, user: User) -> bool: ...
    async def replace(self, user: User) -> None: ...
    async def remove(self, user_id: str) -> bool: ...
    async def search(self, prefix: str, role: str | None, asked: Window) -> Page[User]: ...


class Accounts(Protocol):
    """Keycloak's side of users."""

    async def create(self, wish: Registration, user_id: str) -> None: ...
    async def grant_role(self, user_id: str) -> None: ...
    async def by_user_id(self, user_id: str) -> Credential | None: ...
    async def by_subject(self, subject: str) -> Credential | None: ...
    async def remove(self, subject: str) -> None: ...
    async def set_password(self, subject: str, password: str) -> None: ...
    async def sign_in(self, username: str, password: str) -> Tokens: ...
    async def refresh(self, token: str) -> Tokens: ...
    async def sign_out(self, token: str) -> None: ...
    async def send_verification(self, subject: str) -> None: ...
    async def send_password_reset(self, email: str) -> None: ...


class Pictures(Protocol):
    """Where avatars are kept."""

    async def version(self, user_id: str) -> str | None: ...
    async def put(self, user_id: str, content: bytes) -> None: ...
    async def remove(self, user_id: str) -> None: ...


class Verifier(Protocol):
    """Tells whose token it is."""

    async def verify(self, token: str) -> Identity: ...


class Events(Protocol):
    """The outbox."""

    async def append(self, *happened: Event, key: str, version: int) -> None: ...


class Unfinished(Protocol):
    """Durable notes of what is under way."""

    async def open(self, kind: str, subject: str, **facts: object) -> None: ...
    async def close(self, kind: str, subject: str) -> bool: ...
    async def exists(self, kind: str, subject: str) -> bool: ...
