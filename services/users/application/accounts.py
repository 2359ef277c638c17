"""What can be done with accounts; every use case survives a crash between any two steps."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from services.contracts.errors import (
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from services.contracts.events import (
    UserCreated,
    UserProfile,
    UserUpdated,
)
from services.contracts.roles import MEMBER
from services.kit.mongo import Transaction
from services.kit.paging import Page, Window
from services.kit.tokens import Identity
from services.users import domain
from services.users.application.ports import (
    AVATAR,
    REGISTRATION,
    REMOVAL,
    Accounts,
    AlreadyRegisteredError,
    Events,
    Pictures,
    Tokens,
    Unfinished,
    Users,
    Verifier,
)
from services.users.domain import Registration, User

Edit = Callable[[User], User]


class Change(msgspec.Struct, frozen=True):
    """New values of everything a user may edit; what is ``None`` becomes absent."""

    dark_mode: bool
    language: str
    name: str
    gender: str | None = None
    birth_date: datetime | None = None
    interests: list[str] | None = None
    bio: str | None = None
    contacts: list[str] | None = None


class Addresses(msgspec.Struct, frozen=True):
    """Where pictures and receipts are seen."""

    media: str
    users: str

    def avatar(self, user: User) -> str:
        """Return the address of a user's picture."""
        return user.profile.avatar or f"{self.media}/users/default.png"

    def own(self, user_id: str) -> str:
        """Return the address of an uploaded picture."""
        return f"{self.media}/users/{user_id}/avatar.jpg"

    def receipt(self, receipt_id: str) -> str:
        """Return the address of a deletion's receipt."""
        return f"{self.users}/receipts/{receipt_id}"


class Application:
    """The use cases, on ports."""

    def __init__(
        self,
        *,
        users: Users,
        accounts: Accounts,
        pictures: Pictures,
        verifier: Verifier,
        events: Events,
        unfinished: Unfinished,
        transaction: Transaction,
        addresses: Addresses,
    ) -> None:
        self._users = users
        self._accounts = accounts
        self._pictures = pictures
        self._verifier = verifier
        self._events = events
        self._unfinished = unfinished
        self._transaction = transaction
        self.addresses = addresses

    async def register(self, wish: Registration) -> tuple[User, Tokens]:
        """Make an account and sign it in.

        An intent goes first and is closed with the profile; whatever step a crash comes after,
        the sweeper, a sign-in or the same registration again completes it.

        Raises:
            InvalidError: the name or address is taken, or Keycloak refuses the password.
        """
        user_id = str(uuid.uuid4())
        facts = {"username": wish.username, "email": wish.email, "role": wish.role}
        await self._unfinished.open(REGISTRATION, user_id, **facts)
        try:
            await self._accounts.create(wish, user_id)
        except AlreadyRegisteredError as error:
            await self._unfinished.close(REGISTRATION, user_id)
            return await self._resume(wish, error)
        except InvalidError:
            await self._unfinished.close(REGISTRATION, user_id)
            raise
        await self._accounts.grant_role(user_id)
        user = await self._complete(wish.user(user_id))
        return user, await self._accounts.sign_in(wish.username, wish.password)

    async def _resume(self, wish: Registration, cause: Exception) -> tuple[User, Tokens]:
        """Complete a registration that died before its profile was stored, for its owner only."""
        taken = InvalidError(str(cause), code="already-registered", field="username")
        try:
            tokens = await self._accounts.sign_in(wish.username, wish.password)
            identity = await self._verifier.verify(tokens.access)
        except UnauthenticatedError:
            raise taken from cause
        if identity.user_id is None or await self._users.get(identity.user_id) is not None:
            raise taken from cause
        return await self._repaired(identity, tokens, wish.username, wish.password)

    async def login(self, username: str, password: str) -> tuple[User, Tokens]:
        """Sign somebody in by username or e-mail; a missing profile is repaired.

        Raises:
            InvalidError: neither can be right, so that Keycloak is not asked.
            UnauthenticatedError: wrong credentials.
            NotFoundError: the account is none of the application's.
        """
        domain.line("username", username, domain.MAX_NAME)
        domain.line("password", password, domain.MAX_NAME)
        tokens = await self._accounts.sign_in(username, password)
        identity = await self._verifier.verify(tokens.access)
        if identity.user_id is None:
            raise NotFoundError("the account has no profile here")
        user = await self._users.get(identity.user_id)
        if user is not None and user.role in identity.roles:
            return user, tokens
        return await self._repaired(identity, tokens, username, password)

    async def _repaired(
        self, identity: Identity, tokens: Tokens, username: str, password: str
    ) -> tuple[User, Tokens]:
        user_id = identity.user_id or ""
        if await self._unfinished.exists(REMOVAL, user_id):
            raise UnauthenticatedError("wrong username or password")
        known = await self._accounts.by_subject(identity.subject)
        if known is None or known.role not in domain.ROLES:
            raise NotFoundError("the account has no profile here")
        if known.role not in identity.roles:
            await self._accounts.grant_role(user_id)
            tokens = await self._accounts.sign_in(username, password)
        user = domain.new_user(user_id, known.role, known.username, known.email)
        return await self._complete(user), tokens

    async def _complete(self, user: User) -> User:
        """Store a profile once, with its event, and end the registration."""

        async def work() -> User:
            stored = await self._users.get(user.id)
            if stored is None:
                await self._users.insert(user)
                created = msgspec.convert(self._facts(user), UserCreated)
                await self._events.append(created, key=user.id, version=user.version)
            await self._unfinished.close(REGISTRATION, user.id)
            return stored or user

        return await self._transaction(work)

    async def settle_registration(self, user_id: str, facts: Mapping[str, Any]) -> None:
        """Complete a registration whose process died, if Keycloak has its account."""
        if await self._accounts.by_user_id(user_id) is not None:
            await self._accounts.grant_role(user_id)
            await self._complete(
                domain.new_user(user_id, facts["role"], facts["username"], facts["email"])
            )

    async def refresh(self, token: str) -> Tokens:
        """Return new tokens for a refresh token.

        Raises:
            InvalidError: the token is refused; 400, since clients loop on 401.
        """
        return await self._accounts.refresh(_refresh_token(token))

    async def logout(self, token: str) -> None:
        """End a session; an invalid token has none, which is fine."""
        await self._accounts.sign_out(_refresh_token(token))

    async def get(self, user_id: str) -> User:
        """Return a user.

        Raises:
            NotFoundError: there is none with that id.
        """
        user = await self._users.get(user_id)
        if user is None:
            raise NotFoundError("no such user")
        return user

    async def search(self, prefix: str, role: str | None, asked: Window) -> Page[User]:
        """Return users whose username or name starts with a text, whatever case and accents."""
        if role is not None and role not in domain.ROLES:
            raise InvalidError(f"role: expected one of {', '.join(domain.ROLES)}", field="role")
        wished = domain.folded(domain.line("prefix", prefix, domain.MAX_NAME))
        return await self._users.search(wished, role, asked)

    async def update(self, caller: Identity, user_id: str, change: Change) -> None:
        """Replace everything a user may edit.

        Raises:
            ForbiddenError, NotFoundError, InvalidError: as they say.
        """
        own(caller, user_id)

        def edited(user: User) -> User:
            account = replace(
                user.account,
                dark_mode=change.dark_mode,
                language=domain.text("language", change.language, 35),
                gender=domain.gender(change.gender) if user.role == MEMBER else None,
                birth_date=change.birth_date if user.role == MEMBER else None,
                interests=domain.interests(change.interests),
            )
            bio = change.bio
            profile = replace(
                user.profile,
                name=domain.text("name", change.name, domain.MAX_NAME),
                bio=None if bio is None else domain.paragraphs("bio", bio, domain.MAX_BIO),
                contacts=domain.contacts(change.contacts, user.role),
            )
            return user.changed(account=account, profile=profile)

        await self._change(user_id, edited)

    async def _change(self, user_id: str, edited: Edit) -> User:
        async def work() -> User:
            user = edited(await self.get(user_id))
            await self._save(user)
            return user

        return await self._transaction(work)

    async def _save(self, user: User) -> None:
        """Store a user's new version and tell of it; inside the caller's transaction."""
        await self._users.replace(user)
        updated = msgspec.convert(self._facts(user), UserUpdated)
        await self._events.append(updated, key=user.id, version=user.version)

    async def set_avatar(self, caller: Identity, user_id: str, content: bytes | None) -> str:
        """Store a picture, or the default where there is none, and return its address.

        Raises:
            InvalidError: not a picture.
            UnavailableError: the picture could not be stored; nothing changed.
        """
        own(caller, user_id)
        if not content:
            await self.remove_avatar(caller, user_id)
            return self.addresses.avatar(await self.get(user_id))
        await self.get(user_id)
        before = await self._pictures.version(user_id)
        await self._unfinished.open(AVATAR, user_id, before=before)
        await self._pictures.put(user_id, content)

        async def work() -> User:
            user = (await self.get(user_id)).with_avatar(self.addresses.own(user_id))
            await self._save(user)
            if not await self._unfinished.close(AVATAR, user_id):
                raise UnavailableError("storing the picture took too long")
            return user

        return self.addresses.avatar(await self._transaction(work))

    async def remove_avatar(self, caller: Identity, user_id: str) -> None:
        """Go back to the default picture; the other is removed now, or later if media is away."""
        own(caller, user_id)
        if (await self.get(user_id)).profile.avatar is None:
            return
        before = await self._pictures.version(user_id)

        async def work() -> None:
            await self._unfinished.open(AVATAR, user_id, before=before)
            await self._save((await self.get(user_id)).with_avatar(None))

        await self._transaction(work)
        with suppress(UnavailableError):
            await self._pictures.remove(user_id)
            await self._unfinished.close(AVATAR, user_id)

    async def settle_avatar(self, user_id: str, facts: Mapping[str, Any]) -> None:
        """Make profile and picture agree: a new picture is adopted, one nobody shows is removed."""
        user, shown = await self._users.get(user_id), await self._pictures.version(user_id)
        if user is not None and shown not in {None, facts["before"]}:
            await self._adopt(user_id)
        elif shown is not None and (user is None or user.profile.avatar is None):
            await self._pictures.remove(user_id)

    async def _adopt(self, user_id: str) -> None:
        async def work() -> None:
            user = await self._users.get(user_id)
            if user is not None:
                await self._save(user.with_avatar(self.addresses.own(user_id)))
                await self._unfinished.close(AVATAR, user_id)

        await self._transaction(work)

    async def change_password(
        self, caller: Identity, user_id: str, passwords: Sequence[str]
    ) -> None:
        """Change a password: current, new, new again.

        Raises:
            InvalidError: the new ones differ, the current is wrong, or the policy refuses.
        """
        own(caller, user_id)
        current, new, confirmed = passwords
        if new != confirmed:
            raise InvalidError("confirmPassword: differs from newPassword", field="confirmPassword")
        domain.secret("newPassword", new)
        user = await self.get(user_id)
        try:
            await self._accounts.sign_in(user.account.username, current)
        except UnauthenticatedError as error:
            raise InvalidError("currentPassword: is wrong", field="currentPassword") from error
        await self._accounts.set_password(caller.subject, new)

    async def ask_verification(self, caller: Identity, user_id: str) -> None:
        """Send the mail that verifies an address again."""
        own(caller, user_id)
        await self.get(user_id)
        await self._accounts.send_verification(caller.subject)

    async def verify_new(self, user_id: str) -> None:
        """Send the first verification mail, if the account still stands."""
        known = await self._accounts.by_user_id(user_id)
        if known is not None:
            await self._accounts.send_verification(known.subject)

    async def forgot_password(self, email: str) -> None:
        """Send the mail that resets a password; says nothing of whether the address is known."""
        await self._accounts.send_password_reset(domain.text("email", email, domain.MAX_NAME))

    def _facts(self, user: User) -> dict[str, object]:
        account, profile = user.account, user.profile
        facts: dict[str, object] = msgspec.to_builtins(
            UserProfile(
                id=user.id,
                username=account.username,
                name=profile.name,
                email=account.email,
                avatar=self.addresses.avatar(user),
                bio=profile.bio,
                interests=None if account.interests is None else list(account.interests),
                language=account.language,
                role=user.role,
            )
        )
        return facts


def _refresh_token(token: str) -> str:
    return domain.line("refreshToken", token, domain.MAX_TOKEN)


def own(caller: Identity, user_id: str) -> None:
    """Check that somebody acts for themselves.

    Raises:
        ForbiddenError: for somebody else.
    """
    if caller.user_id != user_id:
        raise ForbiddenError("this account is not yours")
