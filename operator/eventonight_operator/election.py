"""Who of several replicas writes: the holder of a Lease, and nobody once that is in doubt."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from eventonight_operator import metrics
from eventonight_operator.kube.client import Kube, KubeError

LEASE_SECONDS = 15.0
RENEW_SECONDS = 10.0
RETRY_SECONDS = 2.0
# A renewal that is seen late is counted from late: the takeover takes as much longer.
LOOK_SECONDS = 1.0
CONFLICT = 409
Document = dict[str, Any]


class LeadershipLostError(Exception):
    """Another replica may lead by now, so nothing is written any more."""


class Record(msgspec.Struct, frozen=True):
    """What was last seen of the Lease, and since when it has not changed."""

    holder: str = ""
    renewed: str = ""
    since: float = 0.0


class Election:
    """Takes and keeps one Lease.

    Another's Lease counts as given up when it did not change for `LEASE_SECONDS` by our own clock,
    so clocks need not agree. Ours counts as lost `RENEW_SECONDS` after the last renewal began:
    earlier than anybody else may take it.

    Args:
        kube: the API.
        name: the Lease's name.
        identity: who we are, the same after a restart in place.
        clock: seconds that only go forward.
    """

    def __init__(
        self, kube: Kube, name: str, identity: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._kube = kube
        self._name = name
        self._identity = identity
        self._clock = clock
        self._seen = Record()
        self._until = float("-inf")
        self.asked = clock()

    @property
    def leading(self) -> bool:
        """Whether we may write now."""
        return self._clock() < self._until

    def check(self) -> None:
        """Raise unless we may write now."""
        if not self.leading:
            raise LeadershipLostError(f"{self._identity} does not hold the lease {self._name}")

    async def acquire(self) -> None:
        """Return once the Lease is ours."""
        held = await self._try()
        while not held:
            await asyncio.sleep(self._pause())
            held = await self._try()
        metrics.LEADER.set(1)

    async def keep(self) -> None:
        """Renew the Lease; return once it is lost."""
        while self.leading:
            await asyncio.sleep(RETRY_SECONDS)
            await self._try()
        metrics.LEADER.set(0)

    async def release(self) -> None:
        """Give the Lease up, so that another need not wait for its end."""
        self._until = float("-inf")
        metrics.LEADER.set(0)
        try:
            found = await self._kube.get("Lease", self._name)
            if found is not None and found["spec"].get("holderIdentity") == self._identity:
                found["spec"] |= {"holderIdentity": "", "renewTime": _now()}
                await self._kube.replace(found)
        except KubeError:
            return

    def _pause(self) -> float:
        """Return when to try again: regularly, but not after another's Lease has ended."""
        left = self._seen.since + LEASE_SECONDS - self._clock()
        return min(LOOK_SECONDS, left) if left > 0 else LOOK_SECONDS

    async def _try(self) -> bool:
        started = self.asked = self._clock()
        try:
            async with asyncio.timeout(RENEW_SECONDS / 2):
                held = await self._take(started)
        except (KubeError, TimeoutError):
            return self.leading
        self._until = started + RENEW_SECONDS if held else float("-inf")
        return held

    async def _take(self, now: float) -> bool:
        found = await self._kube.get("Lease", self._name)
        if found is None:
            return await self._write(self._kube.introduce, self._document({}))
        spec = found["spec"]
        holder, renewed = spec.get("holderIdentity") or "", spec.get("renewTime") or ""
        if (holder, renewed) != (self._seen.holder, self._seen.renewed):
            self._seen = Record(holder, renewed, now)
        if holder not in {"", self._identity} and now < self._seen.since + LEASE_SECONDS:
            return False
        return await self._write(self._kube.replace, self._document(found))

    async def _write(self, call: Callable[[Document], Any], document: Document) -> bool:
        try:
            await call(document)
        except KubeError as error:
            if error.status == CONFLICT:
                return False
            raise
        return True

    def _document(self, found: Document) -> Document:
        before = found.get("spec", {})
        mine = before.get("holderIdentity") == self._identity
        metadata = found.get("metadata", {"name": self._name})
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": int(LEASE_SECONDS),
                "acquireTime": before.get("acquireTime") if mine else _now(),
                "renewTime": _now(),
                "leaseTransitions": before.get("leaseTransitions", 0) + (not mine),
            },
        }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
