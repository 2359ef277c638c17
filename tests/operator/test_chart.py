"""The operator's chart: what it renders, and that its Role is enough and no more."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from client import eventually
from installation import Installation

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/eventonight-operator"
ACCOUNT = "eventonight-operator"
pytestmark = pytest.mark.apiserver


def helm(*words: str, namespace: str = "ns") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["helm", "template", "etn", str(CHART), "--namespace", namespace, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def rendered(*words: str, namespace: str = "ns") -> dict[str, Any]:
    done = helm(*words, namespace=namespace)
    assert done.returncode == 0, done.stderr
    found = [one for one in yaml.safe_load_all(done.stdout) if one]
    return {one["kind"]: one for one in found}


def test_it_renders_what_it_should() -> None:
    found = rendered("--set", "serviceMonitor.enabled=true")
    assert set(found) == {
        "CustomResourceDefinition",
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "Deployment",
        "Service",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "ServiceMonitor",
    }
    crd = found["CustomResourceDefinition"]
    assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert crd["spec"] == yaml.safe_load((ROOT / "manifests/crd.yaml").read_text())["spec"]
    assert found["Deployment"]["spec"]["replicas"] == 2
    for rule in found["Role"]["rules"]:
        assert "*" not in str(rule)


def test_its_pods_are_restricted() -> None:
    pod = rendered()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"startupProbe", "livenessProbe", "readinessProbe", "resources"} <= set(container)


@pytest.mark.parametrize("wrong", ["replicas=-1", "logLevel=loud", "nonsense=1", "image.tags=x"])
def test_wrong_values_are_refused(wrong: str) -> None:
    done = helm("--set", wrong)
    assert done.returncode != 0
    assert wrong.partition("=")[0].partition(".")[0] in done.stderr


async def test_its_role_is_enough_and_has_no_star(installation: Installation) -> None:
    found = rendered(namespace=installation.namespace)
    for kind in ("ServiceAccount", "Role", "RoleBinding"):
        group = "" if kind == "ServiceAccount" else "apis/rbac.authorization.k8s.io/v1"
        path = installation.path(f"{kind.lower()}s", group=group)
        answer = await installation.http.post(path, json=found[kind])
        assert answer.is_success, answer.text
    path = installation.path("serviceaccounts", f"{ACCOUNT}/token")
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = (await installation.http.post(path, json=body)).json()["status"]["token"]
    await installation.create()
    operator = installation.operator(token=token)
    await installation.holds("Ready", "True")
    await installation.delete("deployments", "users")

    async def back() -> bool:
        return await installation.get("deployments", "users") is not None

    await eventually(back, seconds=20)
    await installation.holds("Ready", "True")
    assert operator.process.poll() is None
    refused = [one for one in operator.lines() if "forbidden" in str(one)]
    assert refused == []
    words = [installation.api.kubectl, "auth", "can-i", "--list", "-n", installation.namespace]
    kubeconfig = installation.api.folder / f"kubeconfig-{installation.mark}"
    done = await asyncio.to_thread(
        subprocess.run,
        words,
        env={"PATH": os.environ["PATH"], "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "eventonights.eventonight.io" in done.stdout
    verbs = [line.rpartition("[")[2] for line in done.stdout.splitlines()[1:]]
    resources = [line.split()[0] for line in done.stdout.splitlines()[1:]]
    assert not any("*" in one for one in [*verbs, *resources] if not one.startswith("["))
    operator.stop(signal.SIGTERM)
