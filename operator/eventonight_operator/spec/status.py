"""What the resource's status says: conditions with closed reasons, summary, drift, inventory."""

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct, field

MAX_DRIFT = 20
MAX_INVENTORY = 512
MAX_TEXT = 32_768

Reason = Literal[
    "AllReady",
    "Progressing",
    "KeycloakUnreachable",
    "KeycloakUnauthorized",
    "BrokerUnreachable",
    "BrokerUnauthorized",
    "DatabaseUnreachable",
    "DatabaseUnauthorized",
    "QuorumLost",
    "MemberNotSynced",
    "NoPrimary",
    "ScalingInProgress",
    "RolloutStalled",
    "AdoptionConflict",
    "DriftCorrected",
    "SecretMissing",
    "SecretInvalid",
    "QueueNotEmpty",
    "InvalidReference",
    "ReconcilePaused",
    "DependencyTimeout",
]
ConditionType = Literal[
    "Ready",
    "Reconciled",
    "MessagingReady",
    "IdentityReady",
    "DatabaseReady",
    "ServicesAvailable",
    "CredentialsSynced",
    "Degraded",
    "Paused",
    "DriftDetected",
    "DeletionBlocked",
]
Verdict = Literal["True", "False", "Unknown"]
REASONS: tuple[str, ...] = get_args(Reason)
CONDITION_TYPES: tuple[str, ...] = get_args(ConditionType)

Label = Annotated[str, Meta(max_length=256)]
Count = Annotated[int, Meta(ge=0, extra_json_schema={"format": "int64"})]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
ObjectName = Annotated[str, Meta(max_length=512)]


class Part(Struct, frozen=True, kw_only=True, rename="camel"):
    """Fields are named as in Kubernetes; what an older operator wrote is not refused."""


class Condition(Part, frozen=True, kw_only=True, rename="camel"):
    """One statement about the installation."""

    type: Annotated[ConditionType, Meta(description="What is told of.")]
    status: Annotated[Verdict, Meta(description="Whether it holds.")]
    reason: Annotated[Reason, Meta(description="Why, one word of a closed list.")]
    message: Annotated[str, Meta(max_length=MAX_TEXT, description="Why, for people.")]
    observed_generation: Annotated[Count, Meta(description="Generation it speaks of.")] = 0
    last_transition_time: Annotated[Moment, Meta(description="When the status changed last.")]


class Summary(Part, frozen=True, kw_only=True, rename="camel"):
    """Short texts for people."""

    services: Annotated[Label, Meta(description="Services with all their pods, of all.")] = ""
    queues: Annotated[Label, Meta(description="Queues with a quorum, of all.")] = ""
    realm: Annotated[Label, Meta(description="The realm, once it is there.")] = ""
    mongo: Annotated[Label, Meta(description="Healthy members, of all.")] = ""


class ServiceStatus(Part, frozen=True, kw_only=True, rename="camel"):
    """The pods of one service."""

    name: Annotated[Label, Meta(description="Name of the service.")]
    ready: Annotated[Count, Meta(description="Available pods of the newest kind.")]
    wanted: Annotated[Count, Meta(description="Wished pods.")]


class Converged(Part, frozen=True, kw_only=True, rename="camel"):
    """Generation that was once wholly in place, per system; later differences are drift."""

    secrets: Annotated[Count, Meta(description="Credentials.")] = 0
    mongodb: Annotated[Count, Meta(description="Databases.")] = 0
    rabbitmq: Annotated[Count, Meta(description="Broker.")] = 0
    keycloak: Annotated[Count, Meta(description="Realm.")] = 0
    workloads: Annotated[Count, Meta(description="Services.")] = 0


class Drift(Part, frozen=True, kw_only=True, rename="camel"):
    """What was found to differ from the resource without a change of the resource."""

    last_detected: Annotated[Moment, Meta(description="When it was seen last.")] | None = None
    last_corrected: Annotated[Moment, Meta(description="When it was repaired last.")] | None = None
    corrections: Annotated[Count, Meta(description="Repairs so far.")] = 0
    objects: Annotated[
        list[ObjectName], Meta(max_length=MAX_DRIFT, description="The latest, as kind/name.")
    ] = field(default_factory=list)


class Status(Part, frozen=True, kw_only=True, rename="camel"):
    """What was observed."""

    observed_generation: Annotated[Count, Meta(description="Generation it speaks of.")] = 0
    operator_version: Annotated[Label, Meta(description="Version of the operator.")] = ""
    replicas: Annotated[Count, Meta(description="Pods of all services.")] = 0
    selector: Annotated[Label, Meta(description="Label selector of these pods.")] = ""
    conditions: Annotated[
        list[Condition], Meta(max_length=16, description="Conditions as Kubernetes knows them.")
    ] = field(default_factory=list)
    summary: Annotated[Summary, Meta(description="Short texts for people.")] = Summary()
    services: Annotated[
        list[ServiceStatus], Meta(max_length=16, description="Pods per service.")
    ] = field(default_factory=list)
    converged: Annotated[Converged, Meta(description="What was once in place.")] = Converged()
    drift: Annotated[Drift, Meta(description="What was found to differ.")] = Drift()
    inventory: Annotated[
        list[ObjectName],
        Meta(
            max_length=MAX_INVENTORY,
            description="What was made or adopted outside the cluster, as system/kind/name.",
        ),
    ] = field(default_factory=list)
