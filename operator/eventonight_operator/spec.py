"""The EvenToNight resource as types: the one definition that the CRD is generated from.

Source: group ``eventonight.io``, version ``v1alpha1``, kind ``EvenToNight``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
import yaml
from msgspec import Meta, Struct, field

GROUP = "eventonight.io"
VERSION = "v1alpha1"
KIND = "EvenToNight"
PLURAL = "eventonights"

PASSWORD_POLICY = "length(8) and digits(1) and lowerCase(1) and specialChars(1)"  # noqa: S105 - a rule
MAX_QUEUES = 64
MAX_BINDINGS = 256

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", min_length=1, max_length=120)]
DnsName = Annotated[
    str, Meta(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=253)
]
Url = Annotated[str, Meta(pattern=r"^https?://[^\s/]+(/[^\s]*)?$", max_length=512)]
BrokerUrl = Annotated[str, Meta(pattern=r"^amqps?://[^\s/@]+$", max_length=512)]
Text = Annotated[str, Meta(max_length=512)]
Pattern = Annotated[str, Meta(max_length=512)]
Endpoint = Annotated[str, Meta(pattern=r"^[^\s:/]+:\d{1,5}$", max_length=261)]
Seconds = Annotated[int, Meta(ge=1, le=31_536_000)]
PortNumber = Annotated[int, Meta(ge=1, le=65_535)]
Replicas = Annotated[int, Meta(ge=0, le=100)]


class Camel(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Fields are named as in Kubernetes."""


class SecretRef(Camel, frozen=True, kw_only=True, rename="camel"):
    """A Secret in the resource's namespace."""

    name: Annotated[DnsName, Meta(description="Name of the Secret.")]


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
        Literal["Never", "IfMatching", "Always"],
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


class Defaults(Camel, frozen=True, kw_only=True, rename="camel"):
    """What services take when they say nothing."""

    replicas: Annotated[Replicas, Meta(description="Target of the scale subresource.")] = 2


class Gateway(Camel, frozen=True, kw_only=True, rename="camel"):
    """How the world reaches the product."""

    host: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:\d{1,5})?$",
            max_length=259,
            description="Public host, with the port where it is not the scheme's own.",
        ),
    ]
    scheme: Annotated[Literal["http", "https"], Meta(description="Public scheme.")] = "http"
    requests_per_second: Annotated[
        int, Meta(ge=1, le=100_000, description="Average allowed per client address.")
    ] = 100
    burst: Annotated[
        int, Meta(ge=1, le=100_000, description="Requests a client may make at once.")
    ] = 200


class Autoscaling(Camel, frozen=True, kw_only=True, rename="camel"):
    """Replicas by load; excludes `replicas`."""

    min_replicas: Annotated[int, Meta(ge=1, le=100, description="Never fewer.")] = 2
    max_replicas: Annotated[int, Meta(ge=1, le=100, description="Never more.")]
    target_cpu_utilization_percentage: Annotated[
        int, Meta(ge=1, le=100, description="Average that replicas are added above.")
    ] = 70


class DisruptionBudget(Camel, frozen=True, kw_only=True, rename="camel"):
    """What voluntary disruptions must leave."""

    min_available: Annotated[int, Meta(ge=0, le=100, description="Pods that stay up.")] = 1


class ServiceSpec(Camel, frozen=True, kw_only=True, rename="camel"):
    """One service of the product."""

    name: Annotated[DnsName, Meta(description="Name of the service, unique here.")]
    port: Annotated[PortNumber, Meta(description="Port it listens on.")]
    image: Annotated[Text, Meta(description="Image, where it is not the release's.")] | None = None
    replicas: Annotated[Replicas, Meta(description="Fixed number of pods.")] | None = None
    autoscaling: Annotated[Autoscaling, Meta(description="Number of pods by load.")] | None = None
    pod_disruption_budget: (
        Annotated[DisruptionBudget, Meta(description="Limits voluntary disruptions.")] | None
    ) = None


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

    name: Annotated[Name, Meta(description="User name.")]
    permissions: Annotated[Permissions, Meta(description="Within the vhost.")] = Permissions()
    secret_ref: Annotated[
        SecretRef, Meta(description="Secret with username and password; made if missing.")
    ]


class Messaging(Camel, frozen=True, kw_only=True, rename="camel"):
    """The broker's topology."""

    connection: Annotated[BrokerConnection, Meta(description="The broker.")]
    vhost: Annotated[Name, Meta(description="Virtual host; immutable.")] = "eventonight"
    exchanges: Annotated[
        list[Exchange], Meta(max_length=16, description="Exchanges besides the dead letters'.")
    ]
    queues: Annotated[list[Queue], Meta(max_length=MAX_QUEUES, description="Declared queues.")]
    bindings: Annotated[
        list[Binding], Meta(max_length=MAX_BINDINGS, description="Declared bindings.")
    ]
    users: Annotated[list[BrokerUser], Meta(max_length=32, description="Services' accounts.")]


class KeycloakConnection(Camel, frozen=True, kw_only=True, rename="camel"):
    """Where Keycloak is and who may administer it."""

    url: Annotated[Url, Meta(description="Address for calls inside the cluster.")]
    admin_secret_ref: Annotated[
        SecretRef, Meta(description="Secret with username and password of an administrator.")
    ]


class Tokens(Camel, frozen=True, kw_only=True, rename="camel"):
    """Lifetimes in seconds; refresh must outlive 300 s or clients sign out at once."""

    access_token_lifespan: Annotated[
        int, Meta(ge=60, le=86_400, description="Access tokens, long enough for a page reload.")
    ] = 3_600
    session_idle_timeout: Annotated[
        int, Meta(ge=600, le=2_592_000, description="Refresh tokens, renewed at each use.")
    ] = 28_800
    session_max_lifespan: Annotated[
        int, Meta(ge=600, le=31_536_000, description="A session at most.")
    ] = 864_000


class Mail(Camel, frozen=True, kw_only=True, rename="camel"):
    """Where Keycloak sends its mail through."""

    host: Annotated[Text, Meta(description="SMTP server.")]
    port: Annotated[PortNumber, Meta(description="SMTP port.")] = 25
    sender: Annotated[Text, Meta(description="From address.")]
    sender_name: Annotated[Text, Meta(description="From name.")] = "EvenToNight"


class Realm(Camel, frozen=True, kw_only=True, rename="camel"):
    """The realm's own settings; people in it are never touched."""

    name: Annotated[Name, Meta(description="Realm; immutable.")] = "eventonight"
    registration_allowed: Annotated[
        bool, Meta(description="Whether Keycloak's own page registers people.")
    ] = False
    reset_password_allowed: Annotated[
        bool, Meta(description="Whether forgotten passwords can be reset by mail.")
    ] = True
    verify_email: Annotated[
        bool, Meta(description="Whether sign-in waits for a verified address.")
    ] = False
    otp_required: Annotated[
        bool, Meta(description="Whether new people must set up one-time passwords.")
    ] = False
    brute_force_protected: Annotated[
        bool, Meta(description="Whether repeated wrong passwords lock an account for a while.")
    ] = True
    password_policy: Annotated[Text, Meta(description="Keycloak's policy text.")] = PASSWORD_POLICY
    tokens: Annotated[Tokens, Meta(description="Lifetimes.")] = Tokens()
    mail: Annotated[Mail, Meta(description="Outgoing mail.")] | None = None


class Client(Camel, frozen=True, kw_only=True, rename="camel"):
    """A confidential client with a service account."""

    client_id: Annotated[Name, Meta(description="Client id.")]
    secret_ref: Annotated[
        SecretRef, Meta(description="Secret with clientId and clientSecret; made if missing.")
    ]
    direct_access_grants: Annotated[
        bool, Meta(description="Whether it may exchange passwords for tokens.")
    ] = False
    service_account_roles: Annotated[
        list[Name], Meta(max_length=16, description="Realm roles of its service account.")
    ] = []
    realm_management_roles: Annotated[
        list[Name], Meta(max_length=16, description="Administration it may do in the realm.")
    ] = []
    redirect_uris: Annotated[
        list[Text], Meta(max_length=16, description="Where browsers may return to.")
    ] = field(name="redirectURIs", default_factory=list)


class Identity(Camel, frozen=True, kw_only=True, rename="camel"):
    """Keycloak's realm, roles and clients."""

    keycloak: Annotated[KeycloakConnection, Meta(description="The Keycloak server.")]
    realm: Annotated[Realm, Meta(description="The realm.")] = Realm()
    audience: Annotated[Name, Meta(description="Audience of every access token.")] = "eventonight"
    roles: Annotated[list[Name], Meta(max_length=32, description="Realm roles.")]
    clients: Annotated[list[Client], Meta(max_length=32, description="Clients.")]


class Database(Camel, frozen=True, kw_only=True, rename="camel"):
    """A service's database and its only user."""

    name: Annotated[Name, Meta(description="Database.")]
    user: Annotated[Name, Meta(description="User, defined in that database.")]
    secret_ref: Annotated[
        SecretRef, Meta(description="Secret with username and password; made if missing.")
    ]


class ReplicaSet(Camel, frozen=True, kw_only=True, rename="camel"):
    """A MongoDB replica set with authentication."""

    name: Annotated[Name, Meta(description="Replica set name.")] = "rs0"
    members: Annotated[int, Meta(ge=1, le=7, description="1, 3, 5 or 7 members.")] = 3
    hosts: Annotated[
        list[Endpoint], Meta(max_length=7, description="host:port of each member, where known.")
    ]
    admin_secret_ref: Annotated[
        SecretRef, Meta(description="Secret with username and password of the administrator.")
    ]
    databases: Annotated[list[Database], Meta(max_length=32, description="One per service.")]


class MongoDB(Camel, frozen=True, kw_only=True, rename="camel"):
    """The databases."""

    replica_sets: Annotated[list[ReplicaSet], Meta(max_length=8, description="Replica sets.")]


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
    """What is made for Prometheus and Grafana."""

    service_monitor: Annotated[bool, Meta(description="Make ServiceMonitors.")] = False
    rules: Annotated[bool, Meta(description="Make alert rules.")] = False
    dashboards: Annotated[bool, Meta(description="Make dashboards.")] = False


class Spec(Camel, frozen=True, kw_only=True, rename="camel"):
    """The wished state."""

    deletion_policy: Annotated[
        Literal["Retain", "Delete"],
        Meta(description="Whether outside objects outlive the resource."),
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
    generation: int = 0
    annotations: dict[str, str] = {}


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


def hints(kind: type[Struct]) -> dict[str, Any]:
    """Return a type's fields with their limits and descriptions."""
    return get_type_hints(kind, include_extras=True)
