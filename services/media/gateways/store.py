"""The object store."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import obstore
from obstore.exceptions import BaseError, NotFoundError, PreconditionError
from obstore.store import S3Store

from services.contracts.errors import UnavailableError
from services.media import domain
from services.media.application.ports import Facts, Listed, Span, Stored

CALL_SECONDS = 10
LIST_PAGE = 200
CHUNK_BYTES = 256 * 1024


class ObjectStore:
    """Pictures in an S3 bucket.

    Args:
        endpoint: the S3 address.
        bucket: made by provisioning.
        access_key: access key.
        secret_key: secret key.
        region: any name for most servers.
    """

    def __init__(
        self, endpoint: str, bucket: str, access_key: str, secret_key: str, region: str
    ) -> None:
        self._store = S3Store(
            bucket,
            endpoint=endpoint,
            access_key_id=access_key,
            secret_access_key=secret_key,
            region=region,
            virtual_hosted_style_request=False,
            client_options={
                "allow_http": True,
                "timeout": timedelta(seconds=CALL_SECONDS),
                "connect_timeout": timedelta(seconds=3),
            },
            retry_config={
                "max_retries": 2,
                "retry_timeout": timedelta(seconds=CALL_SECONDS),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=100),
                    "max_backoff": timedelta(seconds=1),
                    "base": 2,
                },
            },
        )

    async def head(self, key: str) -> Facts | None:
        """Return what is known of an object, ``None`` where there is none."""
        found = await self._get(key, {"head": True})
        return None if found is None else _facts(key, found)

    async def get(self, key: str, *, span: Span | None = None, etag: str = "") -> Stored | None:
        """Return an object, or a span of its bytes; ``None`` where there is none of that ETag."""
        options: dict[str, Any] = {}
        if span is not None:
            options["range"] = span
        if etag:
            options["if_match"] = f'"{etag}"'
        found = await self._get(key, options)
        return None if found is None else Stored(_facts(key, found), _chunks(found))

    async def _get(self, key: str, options: Any) -> Any:
        try:
            return await obstore.get_async(self._store, key, options=options)
        except (NotFoundError, FileNotFoundError, PreconditionError):
            return None
        except BaseError as error:
            raise _unavailable(error) from error

    async def put(self, key: str, content: bytes, media_type: str) -> None:
        """Store an object whole; a write that is cut off leaves what was there before."""
        try:
            await obstore.put_async(
                self._store,
                key,
                content,
                attributes={"Content-Type": media_type},
                use_multipart=False,
            )
        except BaseError as error:
            raise _unavailable(error) from error

    async def delete(self, key: str) -> None:
        """Delete an object; one that is gone is fine."""
        try:
            await obstore.delete_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return
        except BaseError as error:
            raise _unavailable(error) from error

    async def delete_all(self, prefix: str) -> int:
        """Delete every object under a prefix and return how many there were."""
        gone = 0
        try:
            async for page in obstore.list(self._store, prefix, chunk_size=LIST_PAGE):
                keys = [one["path"] for one in page]
                await obstore.delete_async(self._store, keys)
                gone += len(keys)
        except BaseError as error:
            raise _unavailable(error) from error
        return gone

    async def listed(self, prefix: str) -> AsyncIterator[Listed]:
        """Return every object under a prefix."""
        try:
            async for page in obstore.list(self._store, prefix, chunk_size=LIST_PAGE):
                for one in page:
                    yield Listed(one["path"], one["size"], one["last_modified"])
        except BaseError as error:
            raise _unavailable(error) from error

    async def ping(self) -> None:
        """Raise unless the bucket answers and has what is shown for missing pictures."""
        if await self.head(domain.DEFAULTS[-1]) is None:
            raise UnavailableError("the default pictures are not stored yet")


def _facts(key: str, found: Any) -> Facts:
    meta = found.meta
    return Facts(
        key=key,
        media_type=str(found.attributes.get("Content-Type") or "application/octet-stream"),
        size=meta["size"],
        etag=(meta["e_tag"] or "").strip('"'),
        modified=meta["last_modified"],
    )


async def _chunks(found: Any) -> AsyncIterator[bytes]:
    async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
        yield bytes(chunk)


def _unavailable(error: Exception) -> UnavailableError:
    return UnavailableError(f"pictures are not available right now: {type(error).__name__}")
