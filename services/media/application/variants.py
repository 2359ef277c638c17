"""Sized forms of pictures: made when first asked for, kept, and gone with their original.

A variant's key holds the original's ETag, so one of an older version is never shown. Whoever
stores one looks at the original afterwards: had it changed meanwhile, what was stored goes again.
"""

import asyncio
import time
from collections import OrderedDict

from services.contracts.errors import InvalidError, UnavailableError
from services.kit import logs
from services.media import domain
from services.media.application.ports import Craft, Facts, Store
from services.media.domain import Form

WAIT_SECONDS = 12.0
MOST_AT_ONCE = 40
# What could not be made, or moves, is not tried again for a while.
UNSIZED = 1_000
UNSIZED_SECONDS = 600.0

log = logs.get(__name__)


class Variants:
    """The use cases, on ports.

    Args:
        store: where originals and variants are.
        craft: makes them.
        wait: seconds after which the original is shown while the variant is still being made.
    """

    def __init__(self, store: Store, craft: Craft, *, wait: float = WAIT_SECONDS) -> None:
        self._store = store
        self._craft = craft
        self._wait = wait
        self._making: dict[str, asyncio.Task[Facts | None]] = {}
        self._unsized: OrderedDict[str, float] = OrderedDict()

    async def of(self, original: Facts, width: int, form: Form) -> Facts | None:
        """Return a variant, made if need be; ``None`` where the original has to do."""
        if self._is_unsized(original.etag):
            return None
        key = domain.variant(original.key, original.etag, width, form)
        found = await self._store.head(key)
        return found or await self._made_once(key, original, width, form)

    async def _made_once(self, key: str, original: Facts, width: int, form: Form) -> Facts | None:
        making = self._making.get(key)
        if making is None:
            if len(self._making) >= MOST_AT_ONCE:
                return None
            making = asyncio.create_task(self._make(key, original, width, form))
            self._making[key] = making
            making.add_done_callback(lambda _: self._making.pop(key, None))
        try:
            async with asyncio.timeout(self._wait):
                return await asyncio.shield(making)
        except (TimeoutError, UnavailableError) as error:
            log.warning("a sized picture is not there in time", error=str(error))
            return None

    async def _make(self, key: str, original: Facts, width: int, form: Form) -> Facts | None:
        """Make and store a variant, unless another call has just done so."""
        if (found := await self._store.head(key)) is not None:
            return found

        async def read() -> bytes:
            stored = await self._store.get(original.key, etag=original.etag)
            if stored is None:
                raise UnavailableError("the picture changed meanwhile")
            return b"".join([chunk async for chunk in stored.content])

        try:
            made = await self._craft.size(read, width, form)
        except InvalidError as error:
            log.warning("a stored picture cannot be sized", error=error.message)
            made = None
        if made is None:
            self._remember(original.etag)
            return None
        await self._store.put(key, made.content, made.media_type)
        now = await self._store.head(original.key)
        if now is None or now.etag != original.etag:
            await self._store.delete(key)
            return None
        return await self._store.head(key)

    async def close(self) -> None:
        """Give up what is being made."""
        making = list(self._making.values())
        for one in making:
            one.cancel()
        await asyncio.gather(*making, return_exceptions=True)

    def _is_unsized(self, etag: str) -> bool:
        return self._unsized.get(etag, 0.0) > time.monotonic()

    def _remember(self, etag: str) -> None:
        self._unsized[etag] = time.monotonic() + UNSIZED_SECONDS
        while len(self._unsized) > UNSIZED:
            self._unsized.popitem(last=False)
