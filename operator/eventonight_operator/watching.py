"""Watches of the namespace, opened and kept open by kopf, which writes nothing here."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import kopf

from eventonight_operator.kube.access import Access
from eventonight_operator.kube.client import KINDS
from eventonight_operator.spec import GROUP, PLURAL, VERSION
from eventonight_operator.systems.workloads import CHILDREN
from eventonight_operator.systems.workloads.manifests import MANAGED_BY

LOGIN_MINUTES = 10
CALL_SECONDS = 10.0
WATCH_SECONDS = 300
LOOK_SECONDS = 5.0
WATCHER = "watcher for "
OURS = f"app.kubernetes.io/managed-by={MANAGED_BY}"
# A finalizer that kopf never sets, as nothing here asks it to hold resources back.
UNUSED_FINALIZER = "eventonight.io/unused"
SECRET = "Secret"  # noqa: S105 - a kind
WATCHED = (*CHILDREN, SECRET)
Document = dict[str, Any]


class DeafError(Exception):
    """A watch has ended that should go on for ever."""


class Listener(Protocol):
    """Whoever wants to know that something has become different."""

    def resource_event(self, document: Document) -> None:
        """Take notice of an event of a resource."""

    def child_event(self, kind: str, document: Document, *, gone: bool) -> None:
        """Take notice of an event of something that was made for a resource."""


async def watch(
    access: Access, listener: Listener, ended: asyncio.Event, ready: Callable[[], None]
) -> None:
    """Watch the namespace with kopf until ended: its events only say when to look.

    Args:
        access: the way to the API server.
        listener: told of events.
        ended: set to end.
        ready: called when kopf is set up.
    """
    before = set(asyncio.all_tasks())
    tasks = await kopf.spawn_tasks(
        registry=registry(access, listener),
        settings=watching(),
        namespaces=[access.namespace],
        standalone=True,
        stop_flag=ended,
    )
    ready()
    listening = asyncio.create_task(_until_deaf())
    running = asyncio.create_task(kopf.run_tasks(tasks, ignored={*before, listening}))
    try:
        await asyncio.wait({listening, running}, return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            await listening
        await running
    finally:
        for one in (listening, running):
            one.cancel()
        await asyncio.gather(listening, running, return_exceptions=True)


async def _until_deaf() -> None:
    """Raise when fewer watches are open than there were: kopf itself goes on without them."""
    most = 0
    while True:
        names = [task.get_name() for task in asyncio.all_tasks()]
        count = sum(name.startswith(WATCHER) for name in names)
        if count < most:
            raise DeafError(f"{most - count} of {most} watches ended")
        most = count
        await asyncio.sleep(LOOK_SECONDS)


def registry(access: Access, listener: Listener) -> kopf.OperatorRegistry:
    """Return what is watched: the resources, and what was made for them."""
    found = kopf.OperatorRegistry()

    @kopf.on.login(registry=found)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(
            server=access.server,
            ca_data=access.authority or None,
            scheme="Bearer" if access.bearer() else None,
            token=access.bearer() or None,
            certificate_data=access.certificate or None,
            private_key_data=access.key or None,
            expiration=datetime.now(UTC) + timedelta(minutes=LOGIN_MINUTES),
        )

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=found)
    async def resource(*, event: kopf.RawEvent, **_: Any) -> None:
        listener.resource_event(dict(event["object"]))

    for kind in WATCHED:
        _watch_children(found, kind, listener)
    return found


def _watch_children(found: kopf.OperatorRegistry, kind: str, listener: Listener) -> None:
    group, _, version = KINDS[kind][0].rpartition("/")

    @kopf.on.event(group, version, KINDS[kind][1], registry=found, id=f"children-{kind}")
    async def child(*, event: kopf.RawEvent, **_: Any) -> None:
        listener.child_event(kind, dict(event["object"]), gone=event["type"] == "DELETED")


def watching() -> kopf.OperatorSettings:
    """Return kopf's settings: it watches narrowly, and writes nothing at all."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.persistence.finalizer = UNUSED_FINALIZER
    settings.networking.request_timeout = CALL_SECONDS
    settings.networking.connect_timeout = CALL_SECONDS
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.client_timeout = WATCH_SECONDS + CALL_SECONDS
    settings.watching.connect_timeout = CALL_SECONDS
    settings.process.ultimate_exiting_timeout = None
    for kind in WATCHED:
        settings.watching.label_selectors[KINDS[kind][1]] = OURS
    return settings
