"""What is ours outside the cluster, as ``system/kind/name``: what may be changed and pruned."""

from collections.abc import Collection, Iterable
from typing import Protocol

from eventonight_operator.plan import Key


class Ledger(Protocol):
    """Remembers what is ours; written before the object is made, so a crash forgets nothing."""

    async def entries(self) -> frozenset[str]:
        """Return what is ours."""
        ...

    async def replace(self, system: str, own: frozenset[str]) -> None:
        """Remember exactly these of a system; what others own stays."""
        ...


class OpenLedger:
    """Books that are kept for one run only."""

    def __init__(self) -> None:
        self._entries: frozenset[str] = frozenset()

    async def entries(self) -> frozenset[str]:
        """Return what is ours."""
        return self._entries

    async def replace(self, system: str, own: frozenset[str]) -> None:
        """Remember exactly these of a system; what others own stays."""
        self._entries = (self._entries - of_system(self._entries, system)) | own


def entry(system: str, kind: str, name: str) -> str:
    """Return the entry of an object."""
    return f"{system}/{kind}/{name}"


def key_of(line: str) -> Key:
    """Return kind and name of an entry."""
    _, kind, name = line.split("/", 2)
    return kind, name


def names(entries: Iterable[str], system: str, kind: str) -> set[str]:
    """Return the names of a kind's entries."""
    prefix = f"{system}/{kind}/"
    return {one.removeprefix(prefix) for one in entries if one.startswith(prefix)}


def of_system(entries: Collection[str], system: str) -> frozenset[str]:
    """Return one system's entries."""
    return frozenset(one for one in entries if one.startswith(f"{system}/"))
