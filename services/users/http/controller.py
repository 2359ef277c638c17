"""Decode, guard, call a use case, encode."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, MultipartBody, QueryParameter

from services.contracts.errors import InvalidError
from services.kit import paging
from services.kit.clock import instant_text, parse_instant
from services.kit.failures import answer, problem
from services.kit.http import BEARER, Caller, Visitor
from services.kit.openapi import documented
from services.kit.tokens import Keys
from services.users import domain
from services.users.application.accounts import Application, Change
from services.users.application.departures import Departures
from services.users.application.ports import Tokens
from services.users.domain import User

AVATAR_BYTES = 6_000_000
SEARCH_DEFAULT, SEARCH_MOST = 10, 20


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Absent instead of null."""


class LoginRequest(msgspec.Struct, frozen=True):
    """Credentials; ``username`` may be an e-mail address."""

    username: str
    password: str


class RegistrationRequest(msgspec.Struct, frozen=True):
    """A wish to register; ``role`` is member or organization."""

    username: str
    email: str
    password: str
    role: str


class TokenRequest(msgspec.Struct, frozen=True, rename="camel"):
    """A refresh token."""

    refresh_token: str


class ForgottenRequest(msgspec.Struct, frozen=True):
    """The address to send the mail to."""

    email: str


class PasswordRequest(msgspec.Struct, frozen=True, rename="camel"):
    """The old password once, the new one twice."""

    current_password: str
    new_password: str
    confirm_password: str


class AccountChange(msgspec.Struct, frozen=True, rename="camel"):
    """New preferences; what is absent or null is removed."""

    dark_mode: bool
    language: str
    gender: str | None = None
    birth_date: str | None = None
    interests: list[str] | None = None


class ProfileChange(msgspec.Struct, frozen=True):
    """New profile; what is absent or null is removed."""

    name: str
    bio: str | None = None
    contacts: list[str] | None = None


class UserChange(msgspec.Struct, frozen=True):
    """Everything a user may edit, whole."""

    account: AccountChange = msgspec.field(name="accountDTO")
    profile: ProfileChange = msgspec.field(name="profileDTO")


class AccountView(Wire, frozen=True, kw_only=True):
    """An account; everybody sees the username, its owner the rest too."""

    username: str
    email: str | None = None
    dark_mode: bool | None = None
    language: str | None = None
    gender: str | None = None
    birth_date: str | None = None
    interests: list[str] | None = None


class ProfileView(Wire, frozen=True, kw_only=True):
    """A profile as everybody sees it."""

    name: str
    avatar: str
    bio: str | None = None
    contacts: list[str] | None = None


class UserView(Wire, frozen=True, kw_only=True):
    """A user; the account is whole for its owner only."""

    id: str
    role: str
    account: AccountView
    profile: ProfileView


class TokensView(Wire, frozen=True, kw_only=True):
    """Tokens; lifetimes in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int


class LoginView(TokensView, frozen=True, kw_only=True):
    """Who signed in, and their tokens."""

    id: str
    role: str
    account: AccountView
    profile: ProfileView


class SearchPage(Wire, frozen=True, kw_only=True):
    """Found users."""

    data: list[UserView]
    limit: int
    offset: int
    has_more: bool


class AvatarView(Wire, frozen=True, kw_only=True):
    """Where the picture is."""

    user_id: str
    avatar_url: str


class Key(Wire, frozen=True, kw_only=True):
    """A public key as base64 of its DER SPKI form."""

    kid: str
    public_key: str


class KeysView(Wire, frozen=True, kw_only=True):
    """The realm's RSA keys."""

    keys: list[Key]


class AvatarForm(msgspec.Struct, frozen=True):
    """Multipart form with a picture."""

    avatar: UploadFile | None = None


class SessionController(Controller):
    """Signing up, in and out."""

    path = "/"
    tags = ("sessions",)

    @post(
        "/login",
        status_code=200,
        responses=documented(400, 401, 403, 404, 503),
        summary="Sign in with username or e-mail",
    )
    async def login(
        self, data: JSONBody[LoginRequest], users: NamedDependency[Application]
    ) -> LoginView:
        """Return tokens and the user they belong to."""
        return login_view(users, *await users.login(data.username, data.password))

    @post("/register", responses=documented(400, 503), summary="Register and sign in")
    async def register(
        self, data: JSONBody[RegistrationRequest], users: NamedDependency[Application]
    ) -> LoginView:
        """Return the new user with tokens."""
        wish = domain.registration(data.username, data.email, data.password, data.role)
        return login_view(users, *await users.register(wish))

    @post("/refresh", status_code=200, responses=documented(400, 503), summary="Renew tokens")
    async def refresh(
        self, data: JSONBody[TokenRequest], users: NamedDependency[Application]
    ) -> TokensView:
        """Return new tokens."""
        return TokensView(**_tokens(await users.refresh(data.refresh_token)))

    @post("/logout", status_code=204, responses=documented(400, 503), summary="Sign out")
    async def logout(
        self, data: JSONBody[TokenRequest], users: NamedDependency[Application]
    ) -> None:
        """End the session of a refresh token."""
        await users.logout(data.refresh_token)

    @get("/public-keys", responses=documented(503), summary="Keys that tokens are signed with")
    async def public_keys(self, keys: NamedDependency[Keys]) -> KeysView:
        """Return the realm's RSA keys."""
        found = await keys.all()
        return KeysView(keys=[Key(kid=kid, public_key=key) for kid, key in found.items()])

    @post(
        "/password/forgotten",
        status_code=202,
        responses=documented(400, 503, problem=True),
        exception_handlers={Exception: answer(problem)},
        summary="Mail a link for a new password",
    )
    async def forgotten(
        self, data: JSONBody[ForgottenRequest], users: NamedDependency[Application]
    ) -> None:
        """Answer the same whether the address is known or not."""
        await users.forgot_password(data.email)


class UserController(Controller):
    """Profiles."""

    path = "/"
    tags = ("users",)

    @get("/search", responses=documented(400, 503), summary="Find users by the start of a name")
    async def search(
        self,
        users: NamedDependency[Application],
        role: FromQuery[str | None] = None,
        prefix: Annotated[str, QueryParameter(max_length=255)] = "",
        limit: FromQuery[str | None] = None,
        offset: FromQuery[str | None] = None,
    ) -> SearchPage:
        """Return members first; case and accents do not count."""
        asked = paging.window(limit, offset, default=SEARCH_DEFAULT, maximum=SEARCH_MOST)
        page = await users.search(prefix, role or None, asked)
        return SearchPage(
            data=[_listed(users, user) for user in page.items],
            limit=asked.limit,
            offset=asked.offset,
            has_more=page.has_more,
        )

    @get("/{user_id:str}", responses=documented(404, 503), summary="A user")
    async def one(
        self, user_id: FromPath[str], visitor: Visitor, users: NamedDependency[Application]
    ) -> UserView:
        """Return the public view, or the whole account to its owner."""
        user = await users.get(user_id)
        own = visitor is not None and visitor.user_id == user.id
        account = _account(user) if own else AccountView(username=user.account.username)
        return UserView(id=user.id, role=user.role, account=account, profile=_profile(users, user))

    @put(
        "/{user_id:str}",
        status_code=204,
        security=BEARER,
        responses=documented(400, 401, 403, 404, 503),
        summary="Replace account and profile",
    )
    async def update(
        self,
        user_id: FromPath[str],
        data: JSONBody[UserChange],
        caller: Caller,
        users: NamedDependency[Application],
    ) -> None:
        """Replace everything editable; what is absent is removed."""
        account, profile = data.account, data.profile
        change = Change(
            dark_mode=account.dark_mode,
            language=account.language,
            gender=account.gender,
            birth_date=_birth_date(account.birth_date),
            interests=account.interests,
            name=profile.name,
            bio=profile.bio,
            contacts=profile.contacts,
        )
        await users.update(caller, user_id, change)

    @delete(
        "/{user_id:str}",
        status_code=204,
        security=BEARER,
        responses=documented(401, 403, 404, 503),
        summary="Delete an account",
    )
    async def remove(
        self,
        user_id: FromPath[str],
        caller: Caller,
        users: NamedDependency[Application],
        departures: NamedDependency[Departures],
    ) -> Response[None]:
        """Delete the account and, by event, what belongs to it; `Location` names a receipt."""
        receipt = await departures.delete(caller, user_id)
        return Response(None, headers={"Location": users.addresses.receipt(receipt)})

    @post(
        "/{user_id:str}/avatar",
        status_code=200,
        security=BEARER,
        request_max_body_size=AVATAR_BYTES,
        responses=documented(400, 401, 403, 404, 413, 503),
        summary="Set the picture",
    )
    async def set_avatar(
        self,
        user_id: FromPath[str],
        caller: Caller,
        users: NamedDependency[Application],
        data: MultipartBody[AvatarForm],
    ) -> AvatarView:
        """Store the form's ``avatar``; without one the default picture is set."""
        content = await data.avatar.read() if data.avatar is not None else None
        address = await users.set_avatar(caller, user_id, content)
        return AvatarView(user_id=user_id, avatar_url=address)

    @delete(
        "/{user_id:str}/avatar",
        status_code=204,
        security=BEARER,
        responses=documented(401, 403, 404, 503),
        summary="Remove the picture",
    )
    async def remove_avatar(
        self, user_id: FromPath[str], caller: Caller, users: NamedDependency[Application]
    ) -> None:
        """Go back to the default picture."""
        await users.remove_avatar(caller, user_id)

    @put(
        "/{user_id:str}/password",
        status_code=204,
        security=BEARER,
        responses=documented(400, 401, 403, 404, 503),
        summary="Change the password",
    )
    async def change_password(
        self,
        user_id: FromPath[str],
        data: JSONBody[PasswordRequest],
        caller: Caller,
        users: NamedDependency[Application],
    ) -> None:
        """Change it after checking the current one."""
        words = (data.current_password, data.new_password, data.confirm_password)
        await users.change_password(caller, user_id, words)

    @post(
        "/{user_id:str}/verification",
        status_code=202,
        security=BEARER,
        exception_handlers={Exception: answer(problem)},
        responses=documented(401, 403, 404, 503, problem=True),
        summary="Mail the verification link again",
    )
    async def ask_verification(
        self, user_id: FromPath[str], caller: Caller, users: NamedDependency[Application]
    ) -> None:
        """Send the mail that verifies the account's address."""
        await users.ask_verification(caller, user_id)


def login_view(users: Application, user: User, tokens: Tokens) -> LoginView:
    """Return the answer of a sign-in."""
    return LoginView(
        id=user.id,
        role=user.role,
        account=_account(user),
        profile=_profile(users, user),
        **_tokens(tokens),
    )


def _tokens(tokens: Tokens) -> dict[str, Any]:
    return {
        "access_token": tokens.access,
        "refresh_token": tokens.refresh,
        "expires_in": tokens.expires_in,
        "refresh_expires_in": tokens.refresh_expires_in,
    }


def _account(user: User) -> AccountView:
    account = user.account
    return AccountView(
        username=account.username,
        email=account.email,
        dark_mode=account.dark_mode,
        language=account.language,
        gender=account.gender,
        birth_date=None if account.birth_date is None else instant_text(account.birth_date),
        interests=None if account.interests is None else list(account.interests),
    )


def _profile(users: Application, user: User) -> ProfileView:
    profile = user.profile
    return ProfileView(
        name=profile.name,
        avatar=users.addresses.avatar(user),
        bio=profile.bio,
        contacts=None if profile.contacts is None else list(profile.contacts),
    )


def _listed(users: Application, user: User) -> UserView:
    profile = msgspec.structs.replace(_profile(users, user), contacts=None)
    name = AccountView(username=user.account.username)
    return UserView(id=user.id, role=user.role, account=name, profile=profile)


def _birth_date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError as error:
        raise InvalidError(
            "birthDate: expected an instant like 1990-01-01T00:00:00Z", field="birthDate"
        ) from error
