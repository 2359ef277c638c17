"""The databases: replica sets, their members and accounts."""

from typing import Annotated

from msgspec import Meta, field

from eventonight_operator.spec.fields import (
    Camel,
    DeletionPolicy,
    DnsName,
    Endpoint,
    Name,
    PortNumber,
    SecretRef,
)

SEEDS = 3


class Database(Camel, frozen=True, kw_only=True, rename="camel"):
    """A service's database and its only user."""

    name: Annotated[Name, Meta(description="Database.")]
    user: Annotated[Name, Meta(description="User, defined in that database.")]
    secret_ref: Annotated[
        SecretRef, Meta(description="Secret with username and password; made if missing.")
    ]


class StatefulSetRef(Camel, frozen=True, kw_only=True, rename="camel"):
    """The StatefulSet that runs a replica set's members, in the resource's namespace."""

    name: Annotated[DnsName, Meta(description="Name of the StatefulSet.")]
    service_name: (
        Annotated[DnsName, Meta(description="Its headless Service, if not of the same name.")]
        | None
    ) = None
    port: Annotated[PortNumber, Meta(description="Port of every member.")] = 27_017


class ReplicaSet(Camel, frozen=True, kw_only=True, rename="camel"):
    """A MongoDB replica set with authentication."""

    name: Annotated[Name, Meta(description="Replica set name.")] = "rs0"
    members: Annotated[int, Meta(ge=1, le=7, description="1, 3, 5 or 7 members.")] = 3
    hosts: Annotated[
        list[Endpoint],
        Meta(max_length=7, description="host:port of each member, if not the StatefulSet's pods."),
    ] = field(default_factory=list)
    stateful_set: (
        Annotated[
            StatefulSetRef,
            Meta(description="Scaled one member at a time; without it, hosts run elsewhere."),
        ]
        | None
    ) = None
    admin_secret_ref: Annotated[
        SecretRef, Meta(description="Secret with username and password of the administrator.")
    ]
    keyfile_secret_ref: (
        Annotated[
            SecretRef,
            Meta(description="Secret with key, the members' own; lets a new set be made remotely."),
        ]
        | None
    ) = None
    databases: Annotated[list[Database], Meta(max_length=32, description="One per service.")]

    def addresses(self, namespace: str, pods: int = 0) -> list[str]:
        """Return host:port of every wished member, and of further pods, in the order of joining."""
        if self.hosts or self.stateful_set is None:
            return list(self.hosts)
        under = self.stateful_set
        domain = f"{under.service_name or under.name}.{namespace}.svc"
        numbers = range(max(self.members, pods))
        return [f"{under.name}-{n}.{domain}:{under.port}" for n in numbers]

    def seeds(self, namespace: str) -> list[str]:
        """Return where clients begin to look; the same however many members there are."""
        return self.addresses(namespace, SEEDS)[: len(self.hosts) or SEEDS]


class MongoDB(Camel, frozen=True, kw_only=True, rename="camel"):
    """The databases."""

    deletion_policy: (
        Annotated[
            DeletionPolicy, Meta(description="Instead of the resource's own deletionPolicy, here.")
        ]
        | None
    ) = None
    replica_sets: Annotated[list[ReplicaSet], Meta(max_length=8, description="Replica sets.")]
