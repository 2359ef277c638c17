"""The services: how many, of which image, and how the world reaches them."""

from typing import Annotated, Literal

from msgspec import Meta, field

from eventonight_operator.spec.fields import (
    Camel,
    DnsName,
    PortNumber,
    Quantity,
    Replicas,
    SecretRef,
    Text,
)


class Amounts(Camel, frozen=True, kw_only=True, rename="camel"):
    """Processor and memory."""

    cpu: Annotated[Quantity, Meta(description="Processor time, e.g. 100m.")] | None = None
    memory: Annotated[Quantity, Meta(description="Memory, e.g. 256Mi.")] | None = None


class Resources(Camel, frozen=True, kw_only=True, rename="camel"):
    """What a service's pod asks for and may use at most."""

    requests: Annotated[Amounts, Meta(description="Set aside for the pod.")] = Amounts(
        cpu="50m", memory="160Mi"
    )
    limits: Annotated[Amounts, Meta(description="Never exceeded.")] = Amounts(memory="384Mi")


class Defaults(Camel, frozen=True, kw_only=True, rename="camel"):
    """What services take when they say nothing."""

    replicas: Annotated[Replicas, Meta(description="Target of the scale subresource.")] = 2
    image: Annotated[Text, Meta(description="Image of every service.")] | None = None
    image_pull_policy: Annotated[
        Literal["Always", "IfNotPresent", "Never"], Meta(description="When images are pulled.")
    ] = "IfNotPresent"
    image_pull_secrets: Annotated[
        list[SecretRef], Meta(max_length=4, description="Secrets for the image registry.")
    ] = field(default_factory=list)
    resources: Annotated[Resources, Meta(description="Processor and memory.")] = Resources()


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
    ] = field(default=70, name="targetCPUUtilizationPercentage")


class DisruptionBudget(Camel, frozen=True, kw_only=True, rename="camel"):
    """What voluntary disruptions must leave."""

    min_available: Annotated[int, Meta(ge=0, le=100, description="Pods that stay up.")] = 1


class ServiceSpec(Camel, frozen=True, kw_only=True, rename="camel"):
    """One service of the product."""

    name: Annotated[DnsName, Meta(description="Name of the service, unique here.")]
    port: Annotated[PortNumber, Meta(description="Port it listens on.")]
    image: Annotated[Text, Meta(description="Image, where it is not the default.")] | None = None
    replicas: Annotated[Replicas, Meta(description="Fixed number of pods.")] | None = None
    autoscaling: Annotated[Autoscaling, Meta(description="Number of pods by load.")] | None = None
    pod_disruption_budget: (
        Annotated[
            DisruptionBudget,
            Meta(description="Limits voluntary disruptions; by default one of several pods stays."),
        ]
        | None
    ) = None
    resources: (
        Annotated[Resources, Meta(description="Processor and memory, if not the default.")] | None
    ) = None
