"""Hands on a cluster by kubectl and helm, and a client of what it serves."""

import json
import subprocess
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx

Object = dict[str, Any]

COMMAND_SECONDS = 60.0
PASSWORD = "correct-horse-7!"


class Cluster:
    """One namespace of one cluster.

    Args:
        context: named in KUBECONFIG, and handed to every command.
        namespace: where the product is.
    """

    def __init__(self, context: str, namespace: str) -> None:
        self.context = context
        self.namespace = namespace

    def kubectl(self, *words: str, stdin: str | None = None, seconds: float = 0) -> str:
        """Run kubectl and return what it prints; it has to succeed."""
        place = ["--context", self.context, "--namespace", self.namespace]
        return _run(["kubectl", *place, *words], stdin, seconds)

    def helm(self, *words: str, seconds: float = 0) -> str:
        """Run helm and return what it prints; it has to succeed."""
        place = ["--kube-context", self.context, "--namespace", self.namespace]
        return _run(["helm", *place, *words], None, seconds)

    def contexts(self) -> list[str]:
        """Return the names of the contexts there are."""
        return _run(["kubectl", "config", "get-contexts", "--output", "name"]).split()

    def get(self, *words: str) -> Object:
        """Return an object or a list of some."""
        found: Object = json.loads(self.kubectl("get", *words, "--output", "json"))
        return found

    def items(self, *words: str) -> list[Object]:
        """Return the objects of a kind."""
        found: list[Object] = self.get(*words)["items"]
        return found

    def field(self, kind: str, name: str, path: str) -> str:
        """Return one field of an object."""
        return self.kubectl("get", kind, *filter(None, [name]), "--output", f"jsonpath={path}")


def _run(words: list[str], stdin: str | None = None, seconds: float = 0) -> str:
    done = subprocess.run(
        words,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=seconds or COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}"
    return done.stdout


def waited(check: Callable[[], Any], *, seconds: float, every: float = 0.5) -> Any:
    """Return the first true answer of a check; fail after a deadline."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, f"not true within {seconds:g} s: {check}"
        time.sleep(every)


class Public:
    """The product as the world sees it: hosts behind one address.

    Args:
        client: connected to the gateway.
        host: the main host, with its port.
    """

    def __init__(self, client: httpx.AsyncClient, host: str) -> None:
        self._client = client
        self.host = host

    async def __call__(
        self, method: str, path: str, *, service: str = "", **options: Any
    ) -> httpx.Response:
        """Call a service by its host, or the main host."""
        host = f"{service}.{self.host}" if service else self.host
        headers = {"Host": host} | options.pop("headers", {})
        return await self._client.request(method, path, headers=headers, **options)

    async def register(self, role: str = "member") -> Object:
        """Return a new account: id, accessToken and the rest."""
        name = f"e2e-{uuid.uuid4().hex[:10]}"
        body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
        answer = await self("POST", "/register", service="users", json={**body, "role": role})
        assert answer.status_code == 201, answer.text
        return {"username": name, **answer.json()}
