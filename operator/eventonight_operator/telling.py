"""What the world is told of a resource: its status when it changed, events of transitions."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from eventonight_operator import conditions, logs, metrics, status
from eventonight_operator.attempts import Attempts
from eventonight_operator.books import Books
from eventonight_operator.conditions import Said
from eventonight_operator.deletion import Progress
from eventonight_operator.installation import Installation
from eventonight_operator.kube.events import Kind
from eventonight_operator.moments import timestamp
from eventonight_operator.spec.status import Condition, Status
from eventonight_operator.systems.workloads.manifests import selector

log = logs.get(__name__)
Tell = Callable[[Kind, str, str], Awaitable[object]]
VERDICTS = ("True", "False", "Unknown")


class Reports:
    """Writes statuses.

    Args:
        version: the operator's own.
        tell: tells an event.
    """

    def __init__(self, version: str, tell: Tell) -> None:
        self._version = version
        self._tell = tell

    async def working(self, now: Installation, books: Books, attempts: Attempts) -> None:
        """Report an installation that is worked on."""
        drift = [one for lines in attempts.reported.values() for one in lines]
        old = books.status.conditions
        said = conditions.of_installation(now.generation, attempts.fared, old, drift=drift)
        await self._write(now, books, said, attempts)

    async def paused(self, now: Installation, books: Books) -> None:
        """Report an installation that nothing is done for; what was known of it stays."""
        said = conditions.of_installation(now.generation, {}, books.status.conditions, paused=True)
        await self._write(now, books, said)

    async def deleting(self, now: Installation, books: Books, progress: Progress) -> None:
        """Report an installation that is being deleted."""
        said = conditions.of_installation(
            now.generation, {}, books.status.conditions, deleting=True, blocked=progress.blocked
        )
        await self._write(now, books, said)

    async def unreadable(self, name: str, generation: int, books: Books, words: str) -> None:
        """Report a resource that breaks a rule."""
        old = books.status
        said = conditions.unreadable(generation, old.conditions, words)
        merged = conditions.merged(old.conditions, said, timestamp())
        if await books.keep(msgspec.structs.replace(old, conditions=merged)):
            _measure(name, merged)

    async def _write(
        self,
        now: Installation,
        books: Books,
        said: Sequence[Said],
        attempts: Attempts | None = None,
    ) -> None:
        old = books.status
        merged = conditions.merged(old.conditions, said, timestamp())
        fared = attempts.fared if attempts else {}
        name = now.resource.metadata.name
        wanted = Status(
            observed_generation=now.generation,
            operator_version=self._version,
            replicas=now.workloads.pods() if "workloads" in fared else old.replicas,
            selector=",".join(f"{key}={value}" for key, value in selector(name).items()),
            conditions=merged,
            summary=status.summary(fared, old.summary, now.resource.spec.identity.realm.name),
            services=status.services(fared.get("workloads"), old.services),
            converged=old.converged,
            drift=old.drift,
        )
        if await books.keep(wanted):
            _measure(name, merged)
            for kind, reason, note in conditions.transitions(old.conditions, merged):
                log.info(note, reason=reason)
                await self._tell(kind, reason, note)


def _measure(name: str, found: Sequence[Condition]) -> None:
    for one in found:
        for verdict in VERDICTS:
            metrics.CONDITION.labels(name, one.type, verdict).set(one.status == verdict)
