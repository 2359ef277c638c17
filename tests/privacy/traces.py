"""Looks for somebody in every store that the product has."""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient

from local import fetch, parts
from servers import Servers
from services.kit.settings import load
from services.media.app import Settings
from services.media.gateways.store import ObjectStore

# The servers' own: users of the database, and the log of changes, which is overwritten in turn.
SYSTEM = {"admin", "config", "local"}
DUMP_SECONDS = 60


class Traces:
    """Where texts are found, as ``place: text``."""

    def __init__(self, servers: Servers, texts: Iterable[str]) -> None:
        self._servers = servers
        self._texts = [text.encode() for text in texts]

    async def everywhere(self) -> list[str]:
        """Return every place that still knows."""
        return [
            *await self.in_databases(),
            *await self.in_keycloak(),
            *await self.in_pictures(),
            *await self.in_queues(),
        ]

    def _found(self, place: str, content: bytes) -> list[str]:
        lower = content.lower()
        return [f"{place}: {text.decode()}" for text in self._texts if text.lower() in lower]

    async def in_databases(self) -> list[str]:
        client: AsyncMongoClient[RawBSONDocument] = AsyncMongoClient(
            await self._servers.mongodb(), document_class=RawBSONDocument
        )
        found: list[str] = []
        for name in await client.list_database_names():
            if name in SYSTEM or name.startswith("t_"):
                continue
            for collection in await client[name].list_collection_names():
                async for row in client[name][collection].find():
                    found += self._found(f"{name}.{collection}", bytes(row.raw))
        await client.close()
        return found

    async def in_keycloak(self) -> list[str]:
        """Search a dump of all that Keycloak keeps."""
        site = self._servers.setup.site
        owner = parts.secret(site, "postgres-keycloak")
        process = await asyncio.create_subprocess_exec(
            str((fetch.postgres_bin() or Path("/usr/bin")) / "pg_dump"),
            *("-h", "127.0.0.1", "-p", str(site.ports["postgres"]), "-U", owner["username"]),
            *("--data-only", "postgres"),
            env={**os.environ, "PGPASSWORD": owner["password"]},
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(DUMP_SECONDS):
            dump, _ = await process.communicate()
        assert process.returncode == 0
        return self._found("keycloak", dump)

    async def in_pictures(self) -> list[str]:
        """Search the keys, and what lies under those that are no pictures."""
        store = object_store(self._servers)
        found: list[str] = []
        async for one in store.listed(""):
            found += self._found("bucket", one.key.encode())
            if one.key.startswith("departed/"):
                stored = await store.get(one.key)
                chunks = [chunk async for chunk in stored.content] if stored else []
                found += self._found(one.key, b"".join(chunks))
        return found

    async def in_queues(self) -> list[str]:
        """Search what waits to be delivered, and the dead letters."""
        vhost = self._servers.setup.resource.spec.messaging.vhost
        take = {"count": 1000, "ackmode": "ack_requeue_true", "encoding": "auto"}
        found: list[str] = []
        async with await self._servers.rabbitmq() as admin:
            for queue in (await admin.get(f"queues/{vhost}")).json():
                path = f"queues/{vhost}/{queue['name']}/get"
                found += self._found(queue["name"], (await admin.post(path, json=take)).content)
        return found


def object_store(servers: Servers) -> ObjectStore:
    told = load(Settings, servers.environment("media"))
    keys = told.s3_access_key, told.s3_secret_key
    return ObjectStore(told.s3_endpoint, told.s3_bucket, *keys, told.s3_region)
