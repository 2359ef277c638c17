"""Every port of the one-machine stack, and the variable that moves it."""

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

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
LOWEST_BLOCK, HIGHEST_BLOCK, BLOCK = 12_000, 22_000, 40
Ports = Mapping[str, int]
_locks: list[IO[str]] = []


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
    """Return ports that are this process' own until it ends, for tests.

    They come as a locked block below the range that the kernel gives to outgoing connections:
    a port that is merely free now may be taken by one before its server starts.

    Raises:
        RuntimeError: every block is taken.
    """
    blocks = list(range(LOWEST_BLOCK, HIGHEST_BLOCK, BLOCK))
    random.shuffle(blocks)
    for first in blocks:
        ports = _in_block(first)
        if _lock(first) and all(map(is_free, ports.values())):
            return ports
    raise RuntimeError("no block of ports is free")


def _in_block(first: int) -> dict[str, int]:
    ports = {name: first + index for index, name in enumerate(DEFAULTS)}
    # SeaweedFS' masters expect the gRPC port of each part this far above its own.
    for name in ("s3", "s3_master", "s3_volume", "s3_filer"):
        ports[f"{name}_grpc"] = ports[name] + WEED_GRPC_OFFSET
    return ports


def _lock(first: int) -> bool:
    """Take a block for this process; the lock goes with the process, however it ends."""
    file = (Path(tempfile.gettempdir()) / f"eventonight-ports-{first}.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return False
    _locks.append(file)
    return True


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
