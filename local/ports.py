"""Every port of the one-machine stack, and the variable that moves it."""

import os
import random
import socket
from collections.abc import Iterator, Mapping

DEFAULTS: dict[str, int] = {
    "gateway": 8080,
    "users": 9000,
    "events": 9010,
    "media": 9020,
    "portal": 8079,
    "keycloak": 8082,
    "keycloak_management": 8083,
    "postgres": 5433,
    "mongod": 27017,
    "rabbitmq": 5672,
    "rabbitmq_management": 15672,
    "rabbitmq_distribution": 25672,
    "epmd": 4370,
    "redis": 6379,
    "s3": 8333,
    "s3_grpc": 18333,
    "s3_master": 9333,
    "s3_master_grpc": 19333,
    "s3_volume": 9340,
    "s3_volume_grpc": 19340,
    "s3_filer": 8888,
    "s3_filer_grpc": 18888,
    "smtp": 1025,
}

HIGHEST = 65_535
WEED_GRPC_OFFSET = 10_000
Ports = Mapping[str, int]


class PortsTakenError(Exception):
    """Names each port that something else listens on, and the variable that moves it."""


def variable(name: str) -> str:
    """Return the environment variable of a port."""
    return f"ETN_PORT_{name.upper()}"


def load(environ: Mapping[str, str] = os.environ) -> dict[str, int]:
    """Return the ports, defaults overridden by the environment.

    Raises:
        ValueError: names the variable that is not a port.
    """
    ports = {}
    for name, default in DEFAULTS.items():
        text = environ.get(variable(name), "") or str(default)
        if not text.isdecimal() or not 1 <= int(text) <= HIGHEST:
            raise ValueError(f"{variable(name)}: expected a port from 1 to 65535, got {text!r}")
        ports[name] = int(text)
    return ports


def free_ports() -> dict[str, int]:
    """Return ports nobody listens on at this moment, for tests."""
    holders = {name: socket.socket() for name in DEFAULTS}
    for holder in holders.values():
        holder.bind(("127.0.0.1", 0))
    ports = {name: int(holder.getsockname()[1]) for name, holder in holders.items()}
    for holder in holders.values():
        holder.close()
    # SeaweedFS' masters expect the gRPC port of each part this far above its own.
    for name in ("s3", "s3_master", "s3_volume", "s3_filer"):
        ports[name] = next(port for port in _low_ports() if port not in ports.values())
        ports[f"{name}_grpc"] = ports[name] + WEED_GRPC_OFFSET
    return ports


def _low_ports() -> Iterator[int]:
    while True:
        port = random.randrange(20_000, 30_000)  # noqa: S311 - not a secret
        if is_free(port) and is_free(port + WEED_GRPC_OFFSET):
            yield port


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def check_free(ports: Ports) -> None:
    """Check that every port can be listened on.

    Raises:
        PortsTakenError: names all that are taken.
    """
    taken = [
        f"port {port} ({name}) is taken; move it with {variable(name)}=<port>"
        for name, port in ports.items()
        if not is_free(port)
    ]
    if taken:
        raise PortsTakenError("\n".join(taken))
