"""Keycloak: realm, roles and clients."""

from typing import Annotated

from msgspec import Meta, field

from eventonight_operator.spec.fields import (
    Camel,
    DeletionPolicy,
    Name,
    PortNumber,
    SecretRef,
    Text,
    Url,
)

PASSWORD_POLICY = "length(8) and digits(1) and lowerCase(1) and specialChars(1)"  # noqa: S105 - a rule


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
    ] = field(default_factory=list)
    realm_management_roles: Annotated[
        list[Name], Meta(max_length=16, description="Administration it may do in the realm.")
    ] = field(default_factory=list)
    redirect_uris: Annotated[
        list[Text], Meta(max_length=16, description="Where browsers may return to.")
    ] = field(name="redirectURIs", default_factory=list)


class Identity(Camel, frozen=True, kw_only=True, rename="camel"):
    """Keycloak's realm, roles and clients."""

    keycloak: Annotated[KeycloakConnection, Meta(description="The Keycloak server.")]
    deletion_policy: (
        Annotated[
            DeletionPolicy, Meta(description="Instead of the resource's own deletionPolicy, here.")
        ]
        | None
    ) = None
    realm: Annotated[Realm, Meta(description="The realm.")] = Realm()
    audience: Annotated[Name, Meta(description="Audience of every access token.")] = "eventonight"
    roles: Annotated[list[Name], Meta(max_length=32, description="Realm roles.")]
    clients: Annotated[list[Client], Meta(max_length=32, description="Clients.")]
