"""An installation that may be taken to pieces: own namespace and operator, the first's servers."""

import copy
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from e2e.cluster import Object, waited
from e2e.installation import KIND, OPERATOR, Installation

CHART = Path(__file__).parents[1] / "charts" / "eventonight-operator"
GIVEN = ("mongodb-admin", "rabbitmq-admin", "keycloak-admin", "object-store")
# Doors to the first installation's servers, which can be taken away.
DOORS = ("rabbitmq", "keycloak")


class Second(Installation):
    """A resource with names of its own on the first installation's servers.

    Args:
        first: the installation whose servers are used.
    """

    def __init__(self, first: Installation) -> None:
        self.mark = f"e2e-{uuid.uuid4().hex[:8]}"
        super().__init__(first.cluster.other(self.mark), "second", first.backends)
        self.first = first
        self.document = self._document(first.manifest()["spec"])

    def __enter__(self) -> Self:
        backends = self.backends
        self.cluster.kubectl("create", "namespace", self.mark)
        backends.apply(self._opening())
        secrets = [self._copied(backends.get("secret", name)) for name in GIVEN]
        self.cluster.apply(*secrets, *(self._door(name) for name in DOORS))
        template = "{.spec.template.spec.containers[0].image}"
        image = backends.field("deployment", OPERATOR, template).rsplit(":", 1)
        values = {
            "image.repository": image[0],
            "image.tag": image[1],
            "replicas": "1",
            "crd.install": "false",
            "resources.requests.cpu": "1m",
        }
        words = [f"--set={key}={value}" for key, value in values.items()]
        self.cluster.helm("install", "etn-operator", str(CHART), *words, "--wait", seconds=180)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.cluster.find("namespace", self.mark) is not None:
            self.cluster.kubectl("delete", "namespace", self.mark, "--wait=true", seconds=240)
        self.backends.kubectl("delete", "networkpolicy", self.mark)
        self.clean()

    def clean(self) -> None:
        """Remove what may be left on the servers."""
        with self.broker() as broker, self.realms() as realms:
            broker.delete(f"vhosts/{self.mark}")
            for user in self.document["spec"]["messaging"]["users"]:
                broker.delete(f"users/{user['name']}")
            realms.delete(f"admin/realms/{self.mark}")

    def create(self, **spec: Any) -> None:
        """Apply the resource with some parts of its specification replaced."""
        self.document["spec"] |= spec
        self.cluster.apply(self.document)

    def delete(self) -> None:
        """Ask for the resource to go, and do not wait for it."""
        self.cluster.kubectl("delete", KIND, self.name, "--wait=false")

    def gone(self, seconds: float) -> None:
        waited(self.is_gone, seconds=seconds)

    def vhosts(self) -> list[str]:
        with self.broker() as broker:
            return [one["name"] for one in broker.get("vhosts").json()]

    def realm(self) -> Object | None:
        with self.realms() as realms:
            answer = realms.get(f"admin/realms/{self.mark}")
            return None if answer.status_code == 404 else dict(answer.raise_for_status().json())

    def left(self) -> list[str]:
        """Return what of the services is still there."""
        kinds = "deployments,services,poddisruptionbudgets"
        label = f"app.kubernetes.io/instance={self.name}"
        found = self.cluster.items(kinds, "--selector", label)
        return [f"{one['kind']}/{one['metadata']['name']}" for one in found]

    def _document(self, spec: Object) -> Object:
        spec = copy.deepcopy(spec)
        outside = f"{self.backends.namespace}.svc"
        spec["deletionPolicy"] = "Delete"
        spec["defaults"] |= {"replicas": 1, "resources": {"requests": {"cpu": "1m"}}}
        spec["services"] = [{k: one[k] for k in ("name", "port")} for one in spec["services"]]
        spec["messaging"]["vhost"] = spec["identity"]["realm"]["name"] = self.mark
        for user in spec["messaging"]["users"]:
            user["service"] = user["name"]
            user["name"] = f"{self.mark}-{user['name']}"
        (replica_set,) = spec["mongodb"]["replicaSets"]
        for key in ("statefulSet", "keyfileSecretRef"):
            replica_set.pop(key, None)
        members = range(replica_set["members"])
        replica_set["hosts"] = [f"mongodb-{n}.mongodb.{outside}:27017" for n in members]
        for database in replica_set["databases"]:
            database["name"] = f"{self.mark}_{database['name']}"
        spec["objectStore"]["endpoint"] = f"http://s3.{outside}:8333"
        spec["cache"]["url"] = f"redis://redis.{outside}:6379/1"
        spec["identity"]["realm"]["mail"]["host"] = f"portal.{outside}"
        return {
            "apiVersion": "eventonight.io/v1alpha1",
            "kind": "EvenToNight",
            "metadata": {"name": self.name},
            "spec": spec,
        }

    def _opening(self) -> Object:
        """Let the namespace's pods in to the first installation's."""
        label = {"matchLabels": {"kubernetes.io/metadata.name": self.mark}}
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": self.mark},
            "spec": {
                "podSelector": {},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [{"namespaceSelector": label}]}],
            },
        }

    def _door(self, name: str) -> Object:
        target = f"{name}.{self.backends.namespace}.svc.cluster.local"
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"type": "ExternalName", "externalName": target},
        }

    def _copied(self, secret: Object) -> Object:
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret["metadata"]["name"]},
            "data": secret["data"],
        }
