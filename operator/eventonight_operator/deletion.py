"""Deleting an installation: in order, bounded, and never what still holds messages."""

import asyncio
from collections.abc import Sequence

import msgspec

from eventonight_operator import reconcile
from eventonight_operator.installation import Installation
from eventonight_operator.kube.events import Kind
from eventonight_operator.ledger import Ledger, of_system
from eventonight_operator.reconcile import Outcome, System

# Backends that do not answer for so long are given up; with one last try that is under 150 s.
PATIENCE_SECONDS = 100.0
TRY_SECONDS = 30.0
GROUPS = {"rabbitmq": "messaging", "keycloak": "identity", "mongodb": "mongodb"}


class Progress(msgspec.Struct, frozen=True):
    """How far a deletion is.

    Args:
        blocked: what holds it up until somebody decides, empty for nothing.
        waiting: what it waits for by itself.
        orphans: entries of what could not be removed and is left behind.
    """

    blocked: str = ""
    waiting: str = ""
    orphans: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether the resource may go."""
        return not self.blocked and not self.waiting


async def go_on(
    installation: Installation, ledger: Ledger, elapsed: float, *, hurry: bool = False
) -> Progress:
    """Take the next steps of a deletion; doing so again goes on from wherever it is.

    Services go first, so that nothing flows any more; then what was made outside, as far as the
    deletion policies say so; then the Secrets.

    Args:
        installation: the resource and its systems.
        ledger: what is ours.
        elapsed: seconds since the deletion was asked for.
        hurry: whether the namespace itself ends, so that nothing is waited for.
    """
    patient = elapsed < PATIENCE_SECONDS and not hurry
    services = await _remove(installation.workloads, ledger)
    if not services.settled and patient:
        return Progress(waiting=services.message)
    names = installation.to_delete()
    outcomes = await asyncio.gather(
        *(_remove(installation.outside[name], ledger) for name in names)
    )
    progress = await _judged(list(outcomes), ledger, patient=patient, hurry=hurry)
    if progress.done:
        await _remove_secrets(installation, names)
    return progress


async def _remove(system: System, ledger: Ledger) -> Outcome:
    return await reconcile.removal(system, ledger, TRY_SECONDS)


async def _judged(
    outcomes: list[Outcome], ledger: Ledger, *, patient: bool, hurry: bool
) -> Progress:
    entries = await ledger.entries()
    blocked, waiting, orphans = [], [], []
    for one in outcomes:
        held = any(action.verb == "blocked" for action in one.left)
        if one.settled:
            continue
        if held and not hurry:
            blocked.append(one.message)
        elif patient or (not one.fault and not held and not hurry):
            waiting.append(one.message or one.system)
        else:
            orphans += sorted(of_system(entries, one.system)) or [one.system]
    return Progress("; ".join(blocked), "; ".join(waiting), tuple(orphans))


async def _remove_secrets(installation: Installation, names: list[str]) -> None:
    groups = {GROUPS[name] for name in names}
    for secret in installation.credentials.of_groups(groups):
        await installation.secrets.remove(secret)


def told(progress: Progress, kept: Sequence[str]) -> list[tuple[Kind, str, str]]:
    """Return the events at the end: what was given up, and what stays on purpose."""
    found: list[tuple[Kind, str, str]] = []
    if progress.orphans:
        words = f"could not be removed and are left behind: {', '.join(progress.orphans)}"
        found.append(("Warning", "Orphaned", words))
    if kept:
        found.append(("Normal", "Retained", f"kept: {', '.join(kept)}"))
    return found
