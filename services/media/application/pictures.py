"""What can be done with pictures."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import BinaryIO, TypeVar

from services.contracts.errors import ForbiddenError, NotFoundError
from services.contracts.roles import SERVICE
from services.kit.clock import Clock, utc_now
from services.kit.tokens import Identity
from services.media import domain
from services.media.application.ports import Craft, Facts, Owners, Span, Store, Stored
from services.media.domain import Owner

T = TypeVar("T")


class Pictures:
    """The use cases, on ports."""

    def __init__(
        self, store: Store, craft: Craft, owners: Owners, *, clock: Clock = utc_now
    ) -> None:
        self._store = store
        self._craft = craft
        self._owners = owners
        self._clock = clock

    async def find(self, path: str) -> tuple[Facts, bool]:
        """Return what is known of the picture of a path, or of the default one with ``True``.

        Raises:
            NotFoundError: even the default is missing.
        """
        return await self._first(path, self._store.head)

    async def whole(self, path: str) -> tuple[Stored, bool]:
        """Return the picture of a path, or the default one with ``True``; raises as `find`."""
        return await self._first(path, self._store.get)

    async def _first(self, path: str, read: Callable[[str], Awaitable[T | None]]) -> tuple[T, bool]:
        try:
            wanted = domain.readable(path)
            found = await read(wanted)
        except NotFoundError:
            wanted, found = "", None
        if found is not None:
            return found, False
        default = await read(domain.fallback(wanted))
        if default is None:
            raise NotFoundError("no such picture")
        return default, True

    async def open(self, found: Facts, span: Span | None = None) -> Stored | None:
        """Return a picture's bytes; ``None`` if it is no longer the one that was found."""
        return await self._store.get(found.key, span=span, etag=found.etag)

    async def own(self, belongs_to: Owner, file_name: str) -> Stored:
        """Return a picture itself, never a default one.

        Raises:
            NotFoundError: there is none.
        """
        found = await self._store.get(domain.key(belongs_to, file_name))
        if found is None:
            raise NotFoundError("no such picture")
        return found

    async def write(
        self, belongs_to: Owner, file_name: str, content: BinaryIO, *, replace: bool
    ) -> str:
        """Store a picture, stripped of all but its pixels, and return its key.

        Args:
            belongs_to: whose it is; rights are checked before.
            file_name: as the client calls it.
            content: seekable, at most ``domain.MAX_BYTES``.
            replace: only where there is one already.

        Raises:
            InvalidError: not a picture, or too large a one.
            NotFoundError: nothing to replace, or its owner is gone.
        """
        key = domain.key(belongs_to, file_name)
        before = await self._store.head(key)
        if replace and before is None:
            raise NotFoundError("no such picture")
        content.seek(0)
        made = await self._craft.clean(content)
        if before is not None:
            await self._let_a_second_pass(before.modified)
        await self._store.put(key, made.content, made.media_type)
        await self._forget_variants(key)
        # Looked at afterwards: a farewell that came in between found nothing to delete yet.
        if await self._store.head(belongs_to.farewell) is not None:
            await self._store.delete_all(belongs_to.prefix)
            raise NotFoundError("whom the picture belongs to is gone")
        return key

    async def delete(self, belongs_to: Owner, file_name: str) -> None:
        """Delete one picture.

        Raises:
            NotFoundError: there is none.
        """
        key = domain.key(belongs_to, file_name)
        if await self._store.head(key) is None:
            raise NotFoundError("no such picture")
        await self._store.delete(key)
        await self._forget_variants(key)

    async def check_writer(self, caller: Identity, belongs_to: Owner, bearer: str) -> None:
        """Check that a caller may write somebody's pictures.

        Raises:
            ForbiddenError: neither a service nor the owner.
        """
        if SERVICE in caller.roles:
            return
        if belongs_to.kind == "users" and caller.user_id == belongs_to.id:
            return
        user_id = caller.user_id
        asked = belongs_to.kind == "events" and user_id is not None
        if asked and await self._owners.may_edit(belongs_to.id, user_id or "", bearer):
            return
        raise ForbiddenError("these pictures are not yours")

    async def _forget_variants(self, key: str) -> None:
        await self._store.delete_all(f"{domain.VARIANTS}/{key}/")

    async def _let_a_second_pass(self, modified: datetime) -> None:
        """Wait until a new version's date, exact to a second, differs from the old one's."""
        ahead = modified.replace(microsecond=0) + timedelta(seconds=1) - self._clock()
        await asyncio.sleep(min(max(ahead.total_seconds(), 0.0), 1.0))
