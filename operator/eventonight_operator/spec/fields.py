"""Kinds of values that several parts of the resource use."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

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
Quantity = Annotated[
    str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$", max_length=32)
]
DeletionPolicy = Literal["Retain", "Delete"]


class Camel(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Fields are named as in Kubernetes."""


class SecretRef(Camel, frozen=True, kw_only=True, rename="camel"):
    """A Secret in the resource's namespace."""

    name: Annotated[DnsName, Meta(description="Name of the Secret.")]
