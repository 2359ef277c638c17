"""The systems of one resource in Kubernetes, as its present generation wants them."""

import hashlib
import json

from eventonight_operator.kube.client import Kube
from eventonight_operator.kube.scaling import KubeScaler
from eventonight_operator.kube.secrets import KubeSecrets
from eventonight_operator.reconcile import System
from eventonight_operator.secretstore import accounts
from eventonight_operator.spec import EvenToNight
from eventonight_operator.systems.credentials import Credentials
from eventonight_operator.systems.keycloak import Keycloak
from eventonight_operator.systems.mongodb import Mongo
from eventonight_operator.systems.rabbitmq import RabbitMQ
from eventonight_operator.systems.workloads import Workloads
from eventonight_operator.systems.workloads.manifests import selector

PAUSED = "eventonight.io/paused"
ROTATE = "eventonight.io/rotate"
FINALIZER = "eventonight.io/operator"


class Installation:
    """One generation of a resource, and the systems that it speaks of.

    Args:
        resource: the resource.
        kube: the API.
    """

    def __init__(self, resource: EvenToNight, kube: Kube) -> None:
        self.resource = resource
        self.secrets = KubeSecrets(kube, selector(resource.metadata.name))
        spec = resource.spec
        self.credentials = Credentials(spec, self.secrets)
        self.workloads = Workloads(resource, kube, self.secrets)
        self.outside: dict[str, System] = {
            "mongodb": Mongo(
                spec.mongodb,
                self.secrets,
                namespace=resource.metadata.namespace,
                scaler=KubeScaler(kube),
            ),
            "rabbitmq": RabbitMQ(spec.messaging, spec.unsafe, self.secrets),
            "keycloak": Keycloak(spec.identity, self.secrets),
        }
        self.systems: dict[str, System] = {
            self.credentials.name: self.credentials,
            **self.outside,
            self.workloads.name: self.workloads,
        }

    @property
    def generation(self) -> int:
        """The resource's generation."""
        return self.resource.metadata.generation

    @property
    def interval(self) -> float:
        """Seconds between looks."""
        return float(self.resource.spec.reconciliation.interval.removesuffix("s"))

    @property
    def paused(self) -> bool:
        """Whether nothing is to be done."""
        value = self.resource.metadata.annotations.get(PAUSED)
        return value is not None and value.lower() != "false"

    def to_delete(self) -> list[str]:
        """Return the outside systems whose objects go with the resource."""
        spec = self.resource.spec
        own = {
            "mongodb": spec.mongodb.deletion_policy,
            "rabbitmq": spec.messaging.deletion_policy,
            "keycloak": spec.identity.deletion_policy,
        }
        return [name for name, one in own.items() if (one or spec.deletion_policy) == "Delete"]

    async def credentials_mark(self) -> str:
        """Return what changes whenever the credentials of any account do."""
        found = {
            one.secret: dict(await self.secrets.get(one.secret) or {})
            for one in accounts(self.resource.spec)
        }
        return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
