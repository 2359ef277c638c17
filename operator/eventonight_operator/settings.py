"""What the operator's process is told by its environment."""

import os
import uuid
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Literal

import msgspec

PACKAGE = "eventonight"


class SettingsError(Exception):
    """A variable is wrong; the message names it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's settings.

    Args:
        pod_name: who we are among replicas; the same after a restart in place.
        lease_name: the Lease that replicas share.
        port: of health and metrics.
        bind: address of health and metrics.
        log_level: lowest level that is written.
        log_format: ``json`` for machines, ``console`` for people.
    """

    pod_name: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    lease_name: Annotated[str, msgspec.Meta(min_length=1, max_length=253)] = PACKAGE + "-operator"
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 8080
    bind: Annotated[str, msgspec.Meta(min_length=1, max_length=253)] = "127.0.0.1"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of variables named like the fields in upper case.

    Raises:
        SettingsError: a variable is wrong.
    """
    names = {one.name.upper(): one.name for one in msgspec.structs.fields(Settings)}
    given = {names[key]: value for key, value in environ.items() if key in names and value}
    given.setdefault("pod_name", f"{os.uname().nodename}-{uuid.uuid4().hex[:8]}")
    try:
        return msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"wrong settings: {error}") from error


def product_version() -> str:
    """Return the version of the product."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"
