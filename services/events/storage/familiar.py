"""Names that are known to be stored, so that a save need not ask again."""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import Final

MOST: Final = 20_000


class Familiar:
    """Names of rows, each with what is known of it and when the row was last seen to be needed.

    Args:
        most: how many names are kept; those asked for longest ago make room.
    """

    def __init__(self, most: int = MOST) -> None:
        self._rows: OrderedDict[str, tuple[datetime, frozenset[str]]] = OrderedDict()
        self._most = most

    def keep(self, name: str, seen_at: datetime, facts: Iterable[str] = ()) -> None:
        """Remember a row as it is stored."""
        self._rows[name] = (seen_at, frozenset(facts))
        self._rows.move_to_end(name)
        if len(self._rows) > self._most:
            self._rows.popitem(last=False)

    def has(self, name: str, since: datetime, facts: Iterable[str] = ()) -> bool:
        """Tell whether a row with these facts was seen to be needed after a moment."""
        seen_at, known = self._rows.get(name, (since, frozenset()))
        return seen_at > since and known.issuperset(facts)
