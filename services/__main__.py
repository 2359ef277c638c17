"""Command line of the services: ``python -m services run users``, ``topology``, ``openapi`` ..."""

import argparse
import importlib
import os
import sys
from types import ModuleType

import uvloop

from services.kit import logs
from services.kit.service import run
from services.kit.settings import SettingsError, load

CONTEXTS = ("users", "events", "media")


def context(name: str) -> ModuleType:
    """Return the wiring module of a context: ``Settings`` and ``build(settings) -> Service``."""
    return importlib.import_module(f"services.{name}.app")


def run_service(name: str) -> int:
    """Serve one context until told to stop."""
    app = context(name)
    try:
        settings = load(app.Settings, os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 2
    logs.configure(service=name, level=settings.log_level, style=settings.log_format)

    async def main() -> None:
        await run(app.build(settings), settings)

    uvloop.run(main())
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m services", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("run", help="serve one context")
    serve.add_argument("name", choices=CONTEXTS)
    given = parser.parse_args(arguments)
    return run_service(given.name)


if __name__ == "__main__":
    sys.exit(main())
