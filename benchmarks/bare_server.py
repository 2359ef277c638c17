"""The least that could answer ``GET /{event_id}``: no framework, no token, no log, no measures.

It does the same find with the same driver options and encodes the same answer. Address and port
come from ``MONGO_URL`` and ``PORT``.
"""

import asyncio
import os
from typing import Any

import msgspec
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from services.kit.mongo import Document, Mongo

PROJECTION = {"terms": 0}
HEADERS = [(b"content-type", b"application/json")]


class BareServer:
    """An ASGI application of one route."""

    def __init__(self, url: str) -> None:
        self._rows = Mongo(url, service="bare")["events"]
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        row = await self._rows.find_one({"_id": scope["path"][1:]}, PROJECTION)
        body = self._encode(_view(row or {}))
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, length]})
        await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def _view(row: Document) -> Document:
    location = row["location"]
    place = {name: value for name, value in location.items() if value is not None}
    return {
        "eventId": row["_id"],
        "status": row["status"],
        "instant": _instant(row["createdAt"]),
        "creatorId": row["creatorId"],
        "isFree": row["isFree"],
        "collaboratorIds": row["collaboratorIds"],
        "title": row["title"],
        "poster": row["poster"],
        "tags": row["tags"],
        "date": row["date"].replace(tzinfo=None).isoformat(),
        "location": place,
    }


def _instant(moment: Any) -> str:
    return str(moment.replace(tzinfo=None).isoformat(timespec="milliseconds")) + "Z"


def main() -> None:
    """Serve until ended."""
    server = Server(
        BareServer(os.environ["MONGO_URL"]),
        port=int(os.environ["PORT"]),
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
    )
    uvloop.run(_serve(server))


async def _serve(server: Server) -> None:
    asyncio.get_running_loop().set_debug(False)
    await server.serve()


if __name__ == "__main__":
    main()
