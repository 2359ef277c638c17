"""Keeps one resource as it says: looks, lets each system work alone, tells how they fared."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection
from typing import Any

from eventonight_operator import deletion, logs
from eventonight_operator.attempts import Attempts
from eventonight_operator.books import Books
from eventonight_operator.installation import FINALIZER, ROTATE, Installation
from eventonight_operator.kube.client import CONFLICT, Kube, KubeError
from eventonight_operator.kube.events import Kind, Teller
from eventonight_operator.moments import age
from eventonight_operator.schedule import SOON_SECONDS
from eventonight_operator.spec import ResourceError, decode
from eventonight_operator.telling import Reports

KIND = "EvenToNight"
# Events come in bursts; one look answers all of a burst.
BURST_SECONDS = 0.2
LONGEST_REST_SECONDS = 30.0

log = logs.get(__name__)
Document = dict[str, Any]


class Reconciler:
    """Keeps one resource until it is gone.

    Args:
        kube: the API.
        name: the resource.
        version: the operator's own.
        clock: seconds that only go forward.
    """

    def __init__(
        self, kube: Kube, name: str, version: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self.beat = clock()
        self._kube = kube
        self._clock = clock
        self._events = Teller(kube)
        self._attempts = Attempts(clock, self._tell)
        self._reports = Reports(version, self._tell)
        self._woken = asyncio.Event()
        self._now: Installation | None = None
        self._books: Books | None = None

    def wake(self, systems: Collection[str] | None = None) -> None:
        """Look at systems now; ``None``: at all, even those left alone because they failed."""
        if systems is None:
            self._attempts.schedule.reset()
        else:
            self._attempts.schedule.wake(systems)
        self._woken.set()

    async def run(self) -> None:
        """Keep the resource as it says until it is gone."""
        try:
            with logs.bind(resource=self.name):
                rest = await self._look()
                while rest is not None:
                    await self._rest(rest)
                    rest = await self._look()
        finally:
            await self._attempts.stop()

    async def let_go(self) -> None:
        """Release the resource at once, whatever is left behind: the namespace ends."""
        await self._attempts.stop()
        document = await self._kube.get(KIND, self.name)
        if document is not None and _is_held(document):
            now, books = self._read(document)
            progress = await deletion.go_on(now, books, 0.0, hurry=True)
            await self._release(books, progress)

    async def _look(self) -> float | None:
        """Look once; return after how many seconds to look again, ``None`` if there is no more."""
        try:
            document = await self._kube.get(KIND, self.name)
            if document is None:
                await self._gone()
                return None
            rest = await self._look_at(document)
        except KubeError as error:
            if error.status != CONFLICT:
                log.warning("the API server refuses", error=error.message)
            return SOON_SECONDS
        self.beat = self._clock()
        return rest

    async def _look_at(self, document: Document) -> float:
        try:
            now, books = self._read(document)
        except ResourceError as error:
            await self._unreadable(document, str(error))
            return LONGEST_REST_SECONDS
        if now.resource.metadata.deletion_timestamp is not None:
            await self._attempts.stop()
            await self._delete(now, books, document)
            return SOON_SECONDS
        if now.paused:
            await self._attempts.stop()
            await self._reports.paused(now, books)
            return LONGEST_REST_SECONDS
        await self._hold(now, document)
        await self._rotate(now)
        await self._attempts.go(now, books)
        await self._reports.working(now, books, self._attempts)
        return self._attempts.rest(now)

    def _read(self, document: Document) -> tuple[Installation, Books]:
        """Return the resource's systems, built anew when it says something else than before."""
        resource = decode(document)
        now, books = self._now, self._books
        if now is None or books is None or now.resource.metadata.uid != resource.metadata.uid:
            self._attempts.forget()
            books = Books(self._kube, self.name, document)
            now = None
        if now is None or now.generation != resource.metadata.generation:
            now = Installation(resource, self._kube)
            self._attempts.schedule.reset()
        now.resource = resource
        now.secrets.refresh()
        books.noted(document)
        self._now, self._books = now, books
        return now, books

    async def _unreadable(self, document: Document, words: str) -> None:
        """Report a resource that breaks a rule; even then, its deletion comes to an end."""
        metadata = document["metadata"]
        books = self._books or Books(self._kube, self.name, document)
        if "deletionTimestamp" not in metadata:
            await self._reports.unreadable(self.name, metadata["generation"], books, words)
        elif age(metadata["deletionTimestamp"]) > deletion.PATIENCE_SECONDS:
            orphans = tuple(books.status.inventory)
            await self._release(books, deletion.Progress(orphans=orphans))

    async def _hold(self, now: Installation, document: Document) -> None:
        """Hold the resource back from going only if there is something to be done before."""
        if bool(now.to_delete()) != _is_held(document):
            await self._set_held(document, held=not _is_held(document))

    async def _set_held(self, document: Document, *, held: bool) -> None:
        others = [one for one in document["metadata"].get("finalizers") or [] if one != FINALIZER]
        metadata = {
            "finalizers": [*others, FINALIZER] if held else others,
            "resourceVersion": document["metadata"]["resourceVersion"],
        }
        await self._kube.merge(KIND, self.name, {"metadata": metadata})

    async def _rotate(self, now: Installation) -> None:
        group = now.resource.metadata.annotations.get(ROTATE)
        if group is None:
            return
        try:
            names = await now.credentials.rotate(group)
        except ValueError as error:
            await self._tell("Warning", "InvalidReference", f"{ROTATE}: {error}")
        else:
            await self._tell("Normal", "CredentialsRotated", f"new: {', '.join(names)}")
        await self._kube.merge(KIND, self.name, {"metadata": {"annotations": {ROTATE: None}}})
        self._attempts.schedule.reset()

    async def _delete(self, now: Installation, books: Books, document: Document) -> None:
        if not _is_held(document):
            return
        elapsed = age(str(now.resource.metadata.deletion_timestamp))
        hurry = await namespace_ends(self._kube)
        progress = await deletion.go_on(now, books, elapsed, hurry=hurry)
        if progress.done:
            await self._release(books, progress)
        else:
            log.info("the deletion goes on", blocked=progress.blocked, waiting=progress.waiting)
            await self._reports.deleting(now, books, progress)

    async def _release(self, books: Books, progress: deletion.Progress) -> None:
        staying = [one for one in books.status.inventory if one not in progress.orphans]
        for kind, reason, note in deletion.told(progress, staying):
            log.warning(note, reason=reason)
            await self._tell(kind, reason, note)
        document = await self._kube.get(KIND, self.name)
        if document is not None and _is_held(document):
            await self._set_held(document, held=False)
        log.info("released")

    async def _gone(self) -> None:
        """Tell what stays when a resource that was not held back is gone."""
        if self._now is None or self._books is None or self._now.to_delete():
            return
        for kind, reason, note in deletion.told(deletion.Progress(), self._books.status.inventory):
            await self._tell(kind, reason, note)

    async def _tell(self, kind: Kind, reason: str, note: str) -> None:
        if self._now is not None:
            await self._events.tell(self._now.resource, kind, reason, note)

    async def _rest(self, seconds: float) -> None:
        """Rest until woken, until an attempt ends or something is due."""
        waking = asyncio.create_task(self._woken.wait())
        tasks = {waking, *self._attempts.running}
        timeout = min(seconds, LONGEST_REST_SECONDS)
        await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        waking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waking
        if self._woken.is_set():
            await asyncio.sleep(BURST_SECONDS)
        self._woken.clear()


async def namespace_ends(kube: Kube) -> bool:
    """Tell whether the namespace itself is being deleted; what cannot be told is no."""
    try:
        found = await kube.get("Namespace", kube.namespace)
    except KubeError:
        return False
    return found is not None and "deletionTimestamp" in found["metadata"]


def _is_held(document: Document) -> bool:
    return FINALIZER in (document["metadata"].get("finalizers") or [])
