"""Liveness, readiness and metrics over HTTP."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Answer = Callable[[], str]


@asynccontextmanager
async def serving(bind: str, port: int, trouble: Answer) -> AsyncIterator[None]:
    """Serve for the length of a block.

    Args:
        bind: address to listen on.
        port: port to listen on.
        trouble: returns why the process should be started again, empty while all is well.
    """

    async def alive(_: web.Request) -> web.Response:
        words = trouble()
        return web.Response(status=503 if words else 200, text=f"{words or 'alive'}\n")

    async def ready(_: web.Request) -> web.Response:
        return web.Response(text="ready\n")

    async def measures(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes(
        [web.get("/healthz", alive), web.get("/readyz", ready), web.get("/metrics", measures)]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, bind, port).start()
        yield
    finally:
        await runner.cleanup()
