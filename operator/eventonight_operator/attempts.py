"""The attempts at a resource's systems: side by side, each at its own pace."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from eventonight_operator import logs, metrics, status
from eventonight_operator.books import Books
from eventonight_operator.conditions import Fared
from eventonight_operator.election import LeadershipLostError
from eventonight_operator.faults import SystemFaultError
from eventonight_operator.installation import Installation
from eventonight_operator.kube.events import Kind
from eventonight_operator.moments import timestamp
from eventonight_operator.plan import Action
from eventonight_operator.reconcile import Outcome, System, attempt
from eventonight_operator.schedule import Schedule

# How long a look waits for systems before it tells how the quick ones fared.
PATIENCE_SECONDS = 2.0
SHOWN = 5

log = logs.get(__name__)
Tell = Callable[[Kind, str, str], Awaitable[object]]


class Work(msgspec.Struct, frozen=True):
    """An attempt under way.

    Args:
        generation: of the resource that it is for.
        settled: whether the system was as wished before, so that differences are drift.
        reporting: whether drift is only reported.
        task: the attempt; its result also tells whether credentials are new.
    """

    generation: int
    settled: bool
    reporting: bool
    task: "asyncio.Task[tuple[Outcome, bool]]"


class Attempts:
    """Makes attempts when they are due and keeps how they ended.

    Args:
        clock: seconds that only go forward.
        tell: tells an event.
    """

    def __init__(self, clock: Callable[[], float], tell: Tell) -> None:
        self.schedule = Schedule(clock)
        self.fared: dict[str, Fared] = {}
        self.reported: dict[str, list[str]] = {}
        self._clock = clock
        self._tell = tell
        self._work: dict[str, Work] = {}
        self._marks: dict[str, str] = {}

    @property
    def running(self) -> set["asyncio.Task[tuple[Outcome, bool]]"]:
        """The attempts under way."""
        return {one.task for one in self._work.values()}

    def rest(self, now: Installation) -> float:
        """Return the seconds until something is due."""
        return self.schedule.next_in([name for name in now.systems if name not in self._work])

    def forget(self) -> None:
        """Forget how systems fared: the resource is another one."""
        self.fared.clear()
        self.reported.clear()
        self._marks.clear()

    async def go(self, now: Installation, books: Books) -> None:
        """Start what is due, Secrets first as the others need them; note what has ended."""
        first = now.credentials
        if self._is_due(first.name):
            self._start(first, now, books)
            await asyncio.wait({self._work[first.name].task})
            await self._collect(now, books)
        for name, system in now.systems.items():
            if self._is_due(name):
                self._start(system, now, books)
        if self._work:
            await asyncio.wait(self.running, timeout=PATIENCE_SECONDS)
        await self._collect(now, books)

    async def stop(self) -> None:
        """Break off what is under way; whatever was begun is looked at anew later."""
        tasks = self.running
        self._work.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_due(self, name: str) -> bool:
        return name not in self._work and self.schedule.due(name)

    def _start(self, system: System, now: Installation, books: Books) -> None:
        self.schedule.begin(system.name)
        settled = getattr(books.status.converged, system.name) == now.generation
        reporting = settled and now.resource.spec.reconciliation.drift_policy == "Report"
        task = asyncio.create_task(self._attempt(system, now, books, reporting=reporting))
        self._work[system.name] = Work(now.generation, settled, reporting, task)

    async def _attempt(
        self, system: System, now: Installation, books: Books, *, reporting: bool
    ) -> tuple[Outcome, bool]:
        started = self._clock()
        with logs.bind(system=system.name):
            try:
                return await self._tried(system, now, books, reporting=reporting)
            except LeadershipLostError:
                raise
            except SystemFaultError as error:
                return _fault(system, error), False
            except Exception as error:
                log.exception("an attempt broke")
                return _fault(system, SystemFaultError("Progressing", repr(error))), False
            finally:
                metrics.DURATION.labels(system.name).observe(self._clock() - started)

    async def _tried(
        self, system: System, now: Installation, books: Books, *, reporting: bool
    ) -> tuple[Outcome, bool]:
        mark = await _mark(system, now)
        fresh = self._marks.get(system.name, mark) != mark
        outcome = await attempt(
            system,
            books,
            policy=now.resource.spec.reconciliation.adoption_policy,
            skip=lambda one: reporting and status.is_repair(one, secret_changed=fresh),
        )
        if not outcome.fault:
            self._marks[system.name] = mark
        # Credentials that changed meanwhile may have been passed on already.
        return outcome, fresh or mark != await _mark(system, now)

    async def _collect(self, now: Installation, books: Books) -> None:
        for name, work in list(self._work.items()):
            if work.task.done():
                del self._work[name]
                outcome, fresh = work.task.result()
                await self._note(work, outcome, now, books, fresh=fresh)

    async def _note(
        self, work: Work, outcome: Outcome, now: Installation, books: Books, *, fresh: bool
    ) -> None:
        name, undone = outcome.system, [one for one in outcome.left if one.doable]
        _log(outcome, self.fared.get(name))
        _measure(outcome)
        self.fared[name] = Fared(work.generation, outcome)
        self.reported[name] = [str(one) for one in undone] if work.reporting else []
        if work.generation == now.generation:
            ended = msgspec.structs.replace(outcome, left=()) if work.reporting else outcome
            self.schedule.note(ended, now.interval)
        if outcome.adopted:
            await self._tell("Normal", "Adopted", ", ".join(outcome.adopted))
        if work.settled:
            repairs = [one for one in outcome.done if status.is_repair(one, secret_changed=fresh)]
            await self._repaired(books, repairs)
        if work.reporting:
            _found(books, undone)
        if outcome.settled:
            converged = status.converged(books.status.converged, name, work.generation)
            books.status = msgspec.structs.replace(books.status, converged=converged)

    async def _repaired(self, books: Books, repairs: list[Action]) -> None:
        if not repairs:
            return
        drift = status.drifted(books.status.drift, repairs, timestamp(), corrected=True)
        books.status = msgspec.structs.replace(books.status, drift=drift)
        for one in repairs:
            metrics.CORRECTIONS.labels(one.kind).inc()
        await self._tell("Warning", "DriftCorrected", "; ".join(map(str, repairs[:SHOWN])))


async def _mark(system: System, now: Installation) -> str:
    return "" if system is now.credentials else await now.credentials_mark()


def _fault(system: System, error: SystemFaultError) -> Outcome:
    return Outcome(system.name, reason=error.reason, message=error.message, fault=True)


def _found(books: Books, actions: list[Action]) -> None:
    """Note drift that is only reported, once."""
    if {f"{one.kind}/{one.name}" for one in actions} <= set(books.status.drift.objects):
        return
    drift = status.drifted(books.status.drift, actions, timestamp(), corrected=False)
    books.status = msgspec.structs.replace(books.status, drift=drift)


def _measure(outcome: Outcome) -> None:
    result = "failed" if outcome.fault else "changed" if outcome.done else "unchanged"
    metrics.PASSES.labels(outcome.system, result).inc()
    metrics.DEPENDENCY_UP.labels(outcome.system).set(not outcome.fault)


def _log(outcome: Outcome, before: Fared | None) -> None:
    for one in outcome.done:
        log.info("done", system=outcome.system, action=str(one))
    was = (before.outcome.reason, before.outcome.message) if before else ("AllReady", "")
    if outcome.fault:
        log.warning("failed", system=outcome.system, reason=outcome.reason, error=outcome.message)
    elif (outcome.reason, outcome.message) != was:
        log.info("fares", system=outcome.system, reason=outcome.reason, message=outcome.message)
