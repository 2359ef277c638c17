"""The CRD in front of a real API server: it is accepted, its rules hold, it explains itself."""

import subprocess
from typing import Any

import pytest
import yaml

from apiserver import ApiServer
from eventonight_operator import rules
from operator_samples import DOCUMENT, ROOT, WRONG, changed

pytestmark = pytest.mark.apiserver
PATH = "/apis/eventonight.io/v1alpha1/namespaces/default/eventonights"


@pytest.fixture(scope="module")
def stored(api: ApiServer) -> dict[str, Any]:
    made = api.http.post(PATH, json=DOCUMENT)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def messages(answer: dict[str, Any]) -> str:
    return "\n".join(one["message"] for one in answer.get("details", {}).get("causes", []))


@pytest.mark.parametrize(("path", "value", "word"), WRONG, ids=[f"{w[0]} {w[2]}" for w in WRONG])
def test_the_server_refuses_what_the_rules_refuse(
    api: ApiServer, path: str, value: Any, word: str
) -> None:
    document = changed(path, value)
    document["metadata"]["name"] = "wrong"
    answer = api.http.post(f"{PATH}?fieldValidation=Strict", json=document)
    assert answer.status_code in {400, 422}, answer.text
    for broken in rules.violations(document):
        assert broken.partition(": ")[2] in messages(answer.json())
    assert word in answer.text


def test_the_local_resource_is_stored_as_it_is(stored: dict[str, Any]) -> None:
    assert stored["spec"]["deletionPolicy"] == "Delete"
    assert stored["spec"]["reconciliation"]["driftPolicy"] == "Enforce"


def test_the_sample_of_a_cluster_is_stored_too(api: ApiServer) -> None:
    document = yaml.safe_load((ROOT / "manifests/ha.yaml").read_text())
    made = api.http.post(f"{PATH}?fieldValidation=Strict", json=document)
    assert made.status_code == 201, made.text
    spec = made.json()["spec"]
    assert spec["services"][1]["autoscaling"]["maxReplicas"] == 6
    assert spec["mongodb"]["replicaSets"][0]["statefulSet"]["port"] == 27_017


MOVES = [
    (("messaging", "vhost"), "other", "vhost is immutable"),
    (("objectStore", "bucket"), "other", "bucket is immutable"),
    (("identity", "realm", "name"), "other", "realm.name is immutable"),
    (("messaging", "exchanges", 0, "type"), "direct", "an exchange's type is immutable"),
]


@pytest.mark.parametrize(("path", "value", "message"), MOVES, ids=[one[2] for one in MOVES])
def test_what_is_immutable_stays(
    api: ApiServer, stored: dict[str, Any], path: tuple[Any, ...], value: str, message: str
) -> None:
    document = api.http.get(f"{PATH}/{stored['metadata']['name']}").json()
    place: Any = document["spec"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    answer = api.http.put(f"{PATH}/local", json=document)
    assert answer.status_code == 422
    assert message in messages(answer.json())


def test_every_rule_was_broken_in_front_of_the_server() -> None:
    broken = {m for *_, m in MOVES}
    for path, value, _ in WRONG:
        broken |= {one.partition(": ")[2] for one in rules.violations(changed(path, value))}
    assert {rule.message for rule in rules.RULES} == broken


def test_scale_is_a_subresource(api: ApiServer, stored: dict[str, Any]) -> None:
    assert stored["spec"]["defaults"]["replicas"] == 2
    body = {"spec": {"replicas": 4}}
    headers = {"Content-Type": "application/merge-patch+json"}
    api.http.patch(f"{PATH}/local/scale", json=body, headers=headers).raise_for_status()
    assert api.http.get(f"{PATH}/local").json()["spec"]["defaults"]["replicas"] == 4


def test_explain_reads_like_documentation(api: ApiServer) -> None:
    words = [api.kubectl, "--kubeconfig", str(api.kubeconfig), "explain", "etn.spec", "--recursive"]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=60)
    for field in ("deletionPolicy", "statefulSet", "groupSize", "targetCPUUtilizationPercentage"):
        assert field in done.stdout
    words[-2:] = ["etn.spec.mongodb.replicaSets.members"]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=60)
    assert "1, 3, 5 or 7 members" in done.stdout
