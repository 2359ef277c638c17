"""The CRD and the samples in front of a real API server (KUBEBUILDER_ASSETS names its programs)."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from local.ports import free_ports

ROOT = Path(__file__).parents[2]
ASSETS = os.environ.get("KUBEBUILDER_ASSETS", "")
pytestmark = pytest.mark.apiserver


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    assert ASSETS, "set KUBEBUILDER_ASSETS to the folder of etcd and kube-apiserver"
    port, peer, secure, *_ = free_ports().values()
    with tempfile.TemporaryDirectory() as folder:
        tokens = Path(folder) / "tokens.csv"
        tokens.write_text("letmein,admin,admin,system:masters\n")
        etcd = subprocess.Popen(
            [
                f"{ASSETS}/etcd",
                f"--data-dir={folder}/etcd",
                f"--listen-client-urls=http://127.0.0.1:{port}",
                f"--advertise-client-urls=http://127.0.0.1:{port}",
                f"--listen-peer-urls=http://127.0.0.1:{peer}",
            ],
            stderr=subprocess.DEVNULL,
        )
        subprocess.run(
            ["openssl", "genrsa", "-out", f"{folder}/key", "2048"], check=True, capture_output=True
        )
        server = subprocess.Popen(
            [
                f"{ASSETS}/kube-apiserver",
                f"--etcd-servers=http://127.0.0.1:{port}",
                f"--secure-port={secure}",
                f"--cert-dir={folder}",
                f"--token-auth-file={tokens}",
                f"--service-account-key-file={folder}/key",
                f"--service-account-signing-key-file={folder}/key",
                "--service-account-issuer=https://x",
                "--authorization-mode=RBAC",
                "--disable-admission-plugins=ServiceAccount",
            ],
            stderr=subprocess.DEVNULL,
        )
        headers = {"Authorization": "Bearer letmein"}
        base = f"https://127.0.0.1:{secure}"
        with httpx.Client(base_url=base, headers=headers, verify=False, timeout=10) as client:  # noqa: S501 - its own certificate
            yield wait_ready(client)
        server.terminate()
        server.wait(timeout=20)
        etcd.terminate()
        etcd.wait(timeout=20)


def wait_ready(client: httpx.Client) -> httpx.Client:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if client.get("/readyz").is_success:
                return client
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError("the API server is not ready")


def test_the_crd_is_established_and_its_rules_hold(api: httpx.Client) -> None:
    crd = yaml.safe_load((ROOT / "manifests/crd.yaml").read_text())
    made = api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", json=crd)
    assert made.status_code == 201, made.text
    name = crd["metadata"]["name"]
    deadline = time.monotonic() + 30
    conditions: list[Any] = []
    while time.monotonic() < deadline:
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
        conditions = api.get(path).json().get("status", {}).get("conditions", [])
        if any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
            break
        time.sleep(0.1)
    assert all(one["type"] != "NonStructuralSchema" for one in conditions), conditions
    resource = yaml.safe_load((ROOT / "manifests/local.yaml").read_text())
    path = "/apis/eventonight.io/v1alpha1/namespaces/default/eventonights"
    api.post("/api/v1/namespaces", json={"metadata": {"name": "default"}})
    good = api.post(path, json=resource)
    assert good.status_code == 201, good.text
    stored = good.json()
    stored["spec"]["messaging"]["vhost"] = "other"
    moved = api.put(f"{path}/local", json=stored)
    assert moved.status_code == 422
    assert "vhost is immutable" in moved.text
    stored = api.get(f"{path}/local").json()
    stored["spec"]["mongodb"]["replicaSets"][0]["members"] = 4
    even = api.put(f"{path}/local", json=stored)
    assert "members must be 1, 3, 5 or 7" in even.text
