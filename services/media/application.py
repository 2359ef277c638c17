"""What can be done with pictures."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import BinaryIO, Protocol

import msgspec

from services.contracts.errors import ForbiddenError, InvalidError, NotFoundError
from services.contracts.roles import SERVICE
from services.kit.tokens import Identity
from services.media import domain
from services.media.domain import Owner


class Stored(msgspec.Struct, frozen=True):
    """A stored picture; ``etag`` without quotes, ``size`` in bytes."""

    key: str
    media_type: str
    size: int
    etag: str
    modified: datetime
    content: AsyncIterator[bytes]


class Store(Protocol):
    """The object store; raises `UnavailableError` when it does not answer."""

    async def get(self, key: str) -> Stored | None:
        """Return an object, ``None`` where there is none."""
        ...

    async def exists(self, key: str) -> bool:
        """Tell whether there is an object."""
        ...

    async def put(self, key: str, content: BinaryIO, media_type: str) -> None:
        """Store an object whole."""
        ...

    async def delete(self, key: str) -> None:
        """Delete an object; one that is gone is fine."""
        ...

    async def delete_all(self, prefix: str) -> int:
        """Delete every object under a prefix and return how many there were."""
        ...


class Inspector(Protocol):
    """Tells what a file really is."""

    async def format(self, content: BinaryIO) -> str:
        """Return the picture's format as in ``domain.FORMATS``; raise `InvalidError` otherwise."""
        ...


class Owners(Protocol):
    """Tells who may write an event's pictures."""

    async def may_edit(self, event_id: str, user_id: str, bearer: str) -> bool:
        """Tell whether a user made an event or collaborates on it."""
        ...


class Pictures:
    """The use cases, on ports."""

    def __init__(self, store: Store, inspector: Inspector, owners: Owners) -> None:
        self._store = store
        self._inspector = inspector
        self._owners = owners

    async def read(self, path: str) -> tuple[Stored, bool]:
        """Return the picture of a path, or the default one with ``True``.

        Raises:
            NotFoundError: even the default is missing.
        """
        try:
            wanted = domain.readable(path)
            found = await self._store.get(wanted)
        except NotFoundError:
            wanted, found = "", None
        if found is not None:
            return found, False
        default = await self._store.get(domain.fallback(wanted))
        if default is None:
            raise NotFoundError("no such picture")
        return default, True

    async def write(
        self, belongs_to: Owner, file_name: str, content: BinaryIO, *, replace: bool
    ) -> str:
        """Store a picture and return its key.

        Args:
            belongs_to: whose it is; rights are checked before.
            file_name: as the client calls it.
            content: seekable, at most ``domain.MAX_BYTES``.
            replace: only where there is one already.

        Raises:
            InvalidError: not a picture, or too many pixels.
            NotFoundError: nothing to replace.
        """
        key = domain.key(belongs_to, file_name)
        if replace and not await self._store.exists(key):
            raise NotFoundError("no such picture")
        media_type = domain.FORMATS[await self._inspector.format(content)]
        content.seek(0)
        await self._store.put(key, content, media_type)
        return key

    async def delete(self, belongs_to: Owner, file_name: str) -> None:
        """Delete one picture.

        Raises:
            NotFoundError: there is none.
        """
        key = domain.key(belongs_to, file_name)
        if not await self._store.exists(key):
            raise NotFoundError("no such picture")
        await self._store.delete(key)

    async def clean(self, kind: str, entity_id: str) -> int:
        """Delete everything of a deleted user or event and return how many pictures went."""
        try:
            belongs_to = domain.owner(kind, entity_id)
        except InvalidError:
            return 0
        return await self._store.delete_all(belongs_to.prefix)

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
