"""What each service process is told, as the operator's library tells it to pods."""

import os

from eventonight_operator import environment
from eventonight_operator.spec import ServiceSpec
from local.configuration import Setup
from local.parts import secret

LOOPBACK = "127.0.0.1"


def of_service(setup: Setup, name: str) -> dict[str, str]:
    """Return the environment of a service; what is said of tracing to us is handed on."""
    variables = environment.of_service(setup.resource.spec, name, address=_address)
    told = environment.resolved(variables, lambda one: secret(setup.site, one))
    return told | {key: text for key, text in os.environ.items() if key.startswith("OTEL_")}


def _address(service: ServiceSpec) -> str:
    return f"http://{LOOPBACK}:{service.port}"
