"""What the use cases need from outside, and the values that pass."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import BinaryIO, Protocol

import msgspec

from services.contracts.events import UserErased
from services.media.domain import Form


class Facts(msgspec.Struct, frozen=True):
    """What is known of a stored object; ``etag`` without quotes, ``size`` in bytes."""

    key: str
    media_type: str
    size: int
    etag: str
    modified: datetime


class Stored(msgspec.Struct, frozen=True):
    """A stored object; its content is fetched as it is read."""

    facts: Facts
    content: AsyncIterator[bytes]


class Listed(msgspec.Struct, frozen=True):
    """An object in a list; ``size`` in bytes."""

    key: str
    size: int
    modified: datetime


class Crafted(msgspec.Struct, frozen=True):
    """A picture made here."""

    content: bytes
    media_type: str


Span = tuple[int, int]


class Store(Protocol):
    """The object store; raises `UnavailableError` when it does not answer."""

    async def head(self, key: str) -> Facts | None:
        """Return what is known of an object, ``None`` where there is none."""
        ...

    async def get(self, key: str, *, span: Span | None = None, etag: str = "") -> Stored | None:
        """Return an object, or its bytes from one offset to before another.

        ``None`` where there is none, or none of that ETag.
        """
        ...

    async def put(self, key: str, content: bytes, media_type: str) -> None:
        """Store an object whole."""
        ...

    async def delete(self, key: str) -> None:
        """Delete an object; one that is gone is fine."""
        ...

    async def delete_all(self, prefix: str) -> int:
        """Delete every object under a prefix and return how many there were."""
        ...

    def listed(self, prefix: str) -> AsyncIterator[Listed]:
        """Return every object under a prefix."""
        ...


class Craft(Protocol):
    """Looks into pictures and makes new ones, some at a time.

    Raises `UnavailableError` when too much is asked at once, or a picture takes too long.
    """

    async def clean(self, content: BinaryIO) -> Crafted:
        """Return an upload stripped of all but its pixels; raise `InvalidError` if it is none."""
        ...

    async def size(
        self, read: Callable[[], Awaitable[bytes]], width: int, form: Form
    ) -> Crafted | None:
        """Return a sized form of a picture, read when its turn comes; ``None`` if it moves."""
        ...


class Owners(Protocol):
    """Tells who may write an event's pictures."""

    async def may_edit(self, event_id: str, user_id: str, bearer: str) -> bool:
        """Tell whether a user made an event or collaborates on it."""
        ...


class Reports(Protocol):
    """Tells others what was removed."""

    async def erased(self, report: UserErased) -> None:
        """Return once the report is on its way; the same report twice does no harm."""
        ...
