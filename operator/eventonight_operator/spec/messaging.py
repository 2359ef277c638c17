"""The broker: its topology and the accounts on it."""

from typing import Annotated, Literal

from msgspec import Meta, field

from eventonight_operator.spec.fields import (
    BrokerUrl,
    Camel,
    DeletionPolicy,
    DnsName,
    Name,
    Pattern,
    SecretRef,
    Text,
    Url,
)

MAX_QUEUES = 64
MAX_BINDINGS = 256


class BrokerConnection(Camel, frozen=True, kw_only=True, rename="camel"):
    """Where the broker is and who may administer it."""

    management_url: Annotated[
        Url,
        Meta(description="Address of the management API."),
    ] = field(name="managementURL")
    url: Annotated[BrokerUrl, Meta(description="AMQP address without credentials or vhost.")]
    admin_secret_ref: Annotated[
        SecretRef, Meta(description="Secret with username and password of an administrator.")
    ]


class Exchange(Camel, frozen=True, kw_only=True, rename="camel"):
    """A durable exchange."""

    name: Annotated[Name, Meta(description="Name, unique here.")]
    type: Annotated[
        Literal["topic", "direct", "fanout", "headers"], Meta(description="Type; immutable.")
    ] = "topic"


class DeadLetter(Camel, frozen=True, kw_only=True, rename="camel"):
    """Where messages go that cannot be processed."""

    exchange: Annotated[Name, Meta(description="Direct exchange of the dead letters.")] = (
        "eventonight.dlx"
    )
    strategy: Annotated[
        Literal["at-least-once", "at-most-once"],
        Meta(description="Whether a dead letter may be lost on its way."),
    ] = "at-least-once"


class Queue(Camel, frozen=True, kw_only=True, rename="camel"):
    """A quorum queue with one active consumer and a dead letter queue `<name>.dlq`."""

    name: Annotated[Name, Meta(description="Name, unique here.")]
    owner: Annotated[DnsName, Meta(description="Service that reads it.")]
    partitions: Annotated[
        int, Meta(ge=1, le=32, description="Above 1: that many queues, order kept per key.")
    ] = 1
    group_size: Annotated[
        int, Meta(ge=1, le=7, description="Members of the quorum, at most the broker's nodes.")
    ] = 3
    delivery_limit: Annotated[
        int, Meta(ge=1, le=1000, description="Deliveries before a message is a dead letter.")
    ] = 10
    max_length: Annotated[
        int, Meta(ge=1000, le=100_000_000, description="Messages before publishers are refused.")
    ] = 1_000_000
    dead_letter: Annotated[DeadLetter, Meta(description="What happens to poison messages.")] = (
        DeadLetter()
    )


class Binding(Camel, frozen=True, kw_only=True, rename="camel"):
    """Which messages reach a queue."""

    exchange: Annotated[Name, Meta(description="A declared exchange.")]
    queue: Annotated[Name, Meta(description="A declared queue.")]
    routing_key: Annotated[Text, Meta(description="Routing key, or a topic pattern.")]


class Permissions(Camel, frozen=True, kw_only=True, rename="camel"):
    """Regular expressions of the resources a user may use."""

    configure: Annotated[Pattern, Meta(description="May declare and delete.")] = "^$"
    write: Annotated[Pattern, Meta(description="May publish to.")] = "^$"
    read: Annotated[Pattern, Meta(description="May consume from and bind to.")] = "^$"


class BrokerUser(Camel, frozen=True, kw_only=True, rename="camel"):
    """A service's account on the broker."""

    name: Annotated[Name, Meta(description="User name; on a shared broker, unique there.")]
    service: (
        Annotated[DnsName, Meta(description="Service that logs in with it, if named otherwise.")]
        | None
    ) = None
    permissions: Annotated[Permissions, Meta(description="Within the vhost.")] = Permissions()
    secret_ref: Annotated[
        SecretRef, Meta(description="Secret with username and password; made if missing.")
    ]


class Messaging(Camel, frozen=True, kw_only=True, rename="camel"):
    """The broker's topology."""

    connection: Annotated[BrokerConnection, Meta(description="The broker.")]
    deletion_policy: (
        Annotated[
            DeletionPolicy, Meta(description="Instead of the resource's own deletionPolicy, here.")
        ]
        | None
    ) = None
    vhost: Annotated[Name, Meta(description="Virtual host; immutable.")] = "eventonight"
    exchanges: Annotated[
        list[Exchange], Meta(max_length=16, description="Exchanges besides the dead letters'.")
    ]
    queues: Annotated[list[Queue], Meta(max_length=MAX_QUEUES, description="Declared queues.")]
    bindings: Annotated[
        list[Binding], Meta(max_length=MAX_BINDINGS, description="Declared bindings.")
    ]
    users: Annotated[list[BrokerUser], Meta(max_length=32, description="Services' accounts.")]
