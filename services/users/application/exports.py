"""Everything that all services keep of one person, as one archive, whole or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Protocol

from services.contracts.errors import NotFoundError, UnavailableError
from services.contracts.personal import File, Item, Line, Section
from services.kit.clock import instant_text
from services.kit.tokens import Identity
from services.users.application.accounts import own
from services.users.application.ports import Accounts, Users

MAKE_SECONDS = 25.0
MOST_AT_ONCE = 2
MOST_FILES = 5_000


class Archive(Protocol):
    """An archive under construction."""

    size: int

    async def document(self, service: str, lines: AsyncIterator[Line]) -> list[File]:
        """Add what a service tells as one document, and return the files it names."""
        ...

    async def picture(self, file: File, content: AsyncIterator[bytes] | None) -> None:
        """Add a picture, or note that it is not there."""
        ...

    def finish(self, user_id: str) -> None:
        """Add what says what is in it; nothing can be added any more."""
        ...

    def content(self) -> AsyncIterator[bytes]:
        """Return the bytes, and forget them once they are read."""
        ...

    def close(self) -> None:
        """Forget it."""
        ...


class Peers(Protocol):
    """The other services; raise `UnavailableError` when one does not tell everything."""

    @property
    def names(self) -> Sequence[str]:
        """Which there are."""
        ...

    def lines(self, name: str, user_id: str) -> AsyncIterator[Line]:
        """Return what a service keeps of a person."""
        ...

    def picture(self, key: str) -> AbstractAsyncContextManager[AsyncIterator[bytes] | None]:
        """Open a picture; ``None`` where there is none."""
        ...


class Exports:
    """The use case, on ports."""

    def __init__(
        self, *, users: Users, accounts: Accounts, peers: Peers, archive: Callable[[], Archive]
    ) -> None:
        self._users = users
        self._accounts = accounts
        self._peers = peers
        self._archive = archive
        self._under_way: set[str] = set()

    async def make(self, caller: Identity, user_id: str) -> Archive:
        """Return the finished archive of somebody's own data.

        Raises:
            ForbiddenError: not the caller's own.
            NotFoundError: no such user.
            UnavailableError: a service did not tell everything in time, or others are waiting.
        """
        own(caller, user_id)
        if await self._users.get(user_id) is None:
            raise NotFoundError("no such user")
        with self._turn(user_id):
            archive = self._archive()
            try:
                async with asyncio.timeout(MAKE_SECONDS):
                    await self._fill(archive, user_id)
            except TimeoutError as error:
                archive.close()
                raise UnavailableError("the export took too long; try again later") from error
            except BaseException:
                archive.close()
                raise
            return archive

    @contextmanager
    def _turn(self, user_id: str) -> Iterator[None]:
        if user_id in self._under_way or len(self._under_way) >= MOST_AT_ONCE:
            raise UnavailableError("an export is being made already; try again in a moment")
        self._under_way.add(user_id)
        try:
            yield
        finally:
            self._under_way.discard(user_id)

    async def _fill(self, archive: Archive, user_id: str) -> None:
        files = await archive.document("users", self.personal(user_id))
        for name in self._peers.names:
            files += await archive.document(name, self._peers.lines(name, user_id))
            if len(files) > MOST_FILES:
                raise UnavailableError("more pictures than fit", code="export-too-large")
        for file in {file.key: file for file in files}.values():
            async with self._peers.picture(file.key) as content:
                await archive.picture(file, content)
        archive.finish(user_id)

    async def personal(self, user_id: str) -> AsyncIterator[Line]:
        """Return what users keep of a person."""
        yield Section(name="account", about="Your account and your public profile.")
        user = await self._users.get(user_id)
        if user is not None:
            account, profile = user.account, user.profile
            born = account.birth_date
            yield Item(
                {
                    "id": user.id,
                    "role": user.role,
                    "username": account.username,
                    "email": account.email,
                    "darkMode": account.dark_mode,
                    "language": account.language,
                    "gender": account.gender,
                    "birthDate": None if born is None else instant_text(born),
                    "interests": account.interests,
                    "name": profile.name,
                    "bio": profile.bio,
                    "contacts": profile.contacts,
                    "avatar": profile.avatar,
                }
            )
        yield Section(
            name="sign-in",
            about="What the sign-in service (Keycloak) keeps, besides a password hash.",
        )
        known = await self._accounts.by_user_id(user_id)
        if known is not None:
            yield Item(
                {
                    "subject": known.subject,
                    "username": known.username,
                    "email": known.email,
                    "role": known.role,
                }
            )
