"""Orders that an index walks, and how a walk goes on after a given row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from services.kit.mongo import Document

EARLIEST: Final = datetime(1, 1, 1, tzinfo=UTC)
NULLABLE: Final = "date"


@dataclass(frozen=True)
class Order:
    """By one field, then by id, both the same way."""

    key: str
    descending: bool = False

    @property
    def sort(self) -> dict[str, int]:
        """The sort specification."""
        way = -1 if self.descending else 1
        return {self.key: way, "_id": way}

    def position(self, row: Document) -> list[Any]:
        """Return where a row stands."""
        return [row[self.key], row["_id"]]

    def after(self, position: Sequence[Any]) -> list[tuple[Document, dict[str, int]]]:
        """Return what follows a position: one range of an index after the other, with its sort.

        The rest of those that are equal comes first; it is sorted by id alone, as no index is known
        to give the other order once the field is one value. Absent values are the least of all, and
        no comparison with a present one finds them.
        """
        value, last = position
        beyond = "$lt" if self.descending else "$gt"
        by_id = {"_id": self.sort["_id"]}
        equal: Document = {self.key: value, "_id": {beyond: last}}
        if value is not None:
            found = [(equal, by_id), ({self.key: {beyond: value}}, self.sort)]
            absent = self.descending and self.key == NULLABLE
            return [*found, ({self.key: None}, by_id)] if absent else found
        if self.descending:
            return [(equal, by_id)]
        return [(equal, by_id), ({self.key: {"$gte": EARLIEST}}, self.sort)]
