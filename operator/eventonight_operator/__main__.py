"""Command line of the operator: ``python -m eventonight_operator run``."""

import argparse
import asyncio
import sys

from eventonight_operator import inside
from eventonight_operator.faults import SystemFaultError
from eventonight_operator.kube.access import AccessError
from eventonight_operator.settings import SettingsError, load
from eventonight_operator.spec import ResourceError

MOST_DEAD_LETTERS = 1_000


def run(_: argparse.Namespace) -> None:
    """Keep the resources of a namespace until told to stop."""
    from eventonight_operator import main as operator  # noqa: PLC0415 - only here kopf is needed

    operator.main(load())


def look(given: argparse.Namespace) -> None:
    """Print how an installation is, and what a pass would do."""
    inside.show(asyncio.run(inside.look(given.name)))


def replay(given: argparse.Namespace) -> None:
    """Send dead letters back to their queue."""
    inside.replay(given.name, given.queue, given.limit)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eventonight_operator", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help=run.__doc__).set_defaults(handler=run)
    looking = commands.add_parser("look", help=look.__doc__)
    looking.add_argument("name")
    looking.set_defaults(handler=look)
    replaying = commands.add_parser("replay", help=replay.__doc__)
    replaying.add_argument("name")
    replaying.add_argument("queue")
    replaying.add_argument(
        "--limit", type=int, default=100, choices=range(1, MOST_DEAD_LETTERS + 1)
    )
    replaying.set_defaults(handler=replay)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    given = _parser().parse_args(arguments)
    try:
        given.handler(given)
    except (
        AccessError,
        SettingsError,
        ResourceError,
        SystemFaultError,
        inside.NoResourceError,
    ) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
