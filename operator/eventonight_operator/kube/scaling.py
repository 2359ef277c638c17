"""The StatefulSets under replica sets."""

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.kube.client import Kube
from eventonight_operator.systems.mongodb.members import Pods


class KubeScaler:
    """Scales StatefulSets of the namespace.

    Args:
        kube: the API.
    """

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def pods(self, stateful_set: str) -> Pods:
        """Return the StatefulSet's pods.

        Raises:
            SystemFaultError: there is no such StatefulSet.
        """
        found = await self._kube.get("StatefulSet", stateful_set)
        if found is None:
            words = f"mongodb.replicaSets: there is no StatefulSet {stateful_set}"
            raise SystemFaultError("InvalidReference", words)
        present = int((found.get("status") or {}).get("replicas", 0))
        return Pods(int(found["spec"].get("replicas", 1)), present)

    async def scale(self, stateful_set: str, replicas: int) -> None:
        """Set the wished number of pods."""
        change = {"spec": {"replicas": replicas}}
        await self._kube.merge("StatefulSet", stateful_set, change, part="scale")
