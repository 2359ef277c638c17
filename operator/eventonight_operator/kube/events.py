"""Events of the resource, told when something has become different."""

import os
import uuid
from datetime import UTC, datetime
from typing import Literal

from eventonight_operator.kube.client import MANAGER, Kube, KubeError
from eventonight_operator.spec import EvenToNight

MOST_CHARACTERS = 1_024
Kind = Literal["Normal", "Warning"]


class Teller:
    """Tells events of resources.

    Args:
        kube: the API.
        instance: which operator tells.
    """

    def __init__(self, kube: Kube, instance: str = os.uname().nodename) -> None:
        self._kube = kube
        self._instance = instance

    async def tell(self, resource: EvenToNight, kind: Kind, reason: str, note: str) -> bool:
        """Tell one event; an event that cannot be told holds nothing up."""
        metadata = resource.metadata
        document = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata.name[:200]}.{uuid.uuid4().hex[:16]}"},
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "type": kind,
            "reason": reason,
            "action": "Reconcile",
            "note": note[:MOST_CHARACTERS],
            "reportingController": MANAGER,
            "reportingInstance": self._instance[:128],
            "regarding": {
                "apiVersion": resource.api_version,
                "kind": resource.kind,
                "namespace": self._kube.namespace,
                "name": metadata.name,
                "uid": metadata.uid,
            },
        }
        try:
            return await self._kube.create(document)
        except KubeError:
            return False
