"""Command line of the operator: ``python -m eventonight_operator run``."""

import argparse
import sys

from eventonight_operator.kube.access import AccessError
from eventonight_operator.settings import SettingsError, load


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m eventonight_operator", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="keep the resources of a namespace until told to stop")
    parser.parse_args(arguments)
    try:
        from eventonight_operator import main as operator  # noqa: PLC0415 - only here kopf is needed

        operator.main(load())
    except (AccessError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
