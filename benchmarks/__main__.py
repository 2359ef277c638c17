"""Run benchmarks by name, or all of them: ``python -m benchmarks [NAME ...]``."""

import argparse
import asyncio
import importlib
import sys
import time

from benchmarks import ROOT, figures
from benchmarks.figures import Figure
from benchmarks.stand import standing

NAMES = ("reads", "tokens", "writes", "outbox", "search")
RESULTS = ROOT / ".cache" / "benchmarks"


async def run(names: list[str]) -> list[Figure]:
    """Run benchmarks on one set of servers and show what they find."""
    every: list[Figure] = []
    async with standing() as stand:
        for name in names:
            module = importlib.import_module(f"benchmarks.{name}")
            started = time.monotonic()
            found: list[Figure] = await module.measure(stand)
            figures.show(f"{name}, {time.monotonic() - started:.0f} s", found)
            figures.store(RESULTS / f"{name}.json", found)
            every += found
    return every


def main() -> int:
    """Return 0 if every figure keeps to its bar."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    given = parser.parse_args().names
    unknown = sorted(set(given) - set(NAMES))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    broken = [one for one in asyncio.run(run(given or list(NAMES))) if not one.holds]
    for one in broken:
        sys.stderr.write(f"{one.name}: {one.median:.3g} breaks the bar\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
