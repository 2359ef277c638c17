"""Command line of the one-machine stack: ``python -m local up`` and its kin."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from local import commands, portal
from local.fetch import FetchError
from local.mailbox import Mailbox
from local.ports import PortsTakenError


def serve_portal(given: argparse.Namespace) -> int:
    """Serve the landing and mail pages."""
    mailbox = Mailbox(Path(given.state) / "mail")
    app = portal.build(
        mailbox, given.host, given.services.split(","), place=given.place, demo=given.demo
    )
    work = portal.serve(app, mailbox, bind=given.bind, port=given.port, smtp_port=given.smtp)
    asyncio.run(work)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    rows = parser.add_subparsers(dest="command", required=True)
    simple: dict[str, tuple[str, Callable[[argparse.Namespace], int]]] = {
        "fetch": ("install what is missing on this machine", commands.fetch_parts),
        "down": ("stop the stack", commands.down),
        "reset": ("stop the stack and forget everything it stored", commands.reset),
        "status": ("show every part", commands.status),
        "diff": ("show what provisioning would change", commands.show_diff),
        "reconcile": ("repair what differs", commands.repair),
        "supervise": ("keep the stack running (started by up)", commands.supervise),
    }
    for name, (words, handler) in simple.items():
        rows.add_parser(name, help=words).set_defaults(handler=handler)
    up = rows.add_parser("up", help="bring the stack up")
    up.add_argument("--no-seed", action="store_true", help="leave the demo content out")
    up.set_defaults(handler=commands.up)
    logs = rows.add_parser("logs", help="show what parts say")
    logs.add_argument("part", nargs="?", default="")
    logs.add_argument("--follow", action="store_true")
    logs.set_defaults(handler=commands.logs)
    page = rows.add_parser("portal", help="serve the landing and mail pages (started by up)")
    for option, kind in (("state", str), ("port", int), ("smtp", int), ("host", str)):
        page.add_argument(f"--{option}", type=kind, required=True)
    page.add_argument("--services", required=True)
    page.add_argument("--bind", default="127.0.0.1", help="address to listen on")
    page.add_argument("--place", choices=portal.PLACES, default="machine", help="where it runs")
    page.add_argument("--no-demo", dest="demo", action="store_false", help="hide demo accounts")
    page.set_defaults(handler=serve_portal)
    return parser


def main() -> int:
    """Run the command line and return its exit status."""
    given = _parser().parse_args()
    try:
        status: int = given.handler(given)
    except (FetchError, PortsTakenError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
