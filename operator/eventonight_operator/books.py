"""The resource's status as it is kept: the ledger in it is written at once, the rest if changed."""

import asyncio
from typing import Any

import msgspec

from eventonight_operator import status
from eventonight_operator.kube.client import Kube
from eventonight_operator.ledger import of_system
from eventonight_operator.spec.status import Status

Document = dict[str, Any]


class Books:
    """The status of one resource; also the ledger of what is its own.

    Args:
        kube: the API.
        name: the resource's name.
        document: the resource as read.
    """

    def __init__(self, kube: Kube, name: str, document: Document) -> None:
        self._kube = kube
        self._name = name
        self._lock = asyncio.Lock()
        self._stored: Document = document.get("status") or {}
        self.status: Status = status.read(document)

    def noted(self, document: Document) -> None:
        """Note the resource as it was read now, whoever changed it."""
        self._stored = document.get("status") or {}

    async def entries(self) -> frozenset[str]:
        """Return what is ours."""
        return frozenset(self.status.inventory)

    async def replace(self, system: str, own: frozenset[str]) -> None:
        """Remember exactly these of a system; what others own stays."""
        async with self._lock:
            entries = frozenset(self.status.inventory)
            inventory = sorted((entries - of_system(entries, system)) | own)
            change = {"status": {"inventory": inventory}}
            found = await self._kube.merge("EvenToNight", self._name, change, part="status")
            self._stored = found.get("status") or {}
            self.status = msgspec.structs.replace(self.status, inventory=inventory)

    async def keep(self, wanted: Status) -> bool:
        """Write the status if it is not what is stored; return whether it was written."""
        async with self._lock:
            wanted = msgspec.structs.replace(wanted, inventory=self.status.inventory)
            change = status.change(self._stored, status.written(wanted))
            self.status = wanted
            if not change:
                return False
            body = {"status": change}
            found = await self._kube.merge("EvenToNight", self._name, body, part="status")
            self._stored = found.get("status") or {}
            return True
