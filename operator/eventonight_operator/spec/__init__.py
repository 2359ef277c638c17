"""The EvenToNight resource as types: the one definition that the CRD is generated from.

Source: group ``eventonight.io``, version ``v1alpha1``, kind ``EvenToNight``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta, Struct

from eventonight_operator.spec.fields import Camel, DeletionPolicy, DnsName, SecretRef, Url
from eventonight_operator.spec.identity import Client, Identity, Realm
from eventonight_operator.spec.messaging import Messaging, Queue
from eventonight_operator.spec.mongodb import Database, MongoDB, ReplicaSet
from eventonight_operator.spec.services import Defaults, Gateway, Resources, ServiceSpec

__all__ = [
    "AdoptionPolicy",
    "Client",
    "Database",
    "EvenToNight",
    "Identity",
    "Messaging",
    "MongoDB",
    "Queue",
    "Realm",
    "ReplicaSet",
    "ResourceError",
    "Resources",
    "ServiceSpec",
    "Spec",
    "Unsafe",
    "decode",
    "load",
]

GROUP = "eventonight.io"
VERSION = "v1alpha1"
KIND = "EvenToNight"
PLURAL = "eventonights"

AdoptionPolicy = Literal["Never", "IfMatching", "Always"]


class Reconciliation(Camel, frozen=True, kw_only=True, rename="camel"):
    """How passes are made."""

    interval: Annotated[
        str,
        Meta(
            pattern=r"^[1-9][0-9]{0,3}s$",
            max_length=5,
            description="Time between passes, e.g. 30s.",
        ),
    ] = "30s"
    drift_policy: Annotated[
        Literal["Enforce", "Report"],
        Meta(description="Enforce repairs what differs; Report only says so."),
    ] = "Enforce"
    adoption_policy: Annotated[
        AdoptionPolicy,
        Meta(description="What to do with objects that exist already and were not made by us."),
    ] = "IfMatching"


class Unsafe(Camel, frozen=True, kw_only=True, rename="camel"):
    """Doors that stay shut unless somebody opens them here."""

    allow_single_member: Annotated[
        bool, Meta(description="Accept replica sets of one member, which survive nothing.")
    ] = False
    allow_non_empty_queue_deletion: Annotated[
        bool, Meta(description="Delete undeclared queues although they hold messages.")
    ] = False


class ObjectStore(Camel, frozen=True, kw_only=True, rename="camel"):
    """Where media are kept."""

    endpoint: Annotated[Url, Meta(description="S3 address.")]
    bucket: Annotated[DnsName, Meta(description="Bucket.")] = "eventonight-media"
    secret_ref: Annotated[SecretRef, Meta(description="Secret with accessKey and secretKey.")]


class Cache(Camel, frozen=True, kw_only=True, rename="camel"):
    """Redis, for what several replicas share."""

    url: Annotated[
        str, Meta(pattern=r"^rediss?://[^\s]+$", max_length=512, description="Redis address.")
    ]


class Monitoring(Camel, frozen=True, kw_only=True, rename="camel"):
    """What is made for Prometheus."""

    service_monitor: Annotated[bool, Meta(description="Make a ServiceMonitor of all services.")] = (
        False
    )


class Spec(Camel, frozen=True, kw_only=True, rename="camel"):
    """The wished state."""

    deletion_policy: Annotated[
        DeletionPolicy,
        Meta(description="Whether what was made outside the cluster outlives the resource."),
    ] = "Retain"
    reconciliation: Annotated[Reconciliation, Meta(description="Passes.")] = Reconciliation()
    unsafe: Annotated[Unsafe, Meta(description="Safety that is given up.")] = Unsafe()
    defaults: Annotated[Defaults, Meta(description="Defaults of the services.")] = Defaults()
    gateway: Annotated[Gateway, Meta(description="The public side.")]
    services: Annotated[
        list[ServiceSpec], Meta(max_length=16, description="The product's services.")
    ]
    messaging: Annotated[Messaging, Meta(description="RabbitMQ.")]
    identity: Annotated[Identity, Meta(description="Keycloak.")]
    mongodb: Annotated[MongoDB, Meta(description="MongoDB.")]
    object_store: Annotated[ObjectStore, Meta(description="S3.")]
    cache: Annotated[Cache, Meta(description="Redis.")]
    monitoring: Annotated[Monitoring, Meta(description="Monitoring.")] = Monitoring()


class Metadata(Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of an object's metadata that is used."""

    name: DnsName
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    annotations: dict[str, str] = {}
    finalizers: list[str] = []
    deletion_timestamp: str | None = None


class EvenToNight(Struct, frozen=True, kw_only=True, rename="camel"):
    """One installation of the product."""

    api_version: Literal["eventonight.io/v1alpha1"]
    kind: Literal["EvenToNight"]
    metadata: Metadata
    spec: Spec


class ResourceError(ValueError):
    """The resource breaks a rule; each line names a field and what was expected."""


def decode(document: Mapping[str, Any]) -> EvenToNight:
    """Return the typed resource.

    Raises:
        ResourceError: names the field and what was expected.
    """
    from eventonight_operator import rules  # noqa: PLC0415 - rules need these types

    try:
        resource = msgspec.convert(document, EvenToNight)
    except msgspec.ValidationError as error:
        raise ResourceError(str(error)) from error
    problems = rules.violations(document)
    if problems:
        raise ResourceError("\n".join(problems))
    return resource


def load(path: Path) -> EvenToNight:
    """Return the resource of a YAML file; see `decode`."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise ResourceError(f"{path}: expected one YAML mapping")
    return decode(document)
