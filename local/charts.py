"""What the Helm chart shares with the one-machine stack, so that neither can drift from the other.

usage: python -m local.charts product|gateway [RESOURCE]
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from local import gateway
from local.configuration import MANIFEST

Document = dict[str, Any]

# The chart puts the installation's host in its place.
HOST = "@HOST@"
LISTEN = ":8000"
KEYCLOAK = "http://keycloak:8080"
PORTAL = "http://portal:8079"


def product(spec: Document) -> Document:
    """Return the parts of the resource that are the same in every installation."""
    messaging, identity = spec["messaging"], spec["identity"]
    return {
        "services": [{key: one[key] for key in ("name", "port")} for one in spec["services"]],
        "messaging": {
            key: messaging[key] for key in ("vhost", "exchanges", "queues", "bindings", "users")
        },
        "identity": {key: identity[key] for key in ("roles", "clients")},
        "databases": spec["mongodb"]["replicaSets"][0]["databases"],
    }


def gateway_of(spec: Document) -> Document:
    """Return the gateway's arguments and configuration, limits in units of the chart's values."""
    addresses = {one["name"]: f"http://{one['name']}:{one['port']}" for one in spec["services"]}
    return {
        "arguments": list(gateway.static_arguments(listen=LISTEN)),
        "dynamic": gateway.dynamic(
            host=HOST,
            services=addresses,
            extra_hosts={"auth": KEYCLOAK, "mail": PORTAL},
            main=PORTAL,
            requests_per_second=1,
            burst=1,
            prefixes={"mail": "/mail"},
        ),
    }


DOCUMENTS: dict[str, Callable[[Document], Document]] = {"product": product, "gateway": gateway_of}


def main(kind: str, manifest: str = str(MANIFEST)) -> None:
    """Print one of the documents as YAML."""
    spec = yaml.safe_load(Path(manifest).read_text(encoding="utf-8"))["spec"]
    # By way of JSON, so that YAML sees no shared objects to make anchors of.
    document = json.loads(json.dumps(DOCUMENTS[kind](spec)))
    yaml.safe_dump(document, sys.stdout, sort_keys=False, width=200)


if __name__ == "__main__":
    main(*sys.argv[1:])
