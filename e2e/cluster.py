"""Hands on a cluster by kubectl and helm, and a client of what it serves."""

import contextlib
import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Self

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

    def other(self, namespace: str) -> Self:
        """Return another namespace of the same cluster."""
        return type(self)(self.context, namespace)

    def _kubectl(self, *words: str) -> list[str]:
        return ["kubectl", "--context", self.context, "--namespace", self.namespace, *words]

    def kubectl(self, *words: str, stdin: str | None = None, seconds: float = 0) -> str:
        """Run kubectl and return what it prints; it has to succeed."""
        return _run(self._kubectl(*words), stdin, seconds)

    def refused(self, *words: str, stdin: str | None = None) -> str:
        """Run kubectl and return what it complains of; it has to fail."""
        done = _done(self._kubectl(*words), stdin, COMMAND_SECONDS)
        assert done.returncode == 1, done.stdout
        return done.stderr

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

    def find(self, kind: str, name: str) -> Object | None:
        """Return an object if it is there."""
        text = self.kubectl("get", kind, name, "--ignore-not-found", "--output", "json")
        return dict(json.loads(text)) if text else None

    def field(self, kind: str, name: str, path: str) -> str:
        """Return one field of an object."""
        return self.kubectl("get", kind, *filter(None, [name]), "--output", f"jsonpath={path}")

    def secret(self, name: str) -> dict[str, str]:
        """Return the keys and values of a Secret."""
        template = '{{range $k, $v := .data}}{{$k}} {{$v | base64decode}}{{"\\n"}}{{end}}'
        text = self.kubectl("get", "secret", name, "--output", f"go-template={template}")
        return dict(line.split(" ", 1) for line in text.splitlines())

    def apply(self, *objects: Object) -> str:
        """Apply objects and return what kubectl says of each."""
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        return self.kubectl("apply", "--filename", "-", stdin=document)

    def pods(self, name: str) -> list[Object]:
        """Return the pods of a part that are not on their way out."""
        found = self.items("pods", "--selector", f"app.kubernetes.io/name={name}")
        return [one for one in found if "deletionTimestamp" not in one["metadata"]]

    def at_rest(self) -> None:
        """Wait until no pod is on its way out."""

        def check() -> bool:
            return not any("deletionTimestamp" in one["metadata"] for one in self.items("pods"))

        waited(check, seconds=180)

    def uids(self, *names: str) -> set[str]:
        """Return what tells the pods of some parts from later ones."""
        return {pod["metadata"]["uid"] for name in names for pod in self.pods(name)}

    @contextlib.contextmanager
    def forward(self, target: str, port: int) -> Iterator[str]:
        """Yield an address on this machine that leads to a port inside, host:port."""
        words = self._kubectl("port-forward", "--address", "127.0.0.1", target, f":{port}")
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                told = process.stdout.readline()
                assert told, f"{target} cannot be reached"
                yield told.split(" -> ", maxsplit=1)[0].rpartition(" ")[2]
            finally:
                process.terminate()


def _done(words: list[str], stdin: str | None, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, input=stdin, capture_output=True, text=True, timeout=seconds, check=False
    )


def _run(words: list[str], stdin: str | None = None, seconds: float = 0) -> str:
    done = _done(words, stdin, seconds or COMMAND_SECONDS)
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


def lasting(check: Callable[[], Any], *, seconds: float, every: float = 2.0) -> None:
    """Fail as soon as something is no longer so, until some time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert check(), f"not so {seconds - deadline + time.monotonic():.0f} s later: {check}"
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
