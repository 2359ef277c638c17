"""The services in Kubernetes: applied server-side, never against an autoscaler."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.kube.client import KINDS, MANAGER, Kube, KubeError
from eventonight_operator.ledger import entry
from eventonight_operator.plan import Action, Fields, Key, Objects, differences
from eventonight_operator.secretstore import SecretStore, credentials
from eventonight_operator.spec import EvenToNight
from eventonight_operator.standing import Standing
from eventonight_operator.systems.workloads import manifests, rollout
from eventonight_operator.systems.workloads.flat import flat

Document = dict[str, Any]

NAME = "workloads"
CHILDREN = ("Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Deployment")
MONITOR = "ServiceMonitor"
HANDOVER = "autoscaling-handover"
NOT_FOUND = 404


class Workloads:
    """Observes and changes the Kubernetes objects of a resource's services.

    Args:
        resource: the installation.
        kube: the API.
        secrets: where credentials live.
    """

    name = NAME

    def __init__(self, resource: EvenToNight, kube: Kube, secrets: SecretStore) -> None:
        self._resource = resource
        self._kube = kube
        self._secrets = secrets
        self._wanted: dict[Key, Document] = {}
        self._live: dict[Key, Document] = {}

    async def desired(self) -> Objects:
        """Return every object that should be there.

        Raises:
            SystemFaultError: a Secret that pods read is missing, or a service has no image.
        """
        documents = manifests.of_resource(self._resource, await self._credentials())
        self._wanted = {(one["kind"], one["metadata"]["name"]): one for one in documents}
        return {key: flat(one) for key, one in self._wanted.items()}

    async def observe(self) -> Objects:
        """Return the objects that are there: those that are ours, and any of a wished name.

        Raises:
            SystemFaultError: the API server does not answer or refuses.
        """
        label = ",".join(
            f"{key}={value}"
            for key, value in manifests.selector(self._resource.metadata.name).items()
        )
        kinds = [*CHILDREN, *([MONITOR] if self._monitored() else [])]
        lists = await asyncio.gather(*(self._list(kind, label) for kind in kinds))
        # Items of a list do not say what they are.
        self._live = {
            (kind, one["metadata"]["name"]): {"apiVersion": KINDS[kind][0], "kind": kind, **one}
            for kind, found in zip(kinds, lists, strict=True)
            for one in found
        }
        missing = [key for key in self._wanted if key not in self._live]
        others = await asyncio.gather(*(self._kube.get(*key) for key in missing))
        self._live |= {k: one for k, one in zip(missing, others, strict=True) if one is not None}
        return {key: flat(one) for key, one in self._live.items()}

    def plan(self, desired: Objects, observed: Objects, owned: Collection[str]) -> list[Action]:  # noqa: ARG002 - labels are this system's ledger
        """Return the steps from observed to desired; pure."""
        gone = [key for key in observed if key not in desired and self._is_ours(observed[key])]
        return [*differences(NAME, desired, observed), *(_delete(key) for key in sorted(gone))]

    def removal(self, observed: Objects, owned: Collection[str]) -> list[Action]:  # noqa: ARG002 - labels are this system's ledger
        """Return the steps that remove what is ours; pure."""
        return [_delete(key) for key in sorted(observed) if self._is_ours(observed[key])]

    def claims(self) -> frozenset[str]:
        """Return nothing for the ledger: objects in the cluster carry our label instead."""
        return frozenset()

    def root(self, action: Action) -> str | None:
        """Return the object itself."""
        return entry(NAME, action.kind, action.name)

    def foreign(self, observed: Objects, owned: Collection[str]) -> frozenset[str]:  # noqa: ARG002 - labels are this system's ledger
        """Return the wished objects that are there and not ours."""
        return frozenset(
            entry(NAME, *key)
            for key in self._wanted
            if key in observed and not self._is_ours(observed[key])
        )

    def standing(self, observed: Objects) -> Standing:  # noqa: ARG002 - the status is in the objects themselves
        """Return how many services have all their pods."""
        return rollout.standing(
            rollout.of_deployment(
                one.name,
                self._live.get(("Deployment", one.name)),
                manifests.wanted_pods(self._resource, one),
            )
            for one in self._resource.spec.services
        )

    def pods(self) -> int:
        """Return how many pods were there at the last look."""
        found = [one for (kind, _), one in self._live.items() if kind == "Deployment"]
        return sum(int((one.get("status") or {}).get("replicas", 0)) for one in found)

    async def apply(self, action: Action) -> None:
        """Do one step; doing it again changes nothing.

        Raises:
            SystemFaultError: the API server does not answer or refuses.
        """
        if action.verb == "delete":
            await self._kube.delete(action.kind, action.name)
            return
        key = action.kind, action.name
        document = self._wanted[key]
        if action.kind == "Deployment" and "replicas" not in document["spec"]:
            await self._hand_over(self._live.get(key))
        try:
            await self._kube.apply(document)
        except KubeError as error:
            if error.status == NOT_FOUND and action.kind == MONITOR:
                words = "monitoring.serviceMonitor: the cluster knows no ServiceMonitor"
                raise SystemFaultError("InvalidReference", words) from error
            raise

    async def _hand_over(self, live: Document | None) -> None:
        """Keep the number of pods when it stops being ours: else it would fall back to one."""
        if live is None or not _owns_replicas(live):
            return
        kept: Document = {
            "apiVersion": live["apiVersion"],
            "kind": live["kind"],
            "metadata": {"name": live["metadata"]["name"]},
            "spec": {"replicas": live["spec"]["replicas"]},
        }
        await self._kube.apply(kept, manager=HANDOVER)

    async def _credentials(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for service in self._resource.spec.services:
            wanted = manifests.environment(self._resource, service)
            for one in (variable for variable in wanted if variable.secret):
                (value,) = await credentials(self._secrets, one.secret, one.key)
                found.setdefault(service.name, {})[f"{one.secret}/{one.key}"] = value
        return found

    async def _list(self, kind: str, label: str) -> list[Document]:
        try:
            return await self._kube.items(kind, label)
        except KubeError as error:
            if error.status == NOT_FOUND and kind == MONITOR:
                return []
            raise

    def _monitored(self) -> bool:
        return self._resource.spec.monitoring.service_monitor

    def _is_ours(self, fields: Fields) -> bool:
        wanted = manifests.selector(self._resource.metadata.name)
        return all(fields.get(f"metadata.labels.{key}") == one for key, one in wanted.items())


def _owns_replicas(live: Mapping[str, Any]) -> bool:
    return any(
        one.get("manager") == MANAGER and "f:replicas" in one.get("fieldsV1", {}).get("f:spec", {})
        for one in live["metadata"].get("managedFields") or []
    )


def _delete(key: Key) -> Action:
    return Action(NAME, "delete", *key)
