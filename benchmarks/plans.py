"""What the database does for the commands that the product really sends."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from services.kit.mongo import Document, Mongo

EXPLAINED: Final = frozenset(
    ("find", "aggregate", "count", "distinct", "update", "delete", "findAndModify")
)
OF_THE_SESSION: Final = frozenset(
    (
        "lsid",
        "$clusterTime",
        "$db",
        "$readPreference",
        "txnNumber",
        "startTransaction",
        "autocommit",
        "readConcern",
        "writeConcern",
        "maxTimeMS",
        "ordered",
    )
)


@dataclass
class Recorder(CommandListener):
    """Keeps the commands of every client made after it was registered, while it is on."""

    on: bool = False
    commands: list[Document] = field(default_factory=list)

    def started(self, event: CommandStartedEvent) -> None:
        """Keep a command."""
        if self.on and event.command_name in EXPLAINED:
            self.commands.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Do nothing: what a command asked for is enough."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Plan:
    """How a command was carried out.

    Args:
        command: what was asked.
        stages: names of all its stages.
        keys: index keys looked at.
        returned: documents given back.
    """

    command: Document
    stages: frozenset[str]
    keys: int
    returned: int


async def explained(database: Mongo, command: Document) -> list[Plan]:
    """Return the plans of a command, one for each of its writes."""
    plain = {name: value for name, value in command.items() if name not in OF_THE_SESSION}
    return [await _explained(database, one) for one in _single(plain)]


def _single(command: Document) -> Iterator[Document]:
    for name in ("updates", "deletes"):
        if name in command:
            yield from ({**command, name: [one]} for one in command[name])
            return
    yield command


async def _explained(database: Mongo, command: Document) -> Plan:
    asked: Document = {"explain": command, "verbosity": "executionStats"}
    found = await database.database.command(asked)
    executed = [one["executionStats"] for one in _having(found, "executionStats")]
    return Plan(
        command,
        frozenset(str(one["stage"]) for one in _having(found, "stage")),
        sum(one["totalKeysExamined"] for one in executed),
        sum(one["nReturned"] for one in executed[:1]),
    )


def _having(value: Any, name: str) -> Iterator[Document]:
    """Yield every document inside a value that has a field."""
    if isinstance(value, dict):
        if name in value:
            yield value
        for inner in value.values():
            yield from _having(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _having(inner, name)
