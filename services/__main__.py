"""Command line of the services: ``python -m services run users``, ``topology``, ``openapi`` ..."""

import argparse
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from services import catalogue
from services.kit import dlq, logs
from services.kit.amqp import Broker
from services.kit.service import Service, run
from services.kit.settings import Settings, SettingsError, load
from services.seed import run as run_seed

CONTEXTS = catalogue.CONTEXTS
ALL = "all"
MOST_DEAD_LETTERS = 1_000

Command = Callable[[argparse.Namespace], Awaitable[None]]


async def serve(given: argparse.Namespace) -> None:
    """Serve one context, or all in this process, until told to stop."""
    served: list[tuple[Service, Settings]] = []
    for name in CONTEXTS if given.name == ALL else (given.name,):
        app = catalogue.app_of(name)
        environ = _own(name) if given.name == ALL else os.environ
        settings: Settings = load(app.Settings, environ)
        if settings.crash_points and not served:
            from services.kit import crashpoints  # noqa: PLC0415 - costs nothing unless asked for

            crashpoints.install(Path(settings.crash_points))
        served.append((app.build(settings), settings))
    first = served[0][1]
    logs.configure(service=given.name, level=first.log_level, style=first.log_format)
    await run(*served)


def _own(name: str) -> dict[str, str]:
    """Return the environment in which what is prefixed with a context's name is its own."""
    prefix = f"{name.upper()}_"
    own = {
        key.removeprefix(prefix): os.environ[key] for key in os.environ if key.startswith(prefix)
    }
    return {**os.environ, **own}


async def indexes(given: argparse.Namespace) -> None:
    """Create what is missing of a context's indexes."""
    app = catalogue.app_of(given.name)
    service = app.build(load(app.Settings, os.environ))
    for prepare in service.prepare:
        await prepare()
    for close in service.close:
        await close()


async def document(given: argparse.Namespace) -> None:
    """Write a generated document to standard output."""
    sys.stdout.write(catalogue.DOCUMENTS[given.command](getattr(given, "name", "")))


async def dead_letters(given: argparse.Namespace) -> None:
    """List, show or replay dead letters; the broker is ``AMQP_URL``."""
    broker = Broker(os.environ["AMQP_URL"], service="dlq")
    if given.action == "list":
        for queue in catalogue.queues():
            for name in queue.physical_names:
                sys.stdout.write(f"{name}\t{await dlq.depth(broker, name)}\n")
    elif given.action == "show":
        for letter in await dlq.show(broker, given.queue, limit=given.limit):
            sys.stdout.write(
                f"{letter.message_id}\t{letter.routing_key}\t{letter.reason}\t{letter.body}\n"
            )
    else:
        count = await dlq.replay(broker, given.queue, limit=given.limit)
        sys.stdout.write(f"{count} messages went back to {given.queue}\n")


async def demo(given: argparse.Namespace) -> None:
    """Bring the demo in, or list its accounts."""
    if given.accounts:
        for account in run_seed.accounts():
            sys.stdout.write(json.dumps(account) + "\n")
    else:
        await run_seed.seed(given.gateway, given.wait, given.host)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary, command in (
        ("run", "serve one context, or all; NAME_VARIABLE is then one's own VARIABLE", serve),
        ("indexes", "create a context's indexes", indexes),
        ("openapi", "print a context's OpenAPI document", document),
    ):
        one = commands.add_parser(name, help=summary)
        one.add_argument("name", choices=(*CONTEXTS, ALL) if command is serve else CONTEXTS)
        one.set_defaults(handler=command)
    for name in ("asyncapi", "topology", "needs"):
        commands.add_parser(name, help=f"print the {name}").set_defaults(handler=document)
    letters = commands.add_parser("dlq", help="look after dead letters")
    letters.add_argument("action", choices=("list", "show", "replay"))
    letters.add_argument("queue", nargs="?", default="")
    letters.add_argument(
        "--limit",
        type=int,
        default=100,
        choices=range(1, MOST_DEAD_LETTERS + 1),
        metavar=f"1..{MOST_DEAD_LETTERS}",
    )
    letters.set_defaults(handler=dead_letters)
    filling = commands.add_parser("seed", help="bring demo people and events in")
    filling.add_argument("--gateway", default="http://localhost:8080", help="main host's address")
    filling.add_argument("--host", default="", help="main host, where the address has another")
    filling.add_argument("--wait", type=float, default=60.0, help="seconds to wait for the API")
    filling.add_argument("--accounts", action="store_true", help="only list the accounts")
    filling.set_defaults(handler=demo)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    given = _parser().parse_args(arguments)
    if given.command == "dlq" and given.action != "list" and not given.queue:
        sys.stderr.write(f"dlq {given.action}: name the queue\n")
        return 2
    handler: Command = given.handler
    try:
        uvloop.run(_await(handler(given)))
    except (SettingsError, run_seed.SeedError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


async def _await(work: Awaitable[None]) -> None:
    await work


if __name__ == "__main__":
    sys.exit(main())
