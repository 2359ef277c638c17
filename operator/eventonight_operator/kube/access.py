"""Where the API server is and who we are to it: the pod's own account, or a kubeconfig file."""

import base64
import os
import ssl
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
import yaml

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class AccessError(Exception):
    """There is no way to the API server; the message says what was looked for."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """A way to an API server.

    Args:
        server: its address.
        authority: certificate authority, PEM.
        namespace: where we are.
        token: bearer token, if it never changes.
        token_file: read anew for each call, as the kubelet renews it.
        certificate: client certificate, PEM.
        key: its private key, PEM.
    """

    server: str
    authority: str = ""
    namespace: str = "default"
    token: str = ""
    token_file: Path | None = None
    certificate: str = ""
    key: str = ""

    def bearer(self) -> str:
        """Return the token to use now, empty for none."""
        return self.token_file.read_text().strip() if self.token_file else self.token

    def tls(self) -> ssl.SSLContext:
        """Return what the server is checked by, and we are known by."""
        context = ssl.create_default_context(cadata=self.authority or None)
        if self.certificate:
            with tempfile.NamedTemporaryFile("w") as both:
                both.write(f"{self.certificate}\n{self.key}\n")
                both.flush()
                context.load_cert_chain(both.name)
        return context


class Bearer(httpx.Auth):
    """Sends the token of an access with each call."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        token = self._access.bearer()
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        yield request


def find(environ: Mapping[str, str] = os.environ, account: Path = ACCOUNT) -> Access:
    """Return the way that a kubeconfig names, else the pod's own.

    Raises:
        AccessError: there is neither.
    """
    named = environ.get("KUBECONFIG", "")
    if named:
        return of_kubeconfig(Path(named))
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    if host and (account / "token").exists():
        return of_account(host, environ.get("KUBERNETES_SERVICE_PORT", "443"), account)
    usual = Path(environ.get("HOME", "/")) / ".kube" / "config"
    if usual.exists():
        return of_kubeconfig(usual)
    raise AccessError(f"no KUBECONFIG, no service account in {account}, no {usual}")


def of_account(host: str, port: str, account: Path) -> Access:
    """Return the way of a pod."""
    place = f"[{host}]" if ":" in host else host
    return Access(
        server=f"https://{place}:{port}",
        authority=(account / "ca.crt").read_text(),
        namespace=(account / "namespace").read_text().strip(),
        token_file=account / "token",
    )


def of_kubeconfig(path: Path) -> Access:
    """Return the way of a kubeconfig's current context.

    Raises:
        AccessError: it names what is not in it, or a login that needs another program.
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    context = _named(document, "contexts", "context", document.get("current-context", ""), path)
    cluster = _named(document, "clusters", "cluster", context["cluster"], path)
    user = _named(document, "users", "user", context["user"], path)
    if "exec" in user or "auth-provider" in user:
        raise AccessError(f"{path}: logins by another program are not supported; use a token")
    token_file = user.get("tokenFile")
    return Access(
        server=cluster["server"],
        authority=_pem(cluster, "certificate-authority", path),
        namespace=context.get("namespace", "default"),
        token=user.get("token", ""),
        token_file=path.parent / token_file if token_file else None,
        certificate=_pem(user, "client-certificate", path),
        key=_pem(user, "client-key", path),
    )


def _named(
    document: Mapping[str, Any], plural: str, kind: str, name: str, path: Path
) -> dict[str, Any]:
    for one in document.get(plural) or []:
        if one["name"] == name:
            found: dict[str, Any] = one[kind]
            return found
    raise AccessError(f"{path}: no {kind} of the name {name!r}")


def _pem(holder: Mapping[str, Any], name: str, path: Path) -> str:
    """Return what is given in place or as a file."""
    data = holder.get(f"{name}-data")
    if data:
        return base64.b64decode(data).decode()
    return (path.parent / holder[name]).read_text() if name in holder else ""
