"""manifests/local.yaml, moved to the ports of this stack: the only configuration."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from eventonight_operator import spec
from eventonight_operator.spec import EvenToNight
from local import ports as port_table
from local.parts import Site
from local.ports import Ports

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "manifests" / "local.yaml"
STATE = Path(os.environ.get("ETN_STATE") or ROOT / ".local")


@dataclass(frozen=True)
class Setup:
    """A resource and the place where it is run."""

    resource: EvenToNight
    site: Site


def load(*, ports: Ports | None = None, state: Path = STATE, manifest: Path = MANIFEST) -> Setup:
    """Return the setup of a stack.

    Raises:
        ValueError: the resource or a port variable is wrong; the message names the field.
    """
    used = port_table.load() if ports is None else ports
    document = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    resource = spec.decode(moved(document, used))
    return Setup(resource, Site(state=state, ports=used, host=resource.spec.gateway.host))


def moved(document: Mapping[str, Any], ports: Ports) -> Mapping[str, Any]:
    """Return the resource with every address on the ports of this stack."""
    wanted = document["spec"]
    local = "127.0.0.1"
    wanted["gateway"]["host"] = f"localhost:{ports['gateway']}"
    for service in wanted["services"]:
        service["port"] = ports[service["name"]]
    connection = wanted["messaging"]["connection"]
    connection["managementURL"] = f"http://{local}:{ports['rabbitmq_management']}"
    connection["url"] = f"amqp://{local}:{ports['rabbitmq']}"
    wanted["identity"]["keycloak"]["url"] = f"http://{local}:{ports['keycloak']}"
    wanted["identity"]["realm"]["mail"]["port"] = ports["smtp"]
    for replica_set in wanted["mongodb"]["replicaSets"]:
        replica_set["hosts"] = [f"{local}:{ports['mongod']}"]
    wanted["objectStore"]["endpoint"] = f"http://{local}:{ports['s3']}"
    wanted["cache"]["url"] = f"redis://{local}:{ports['redis']}/0"
    return document
