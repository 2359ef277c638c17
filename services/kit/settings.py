"""Configuration from the environment, checked as a whole before anything starts."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, TypeVar, get_type_hints

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^/\s]+", max_length=2048)]
MongoUrl = Annotated[str, msgspec.Meta(pattern=r"^mongodb(\+srv)?://.+/\w+", max_length=2048)]
Peers = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z]+=https?://[^,\s]+(,[a-z]+=https?://[^,\s]+)*$",
        max_length=4096,
        description="Every other service: name=address, separated by commas.",
    ),
]
AmqpUrl = Annotated[str, msgspec.Meta(pattern=r"^amqps?://", max_length=2048)]


class SettingsError(Exception):
    """Every wrong or missing variable, one line each."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What every service needs; a context adds its own fields."""

    port: Port
    host: Text
    public_scheme: Literal["http", "https"] = "http"
    bind: Text = "127.0.0.1"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    drain_seconds: Annotated[float, msgspec.Meta(ge=0, le=300)] = 10.0
    keycloak_url: Url
    keycloak_realm: Text = "eventonight"
    token_issuer: Url
    token_audience: Text = "eventonight"  # noqa: S105 - an audience, not a secret
    intent_grace_seconds: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 60.0
    crash_points: Annotated[str, msgspec.Meta(description="For tests: kit/crashpoints.py.")] = ""

    def public_url(self, service: str) -> str:
        """Return the address that clients use for a service, without a trailing slash."""
        return f"{self.public_scheme}://{service}.{self.host}"

    @property
    def intent_grace(self) -> timedelta:
        """How long an intent may stand before its process counts as dead."""
        return timedelta(seconds=self.intent_grace_seconds)

    @property
    def realm_url(self) -> str:
        """The realm's address for calls inside the cluster."""
        return f"{self.keycloak_url.rstrip('/')}/realms/{self.keycloak_realm}"


def addresses(peers: str) -> dict[str, str]:
    """Return the address of every service that `Peers` names."""
    return dict(one.split("=", 1) for one in peers.split(","))


def load(kind: type[T], environ: Mapping[str, str]) -> T:
    """Return settings read from variables named like the fields in upper case.

    Raises:
        SettingsError: names every variable that is missing or wrong, and what was expected.
    """
    hints = get_type_hints(kind, include_extras=True)
    values: dict[str, object] = {}
    problems: list[str] = []
    for field in msgspec.structs.fields(kind):
        name = field.name.upper()
        text = environ.get(name, "")
        if text == "":
            if field.required:
                problems.append(f"{name}: missing, expected {_expected(hints[field.name])}")
            continue
        try:
            values[field.name] = msgspec.convert(text, hints[field.name], strict=False)
        except msgspec.ValidationError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise SettingsError("wrong settings\n  " + "\n  ".join(problems))
    return kind(**values)


def _expected(hint: object) -> str:
    schema = msgspec.json.schema(hint)
    words = [str(schema.get("type", "one of " + ", ".join(map(str, schema.get("enum", [])))))]
    words += [f"{key} {value}" for key, value in schema.items() if key not in {"type", "enum"}]
    return ", ".join(words)
