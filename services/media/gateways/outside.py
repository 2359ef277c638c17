"""The object store, the picture inspector and the events service."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, BinaryIO

import httpx
import msgspec
import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store
from PIL import Image

from services.contracts.errors import InvalidError, UnavailableError
from services.media import domain
from services.media.application import Stored

CALL_SECONDS = 10
OWNER_SECONDS = 3.0
LIST_PAGE = 200
PART_BYTES = 5 * 1024 * 1024


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

    async def get(self, key: str) -> Stored | None:
        """Return an object, ``None`` where there is none."""
        try:
            found = await obstore.get_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return None
        except BaseError as error:
            raise _unavailable(error) from error
        media_type = str(found.attributes.get("Content-Type") or "application/octet-stream")
        meta = found.meta
        return Stored(
            key=key,
            media_type=media_type,
            size=meta["size"],
            etag=(meta["e_tag"] or "").strip('"'),
            modified=meta["last_modified"],
            content=_chunks(found),
        )

    async def exists(self, key: str) -> bool:
        """Tell whether there is an object."""
        try:
            await obstore.head_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return False
        except BaseError as error:
            raise _unavailable(error) from error
        return True

    async def put(self, key: str, content: BinaryIO, media_type: str) -> None:
        """Store an object whole; a write that is cut off leaves what was there before."""
        try:
            await obstore.put_async(
                self._store,
                key,
                content,
                attributes={"Content-Type": media_type},
                chunk_size=PART_BYTES,
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

    async def ping(self) -> None:
        """Raise unless the bucket answers."""
        await self.exists(domain.DEFAULTS[0])


async def _chunks(found: Any) -> AsyncIterator[bytes]:
    async for chunk in found.stream(min_chunk_size=256 * 1024):
        yield bytes(chunk)


def _unavailable(error: Exception) -> UnavailableError:
    return UnavailableError(f"pictures are not available right now: {type(error).__name__}")


class PillowInspector:
    """Looks at a file's own bytes; what the client calls it does not count."""

    async def format(self, content: BinaryIO) -> str:
        """Return the picture's format.

        Raises:
            InvalidError: not a picture of a known format, broken, or with too many pixels.
        """
        return await asyncio.to_thread(_format, content)


def _format(content: BinaryIO) -> str:
    content.seek(0)
    try:
        with Image.open(content, formats=list(domain.FORMATS)) as picture:
            found, (width, height) = str(picture.format), picture.size
            small = width * height <= domain.MAX_PIXELS
            if small:
                picture.load()
    except Exception as error:  # decoders raise whatever broken bytes lead them to
        expected = f"file: expected a {', '.join(sorted(domain.FORMATS))} picture"
        raise InvalidError(expected, field="file") from error
    if not small:
        raise InvalidError(f"file: at most {domain.MAX_PIXELS} pixels", field="file")
    return found


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    creator_id: str
    collaborator_ids: list[str] = []


class EventsService:
    """Asks the events service who may edit an event, with the caller's own token."""

    def __init__(self, base: str, client: httpx.AsyncClient) -> None:
        self._base = base.rstrip("/")
        self._client = client

    async def may_edit(self, event_id: str, user_id: str, bearer: str) -> bool:
        """Tell whether a user made an event or collaborates on it.

        Raises:
            UnavailableError: the events service does not answer.
        """
        try:
            answer = await self._client.get(
                f"{self._base}/{event_id}",
                headers={"Authorization": bearer},
                timeout=OWNER_SECONDS,
            )
        except httpx.HTTPError as error:
            raise UnavailableError("events are not available right now") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return False
        if answer.is_error:
            raise UnavailableError("events are not available right now")
        event = msgspec.json.decode(answer.content, type=_Event)
        return user_id == event.creator_id or user_id in event.collaborator_ids
