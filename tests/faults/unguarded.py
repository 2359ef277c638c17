"""Runs a service with one guard of the kit switched off: what a negative control breaks."""

import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable
from typing import Any


async def _nothing(*_: Any, **__: Any) -> None:
    await asyncio.sleep(0)


async def _yes(*_: Any) -> bool:
    return True


async def _at_once(_: object, work: Callable[[], Awaitable[Any]]) -> Any:
    return await work()


OTHERWISE: dict[str, dict[str, dict[str, Any]]] = {
    "inbox": {"inbox.Inbox": {"once": _nothing}},
    "lease": {"leases.Lease": {"claim": _yes}},
    "transaction": {"mongo.Mongo": {"transaction": _at_once}},
    "intents": {"intents.Intents": {"open": _nothing, "close": _yes}},
}


def switch_off(guard: str) -> None:
    """Replace the methods that are the guard."""
    for place, methods in OTHERWISE[guard].items():
        module, _, name = place.rpartition(".")
        owner = getattr(importlib.import_module(f"services.kit.{module}"), name)
        for method, other in methods.items():
            setattr(owner, method, other)


if __name__ == "__main__":
    switch_off(sys.argv[1])
    from services.__main__ import main

    sys.exit(main(sys.argv[2:]))
