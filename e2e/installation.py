"""One EvenToNight resource on a cluster, the operator that keeps it, and what is around it."""

import contextlib
import json
import time
from collections.abc import Generator, Iterator
from typing import Any

import httpx

from e2e.cluster import Cluster, Object, waited

READY_SECONDS = 300.0
KIND = "eventonights.eventonight.io"
OPERATOR = "eventonight-operator"
WRITES = "eventonight_operator_external_writes_total"
ATTEMPTS = "eventonight_operator_reconcile_total"
CORRECTIONS = "eventonight_operator_drift_corrections_total"
OF_SERVER = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")


class Installation:
    """A resource and its surroundings.

    Args:
        cluster: the namespace it is in.
        name: the resource's.
        backends: the namespace that broker and realm are in, if another one.
    """

    def __init__(self, cluster: Cluster, name: str, backends: Cluster | None = None) -> None:
        self.cluster = cluster
        self.name = name
        self.backends = backends or cluster

    def get(self) -> Object:
        """Return the resource."""
        return self.cluster.get(KIND, self.name)

    def manifest(self) -> Object:
        """Return the resource as somebody could have written it."""
        found = self.get()
        metadata = {k: v for k, v in found["metadata"].items() if k not in OF_SERVER}
        metadata.pop("finalizers", None)
        return {key: found[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": metadata}

    def change(self, path: str, value: Any, kind: str = "replace") -> None:
        """Change one place of the specification, e.g. ``services/0/replicas``."""
        patch = [{"op": kind, "path": f"/spec/{path}".rstrip("/"), "value": value}]
        self.cluster.kubectl("patch", KIND, self.name, "--type=json", "-p", json.dumps(patch))

    def annotate(self, *words: str) -> None:
        self.cluster.kubectl("annotate", KIND, self.name, "--overwrite", *words)

    def condition(self, kind: str) -> tuple[str, str, str]:
        """Return status, reason and message, if it speaks of the present generation."""
        found = self.get()
        for one in (found.get("status") or {}).get("conditions") or []:
            if one["type"] == kind:
                late = one["observedGeneration"] < found["metadata"]["generation"]
                return ("", "", "") if late else (one["status"], one["reason"], one["message"])
        return "", "", ""

    def holds(
        self, kind: str, status: str = "True", reason: str = "", seconds: float = READY_SECONDS
    ) -> float:
        """Wait until a condition has a status, and a reason; return how long that took."""
        started = time.monotonic()

        def check() -> bool:
            found = self.condition(kind)
            return found[0] == status and reason in {"", found[1]}

        try:
            waited(check, seconds=seconds)
        except AssertionError as error:
            said = self.cluster.kubectl("describe", KIND, self.name)
            raise AssertionError(f"{kind} is not {status} {reason}\n{said}") from error
        return time.monotonic() - started

    def is_gone(self) -> bool:
        return self.cluster.find(KIND, self.name) is None

    def restore(self, manifest: Object) -> None:
        """Bring back what was changed, and wait until it is so."""
        found = self.cluster.find(KIND, self.name)
        if found is None:
            self.cluster.apply(manifest)
        else:
            if found["spec"] != manifest["spec"]:
                self.change("", manifest["spec"])
            self.annotate("eventonight.io/paused-")
        self.holds("Ready")

    def notes(self, reason: str) -> list[str]:
        """Return the texts of the events with a reason."""
        found = self.cluster.items("events", "--field-selector", f"reason={reason}")
        return [one["message"] for one in found]

    def measure(self, name: str, **labels: str) -> float:
        """Return the sum of a measure over the operator's pods."""
        total = 0.0
        for pod in self.cluster.pods(OPERATOR):
            place = f"/api/v1/namespaces/{self.cluster.namespace}/pods/{pod['metadata']['name']}"
            text = self.cluster.kubectl("get", "--raw", f"{place}:8080/proxy/metrics")
            wanted = [f'{key}="{value}"' for key, value in labels.items()]
            total += sum(
                float(row.rpartition(" ")[2])
                for row in text.splitlines()
                if row.startswith((f"{name}{{", f"{name} ")) and all(one in row for one in wanted)
            )
        return total

    def restarts(self) -> int:
        """Return how often containers of the operator were started again."""
        found = [one["status"]["containerStatuses"][0] for one in self.cluster.pods(OPERATOR)]
        return sum(one["restartCount"] for one in found)

    @contextlib.contextmanager
    def broker(self) -> Iterator[httpx.Client]:
        """Yield an administrator's client of the broker's management API."""
        keys = self.backends.secret("rabbitmq-admin")
        with (
            self.backends.forward("service/rabbitmq", 15672) as place,
            httpx.Client(
                base_url=f"http://{place}/api/",
                auth=(keys["username"], keys["password"]),
                timeout=30,
            ) as client,
        ):
            yield client

    @contextlib.contextmanager
    def realms(self) -> Iterator[httpx.Client]:
        """Yield an administrator's client of Keycloak."""
        with (
            self.backends.forward("service/keycloak", 8080) as place,
            httpx.Client(
                base_url=f"http://{place}/",
                auth=_Administrator(place, self.backends.secret("keycloak-admin")),
                timeout=30,
            ) as client,
        ):
            yield client


class _Administrator(httpx.Auth):
    """Asks for a token where it is missing or too old."""

    requires_response_body = True

    def __init__(self, place: str, keys: dict[str, str]) -> None:
        self._url = f"http://{place}/realms/master/protocol/openid-connect/token"
        self._form = {"grant_type": "password", "client_id": "admin-cli", **keys}
        self._token = "none-yet"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        answer = yield request
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            told = yield httpx.Request("POST", self._url, data=self._form)
            self._token = told.raise_for_status().json()["access_token"]
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request
