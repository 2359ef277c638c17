"""An installation in a namespace of its own: a resource, its operators, and a stand-in kubelet."""

import asyncio
import contextlib
import copy
import json
import os
import signal
import ssl
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from apiserver import TOKEN, ApiServer
from client import eventually
from local import configuration
from local.configuration import MANIFEST
from local.ports import free_ports
from servers import Servers

Document = dict[str, Any]
MERGE = {"Content-Type": "application/merge-patch+json"}
GIVEN = ("mongodb-admin", "rabbitmq-admin", "keycloak-admin", "object-store")
NAME = "dev"
READY_SECONDS = 90.0


class Operator:
    """One operator process; its log is kept."""

    def __init__(self, kubeconfig: Path, pod: str, log: Path, **environment: str) -> None:
        self.port = next(iter(free_ports().values()))
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, "-m", "eventonight_operator", "run"],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(MANIFEST.parents[1] / "operator"),
                "KUBECONFIG": str(kubeconfig),
                "POD_NAME": pod,
                "PORT": str(self.port),
                **environment,
            },
            stdout=log.open("ab"),
            stderr=subprocess.STDOUT,
        )

    def lines(self) -> list[Document]:
        found = self.log.read_text().splitlines()
        return [json.loads(line) for line in found if line.startswith("{")]

    async def measure(self, name: str) -> float:
        """Return the sum of a measure over its labels."""
        async with httpx.AsyncClient() as http:
            text = (await http.get(f"http://127.0.0.1:{self.port}/metrics")).text
        rows = [one for one in text.splitlines() if one.startswith((f"{name}{{", f"{name} "))]
        return sum(float(row.rpartition(" ")[2]) for row in rows)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=40)


class Installation:
    """A namespace with a resource whose names on the shared servers are its own."""

    def __init__(self, api: ApiServer, servers: Servers) -> None:
        self.api = api
        self.servers = servers
        self.mark = uuid.uuid4().hex[:8]
        self.namespace = f"t-{self.mark}"
        self.http = httpx.AsyncClient(
            base_url=api.url,
            headers={"Authorization": f"Bearer {TOKEN}"},
            verify=ssl.create_default_context(cafile=str(api.folder / "certificate")),
            timeout=10,
        )
        self.operators: list[Operator] = []
        self.document = self._document()
        self._kubelet: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        body = {"metadata": {"name": self.namespace}}
        (await self.http.post("/api/v1/namespaces", json=body)).raise_for_status()
        for name in GIVEN:
            await self.secret(name, self.servers.setup.site.secrets.read(name) or {})
        self._kubelet = asyncio.create_task(self._roll_out())
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self.operators:
            one.stop(signal.SIGKILL)
        if self._kubelet is not None:
            self._kubelet.cancel()
            await asyncio.gather(self._kubelet, return_exceptions=True)
        await self.forget()
        await self.http.aclose()

    async def forget(self) -> None:
        """Remove what the installation left on the shared servers."""
        async with await self.servers.rabbitmq() as admin:
            await admin.delete(f"vhosts/{self.mark}")
            for user in self.document["spec"]["messaging"]["users"]:
                await admin.delete(f"users/{user['name']}")
        async with self.keycloak() as realms:
            await realms.delete(f"/admin/realms/{self.mark}")

    def _document(self) -> Document:
        document = yaml.safe_load(MANIFEST.read_text())
        document = copy.deepcopy(dict(configuration.moved(document, self.servers.setup.site.ports)))
        document["metadata"] = {"name": NAME}
        spec = document["spec"]
        spec["defaults"] = {"image": "eventonight:test", "replicas": 1}
        spec["reconciliation"] = {"interval": "2s"}
        spec["messaging"]["vhost"] = spec["identity"]["realm"]["name"] = self.mark
        for user in spec["messaging"]["users"]:
            user["service"] = user["name"]
            user["name"] = f"{self.mark}-{user['name']}"
        for database in spec["mongodb"]["replicaSets"][0]["databases"]:
            database["name"] = f"{self.mark}_{database['name']}"
        return document

    def path(self, plural: str, name: str = "", group: str = "") -> str:
        groups = {
            "eventonights": "apis/eventonight.io/v1alpha1",
            "deployments": "apis/apps/v1",
            "statefulsets": "apis/apps/v1",
            "poddisruptionbudgets": "apis/policy/v1",
            "horizontalpodautoscalers": "apis/autoscaling/v2",
            "events": "apis/events.k8s.io/v1",
            "leases": "apis/coordination.k8s.io/v1",
        }
        base = group or groups.get(plural, "api/v1")
        return f"/{base}/namespaces/{self.namespace}/{plural}/{name}".rstrip("/")

    async def secret(self, name: str, data: dict[str, str]) -> None:
        body = {"metadata": {"name": name}, "stringData": data}
        (await self.http.post(self.path("secrets"), json=body)).raise_for_status()

    async def create(self) -> None:
        answer = await self.http.post(self.path("eventonights"), json=self.document)
        assert answer.status_code == 201, answer.text

    async def get(self, plural: str, name: str) -> Document | None:
        answer = await self.http.get(self.path(plural, name))
        return None if answer.status_code == 404 else dict(answer.raise_for_status().json())

    async def items(self, plural: str) -> list[Document]:
        found: list[Document] = (await self.http.get(self.path(plural))).json()["items"]
        return found

    async def patch(self, plural: str, name: str, change: Document, part: str = "") -> None:
        path = self.path(plural, f"{name}/{part}".rstrip("/"))
        answer = await self.http.patch(path, json=change, headers=MERGE)
        assert answer.is_success, answer.text

    async def edit(self, change: Document) -> None:
        await self.patch("eventonights", NAME, {"spec": change})

    async def annotate(self, **annotations: str | None) -> None:
        body = {f"eventonight.io/{key}": value for key, value in annotations.items()}
        await self.patch("eventonights", NAME, {"metadata": {"annotations": body}})

    async def delete(self, plural: str, name: str) -> None:
        (await self.http.delete(self.path(plural, name))).raise_for_status()

    async def delete_namespace(self) -> None:
        path = f"/api/v1/namespaces/{self.namespace}"
        (await self.http.delete(path)).raise_for_status()

    async def resource(self) -> Document:
        found = await self.get("eventonights", NAME)
        assert found is not None
        return found

    async def condition(self, kind: str) -> tuple[str, str]:
        """Return status and reason of a condition, if it speaks of the present generation."""
        found = await self.resource()
        for one in (found.get("status") or {}).get("conditions") or []:
            if one["type"] == kind:
                late = one["observedGeneration"] < found["metadata"]["generation"]
                return ("Unknown", "late") if late else (one["status"], one["reason"])
        return "Unknown", ""

    async def holds(
        self, kind: str, status: str, reason: str = "", seconds: float = READY_SECONDS
    ) -> None:
        """Wait until a condition has a status, and a reason."""

        async def check() -> bool:
            found = await self.condition(kind)
            return found[0] == status and reason in {"", found[1]}

        try:
            await eventually(check, seconds=seconds)
        except AssertionError as error:
            found = (await self.resource()).get("status") or {}
            said = "\n".join(str(one) for one in found.get("conditions") or [])
            tail = "\n".join(self.operators[-1].log.read_text().splitlines()[-15:])
            raise AssertionError(f"{kind} is not {status} {reason}:\n{said}\n{tail}") from error

    async def publish(self, broker: httpx.AsyncClient) -> None:
        """Send users a message that nobody takes out of its queue."""
        body = {
            "properties": {"delivery_mode": 2},
            "routing_key": "user.erased",
            "payload": "x",
            "payload_encoding": "string",
        }
        await broker.post(f"exchanges/{self.mark}/eventonight/publish", json=body)

    async def reasons(self) -> list[str]:
        """Return the reasons of all events so far."""
        return [one["reason"] for one in await self.items("events")]

    def operator(self, pod: str = "operator-0", token: str = TOKEN, **environment: str) -> Operator:
        """Start an operator for this namespace."""
        kubeconfig = self.api.kubeconfig_of(token, f"kubeconfig-{self.mark}", self.namespace)
        log = self.api.folder / f"{self.mark}-{pod}.log"
        found = Operator(kubeconfig, pod, log, **environment)
        self.operators.append(found)
        return found

    @contextlib.asynccontextmanager
    async def keycloak(self) -> AsyncIterator[httpx.AsyncClient]:
        """Yield an administrator's client of Keycloak."""
        base = f"http://127.0.0.1:{self.servers.setup.site.ports['keycloak']}"
        keys = self.servers.setup.site.secrets.read("keycloak-admin") or {}
        form = {"grant_type": "password", "client_id": "admin-cli", **keys}
        async with httpx.AsyncClient(base_url=base, timeout=20) as http:
            answer = await http.post("/realms/master/protocol/openid-connect/token", data=form)
            http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield http

    def writes(self, since: int, *, leases: bool = False) -> list[Document]:
        """Return the writes in this namespace after the first so many of the audit log."""
        return [
            one
            for one in list(self.api.writes())[since:]
            if one["objectRef"].get("namespace") == self.namespace
            and (leases or one["objectRef"]["resource"] != "leases")
            and one["userAgent"].startswith("eventonight-operator")
        ]

    async def _roll_out(self) -> None:
        """Report every Deployment as rolled out, as no kubelet and no controller is there to."""
        while True:
            for one in await self.items("deployments"):
                wished = _rolled_out(one)
                if {k: (one.get("status") or {}).get(k) for k in wished} != wished:
                    with contextlib.suppress(AssertionError):
                        name = one["metadata"]["name"]
                        await self.patch("deployments", name, {"status": wished}, "status")
            await asyncio.sleep(0.2)


def _rolled_out(deployment: Document) -> Document:
    pods = deployment["spec"].get("replicas", 1)
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    status = dict.fromkeys(counts, pods or None)
    return {"observedGeneration": deployment["metadata"]["generation"], **status}


class Door:
    """A way to a server that can be shut and opened again."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = 0
        self.knocks = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Let nobody in, and those inside out; who comes is counted."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.close()
        self._server = await asyncio.start_server(self._refuse, "127.0.0.1", self.port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def reopen(self) -> None:
        await self.close()
        await self.open()

    async def _refuse(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.knocks += 1
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, inner}
        await asyncio.gather(_pump(reader, inner), _pump(inner_reader, writer))
        self._open -= {writer, inner}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
