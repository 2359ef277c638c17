"""A real API server for a test session; KUBEBUILDER_ASSETS is the folder of its programs."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml

from local.ports import free_ports

ROOT = Path(__file__).parents[1]
TOKEN = "letmein"
AUDIT = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- {level: None, verbs: [get, list, watch]}
- {level: Metadata}
"""


class ApiServer:
    """etcd and kube-apiserver on free ports, with RBAC and an audit log of every write."""

    def __init__(self) -> None:
        assets = os.environ.get("KUBEBUILDER_ASSETS", "")
        assert assets, "set KUBEBUILDER_ASSETS to the folder of etcd and kube-apiserver"
        self.folder = Path(tempfile.mkdtemp(prefix="eventonight-api-"))
        client, peer, secure, *_ = free_ports().values()
        self.url = f"https://127.0.0.1:{secure}"
        self.kubectl = f"{assets}/kubectl"
        self._processes = [
            self._etcd(assets, client, peer),
            self._server(assets, client, secure),
        ]
        self.http = self.client(TOKEN)
        self._wait_ready()
        self.kubeconfig = self.kubeconfig_of(TOKEN, "kubeconfig")

    def _etcd(self, assets: str, client: int, peer: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                f"{assets}/etcd",
                f"--data-dir={self.folder}/etcd",
                f"--listen-client-urls=http://127.0.0.1:{client}",
                f"--advertise-client-urls=http://127.0.0.1:{client}",
                f"--listen-peer-urls=http://127.0.0.1:{peer}",
                "--unsafe-no-fsync",
            ],
            stderr=subprocess.DEVNULL,
        )

    def _server(self, assets: str, etcd: int, secure: int) -> subprocess.Popen[bytes]:
        folder = self.folder
        (folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
        (folder / "audit.yaml").write_text(AUDIT)
        words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        words += ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
        words += ["-keyout", f"{folder}/key", "-out", f"{folder}/certificate"]
        subprocess.run(words, check=True, capture_output=True, timeout=60)
        return subprocess.Popen(
            [
                f"{assets}/kube-apiserver",
                f"--etcd-servers=http://127.0.0.1:{etcd}",
                f"--secure-port={secure}",
                f"--tls-cert-file={folder}/certificate",
                f"--tls-private-key-file={folder}/key",
                f"--token-auth-file={folder}/tokens.csv",
                f"--service-account-key-file={folder}/key",
                f"--service-account-signing-key-file={folder}/key",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--authorization-mode=RBAC",
                "--disable-admission-plugins=ServiceAccount",
                f"--audit-policy-file={folder}/audit.yaml",
                f"--audit-log-path={folder}/audit.log",
            ],
            stderr=subprocess.DEVNULL,
        )

    def client(self, token: str) -> httpx.Client:
        """Return a client that speaks as somebody."""
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, verify=False, timeout=10)  # noqa: S501 - its own certificate

    def kubeconfig_of(self, token: str, name: str, namespace: str = "default") -> Path:
        """Return a kubeconfig file of somebody."""
        authority = base64.b64encode((self.folder / "certificate").read_bytes()).decode()
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [
                {
                    "name": "test",
                    "cluster": {"server": self.url, "certificate-authority-data": authority},
                }
            ],
            "contexts": [
                {
                    "name": "test",
                    "context": {"cluster": "test", "user": "test", "namespace": namespace},
                }
            ],
            "users": [{"name": "test", "user": {"token": token}}],
        }
        path = self.folder / name
        path.write_text(yaml.safe_dump(document))
        return path

    def install_crd(self) -> None:
        """Teach the server the resource, or its newest form."""
        crd = yaml.safe_load((ROOT / "manifests/crd.yaml").read_text())
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        name = crd["metadata"]["name"]
        made = self.http.post(path, json=crd)
        assert made.status_code in {201, 409}, made.text
        deadline = time.monotonic() + 30
        while not self._established(f"{path}/{name}"):
            assert time.monotonic() < deadline, "the CRD is not established"

    def _established(self, path: str) -> bool:
        found = self.http.get(path).json().get("status", {}).get("conditions") or []
        assert all(one["type"] != "NonStructuralSchema" for one in found), found
        return any(one["type"] == "Established" and one["status"] == "True" for one in found)

    def writes(self) -> Iterator[dict[str, Any]]:
        """Yield each write in the audit log so far, leases and events of the server left out."""
        for line in (self.folder / "audit.log").read_text().splitlines():
            entry = json.loads(line)
            if not entry["user"]["username"].startswith("system:apiserver"):
                yield entry

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if self.http.get("/readyz").is_success:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        raise AssertionError("the API server is not ready")

    def stop(self) -> None:
        """Stop both and forget them."""
        self.http.close()
        for process in reversed(self._processes):
            process.terminate()
            process.wait(timeout=20)
        shutil.rmtree(self.folder, ignore_errors=True)
