"""Calls to the Kubernetes API: read, apply as one field manager, patch, delete."""

from collections.abc import Mapping
from typing import Any, Self

import httpx
import msgspec

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.kube.access import Access, Bearer
from eventonight_operator.writes import permit

NAME = "kubernetes"
MANAGER = "eventonight-operator"
TIMEOUT_SECONDS = 10.0
PAGE = 250
CONFLICT = 409
FORBIDDEN = 403
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"

Document = dict[str, Any]

# apiVersion and plural of every kind that is dealt with.
KINDS: dict[str, tuple[str, str]] = {
    "EvenToNight": ("eventonight.io/v1alpha1", "eventonights"),
    "Deployment": ("apps/v1", "deployments"),
    "StatefulSet": ("apps/v1", "statefulsets"),
    "Service": ("v1", "services"),
    "Secret": ("v1", "secrets"),
    "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets"),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "horizontalpodautoscalers"),
    "ServiceMonitor": ("monitoring.coreos.com/v1", "servicemonitors"),
    "Lease": ("coordination.k8s.io/v1", "leases"),
    "Event": ("events.k8s.io/v1", "events"),
    "Namespace": ("v1", "namespaces"),
}


class KubeError(SystemFaultError):
    """The API server does not answer or refuses.

    Args:
        status: HTTP status, 0 without an answer.
        message: for people.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__("Progressing" if status else "DependencyTimeout", message)
        self.status = status


class Kube:
    """Calls in one namespace.

    Args:
        access: the way to the API server.
        agent: told to the server as who calls.
    """

    def __init__(self, access: Access, agent: str = MANAGER) -> None:
        self.namespace = access.namespace
        self._http = httpx.AsyncClient(
            base_url=access.server,
            verify=access.tls(),
            auth=Bearer(access),
            headers={"User-Agent": agent},
            timeout=TIMEOUT_SECONDS,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def get(self, kind: str, name: str) -> Document | None:
        """Return an object, ``None`` where there is none."""
        answer = await self._send("GET", self.path(kind, name))
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return _document(answer)

    async def items(self, kind: str, selector: str = "") -> list[Document]:
        """Return the objects of a kind; ``selector`` narrows by label."""
        found: list[Document] = []
        query = {"limit": str(PAGE), **({"labelSelector": selector} if selector else {})}
        while True:
            answer = await self._send("GET", self.path(kind), query=query)
            page = _document(answer)
            found += page.get("items") or []
            more = page["metadata"].get("continue", "")
            if not more:
                return found
            query["continue"] = more

    async def create(self, document: Document) -> bool:
        """Make an object; ``False`` when one of its name is there already."""
        permit(NAME)
        path, query = self.path(document["kind"]), {"fieldManager": MANAGER}
        answer = await self._send("POST", path, document, query=query)
        if answer.status_code == CONFLICT:
            return False
        _document(answer)
        return True

    async def apply(self, document: Document, manager: str = MANAGER) -> Document:
        """Make an object's fields ours and as they are here; leave all others alone."""
        permit(NAME)
        path = self.path(document["kind"], document["metadata"]["name"])
        query = {"fieldManager": manager, "force": "true"}
        return _document(await self._send("PATCH", path, document, kind=APPLY, query=query))

    async def merge(self, kind: str, name: str, change: Document, part: str = "") -> Document:
        """Merge a change into an object or a part of it (``status``, ``scale``).

        Raises:
            KubeError: status 409 when the change names a resourceVersion that is not the newest.
        """
        permit(NAME)
        path, query = self.path(kind, name, part), {"fieldManager": MANAGER}
        return _document(await self._send("PATCH", path, change, kind=MERGE, query=query))

    async def delete(self, kind: str, name: str) -> None:
        """Delete an object and, in the background, what it owns; gone already is no error."""
        permit(NAME)
        body = {"propagationPolicy": "Background"}
        answer = await self._send("DELETE", self.path(kind, name), body)
        if answer.status_code != httpx.codes.NOT_FOUND:
            _document(answer)

    async def replace(self, document: Document) -> Document:
        """Put an object as it is here, if its resourceVersion is the newest; for leases only.

        Leases decide who may write, so they do not ask whether we may.
        """
        path = self.path(document["kind"], document["metadata"]["name"])
        return _document(await self._send("PUT", path, document))

    async def introduce(self, document: Document) -> Document:
        """Make an object without asking whether we may; for leases only."""
        return _document(await self._send("POST", self.path(document["kind"]), document))

    def path(self, kind: str, name: str = "", part: str = "") -> str:
        """Return the path of a kind, an object or a part of it."""
        version, plural = KINDS[kind]
        base = f"/api/{version}" if version == "v1" else f"/apis/{version}"
        place = "" if kind == "Namespace" else f"/namespaces/{self.namespace}"
        return "/".join(one for one in (f"{base}{place}/{plural}", name, part) if one)

    async def _send(
        self,
        method: str,
        path: str,
        body: Document | None = None,
        *,
        kind: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        content = msgspec.json.encode(body) if body is not None else None
        headers = {"Content-Type": kind} if content else {}
        try:
            return await self._http.request(
                method, path, content=content, headers=headers, params=query
            )
        except httpx.HTTPError as error:
            raise KubeError(0, f"{method} {path}: {error!r}") from error


def _document(answer: httpx.Response) -> Document:
    if answer.is_error:
        words = _words(answer)
        raise KubeError(answer.status_code, f"{answer.request.method} {answer.url.path}: {words}")
    found: Document = answer.json()
    return found


def _words(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])[:500]
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.text[:200]}"
