"""A figure with its spread over the rounds, and the bar that it must keep."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Bar:
    """What the median of a figure must keep to."""

    kind: Literal["at most", "at least"]
    limit: float

    def holds(self, value: float) -> bool:
        """Tell whether a value keeps to it."""
        return value <= self.limit if self.kind == "at most" else value >= self.limit


@dataclass(frozen=True)
class Figure:
    """One measure, with a value per round.

    Args:
        name: what was measured, and against what.
        values: at least one.
        unit: empty for ratios.
        bar: ``None`` for what is only told.
    """

    name: str
    values: Sequence[float]
    unit: str = ""
    bar: Bar | None = None

    @property
    def median(self) -> float:
        """The value that counts."""
        return statistics.median(self.values)

    @property
    def holds(self) -> bool:
        """Whether the median keeps to the bar, if there is one."""
        return self.bar is None or self.bar.holds(self.median)


def ratios(upper: Sequence[float], lower: Sequence[float]) -> list[float]:
    """Return the ratio of each round."""
    return [one / other for one, other in zip(upper, lower, strict=True)]


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that a share (0 to 1) of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def show(title: str, found: Sequence[Figure]) -> None:
    """Print figures as a table."""
    table = Table(title=title, title_justify="left")
    for heading in ("figure", "min", "median", "max", "bar", ""):
        table.add_column(heading, justify="left" if heading == "figure" else "right")
    for one in found:
        spread = [f"{value:.3g}" for value in (min(one.values), one.median, max(one.values))]
        name = f"{one.name} [{one.unit}]" if one.unit else one.name
        bar = f"{one.bar.kind} {one.bar.limit:g}" if one.bar else ""
        verdict = "" if one.bar is None else "holds" if one.holds else "FAILS"
        table.add_row(name.replace("[", r"\["), *spread, bar, verdict)
    Console().print(table)


def store(path: Path, found: Sequence[Figure]) -> None:
    """Keep figures as JSON, every round's value among them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "name": one.name,
            "unit": one.unit or "ratio",
            "min": min(one.values),
            "median": one.median,
            "max": max(one.values),
            "values": list(one.values),
            "bar": None if one.bar is None else f"{one.bar.kind} {one.bar.limit:g}",
            "holds": one.holds,
        }
        for one in found
    ]
    path.write_text(json.dumps(rows, indent=1) + "\n")
