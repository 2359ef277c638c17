"""Names that are known to be stored, so that a save need not ask again."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from services.kit.mongo import Collection

MOST: Final = 20_000
KNOWN_BY: Final = {"spots": 1, "seenAt": 1}


class Familiar:
    """Names of rows, each with what is known of it and when the row was last seen to be needed.

    Args:
        most: how many names are kept; those read longest ago make room.
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

    async def unknown(
        self, rows: Collection, wanted: Mapping[str, Iterable[str]], since: datetime
    ) -> list[str]:
        """Return the names of which no row, with these facts, was seen to be needed since then."""
        asked = [name for name, facts in wanted.items() if not self.has(name, since, facts)]
        if not asked:
            return []
        query = {"_id": {"$in": asked}, "seenAt": {"$gt": since}}
        async for row in rows.find(query, KNOWN_BY).limit(len(asked)):
            self.keep(row["_id"], row["seenAt"], row.get("spots", ()))
        return [name for name in asked if not self.has(name, since, wanted[name])]
