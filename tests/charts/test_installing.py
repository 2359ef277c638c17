"""The chart in front of a real API server: installed, installed again, admitted."""

import base64
import copy
import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

import helm
from apiserver import ApiServer
from helm import CHART, NAMESPACE, Object

pytestmark = pytest.mark.apiserver

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
PATHS = (
    *(f"/api/v1/namespaces/{NAMESPACE}/{kind}" for kind in ("services", "configmaps", "secrets")),
    f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts",
    *(f"/apis/apps/v1/namespaces/{NAMESPACE}/{kind}" for kind in ("deployments", "statefulsets")),
    f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs",
    f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets",
    f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies",
    f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/roles",
    f"/apis/eventonight.io/v1alpha1/namespaces/{NAMESPACE}/eventonights",
)


@pytest.fixture(scope="module")
def api() -> Iterator[ApiServer]:
    server = ApiServer()
    server.install_crd()
    body = {"metadata": {"name": NAMESPACE, "labels": RESTRICTED}}
    server.http.post("/api/v1/namespaces", json=body).raise_for_status()
    yield server
    server.stop()


def run(api: ApiServer, *words: str) -> None:
    done = subprocess.run(
        ["helm", *words, "--namespace", NAMESPACE],
        env={**os.environ, "KUBECONFIG": str(api.kubeconfig)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def install(api: ApiServer, *extra: str) -> None:
    run(api, "upgrade", "--install", "etn", str(CHART), *helm.options("dev"), *extra)


def everything(api: ApiServer) -> dict[str, Object]:
    """Return every object of the release by path; Helm's own notes are none of it."""
    return {
        f"{path.rpartition('/')[2]}/{one['metadata']['name']}": one
        for path in PATHS
        for one in api.http.get(path).raise_for_status().json()["items"]
        if not one["metadata"]["name"].startswith("sh.helm.release")
    }


def versions(objects: dict[str, Object]) -> dict[str, str]:
    return {name: one["metadata"]["resourceVersion"] for name, one in objects.items()}


@pytest.fixture
def installed(api: ApiServer) -> dict[str, Object]:
    install(api)
    return everything(api)


def test_installing_again_changes_nothing(api: ApiServer, installed: dict[str, Object]) -> None:
    assert len(installed) > 40
    install(api)
    assert versions(everything(api)) == versions(installed)


def test_secrets_stay_as_they_are_while_values_change(
    api: ApiServer, installed: dict[str, Object]
) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets/mongodb-admin"
    own = base64.b64encode(b"chosen by hand").decode()
    headers = {"Content-Type": "application/merge-patch+json"}
    api.http.patch(path, json={"data": {"password": own}}, headers=headers).raise_for_status()
    install(api, "--set", "redis.memoryMB=65")
    now = everything(api)
    assert now["secrets/mongodb-admin"]["data"]["password"] == own
    assert now["secrets/object-store"]["data"] == installed["secrets/object-store"]["data"]
    changed = {name for name, one in versions(now).items() if one != versions(installed).get(name)}
    assert changed == {"secrets/mongodb-admin", "deployments/redis"}


def test_members_are_the_operators_to_add(api: ApiServer, installed: dict[str, Object]) -> None:
    assert installed["statefulsets/mongodb"]["spec"]["replicas"] == 1
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets/mongodb/scale"
    headers = {"Content-Type": "application/merge-patch+json"}
    api.http.patch(path, json={"spec": {"replicas": 3}}, headers=headers).raise_for_status()
    install(api, "--set", "mongodb.members=3,mongodb.oplogMB=300")
    assert everything(api)["statefulsets/mongodb"]["spec"]["replicas"] == 3


@pytest.mark.usefixtures("installed")
def test_secrets_outlive_the_release_and_are_found_again(api: ApiServer) -> None:
    before = {n: one["data"] for n, one in everything(api).items() if n.startswith("secrets/")}
    run(api, "uninstall", "etn")
    kept = {name for name in everything(api) if not name.endswith("kube-root-ca.crt")}
    assert kept == set(before)
    install(api)
    after = {n: one["data"] for n, one in everything(api).items() if n.startswith("secrets/")}
    assert after == before


def admitted(api: ApiServer, pod: Object) -> tuple[int, str]:
    """Ask the API server's own Pod Security admission; nothing is made."""
    # What a StatefulSet claims for its pods is not in their template.
    claimed = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    volumes = pod["spec"].get("volumes", [])
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "tried", "labels": pod["metadata"]["labels"]},
        "spec": {
            **pod["spec"],
            "volumes": volumes if any(v["name"] == "data" for v in volumes) else volumes + claimed,
        },
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All&fieldValidation=Strict"
    answer = api.http.post(path, json=body)
    return answer.status_code, answer.text


@pytest.mark.parametrize("profile", ["dev", "ha"])
def test_every_pod_is_restricted(api: ApiServer, profile: str) -> None:
    extras: dict[str, Any] = {"cloudflared__enabled": True, "cloudflared__tokenSecret": "tunnel"}
    tried = 0
    for name, pod in helm.pods(helm.render(profile, **extras)):
        assert admitted(api, pod)[0] == 201, (name, admitted(api, pod))
        tried += 1
    assert tried >= 9


LOOSER: list[tuple[str, Any]] = [
    ("runAsNonRoot", False),
    ("seccompProfile", {"type": "Unconfined"}),
    ("runAsUser", 0),
]


@pytest.mark.parametrize(("key", "value"), LOOSER, ids=[one[0] for one in LOOSER])
def test_a_looser_pod_is_refused(api: ApiServer, key: str, value: Any) -> None:
    """The control: the admission that let the pods pass would not let these."""
    _, pod = next(helm.pods(helm.render("dev")))
    looser = copy.deepcopy(pod)
    looser["spec"]["securityContext"][key] = value
    status, said = admitted(api, looser)
    assert status == 403, said
    assert "restricted" in json.loads(said)["message"]
