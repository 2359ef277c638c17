"""One resource and what follows from it: columns, scaling, autoscaling, refusals, rights."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.bars import Bars
from e2e.cluster import Cluster, Object, lasting, waited
from e2e.installation import ATTEMPTS, KIND, OPERATOR, WRITES, Installation

CHART = Path(__file__).parents[1] / "charts" / "eventonight-operator"
SERVICES = ("users", "events", "media")
# What is written without anything having changed: leases, and what pods report of themselves.
STEADY = (
    "deployments,statefulsets,services,configmaps,secrets,serviceaccounts,networkpolicies,roles,"
    "rolebindings,poddisruptionbudgets,persistentvolumeclaims,eventonights,pods,jobs"
)
PASSES_SECONDS = 70.0


def plugin(cluster: Cluster, *words: str) -> tuple[int, str]:
    """Call ``kubectl etn`` as people do."""
    here = str(Path(sys.executable).parent)
    done = subprocess.run(
        [
            *("kubectl", "etn", f"--context={cluster.context}"),
            *(f"--namespace={cluster.namespace}", *words),
        ],
        env={**os.environ, "PATH": f"{here}:{os.environ['PATH']}", "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def versions(cluster: Cluster) -> dict[str, str]:
    return {
        f"{one['kind']}/{one['metadata']['name']}": one["metadata"]["resourceVersion"]
        for one in cluster.items(STEADY)
    }


def replicas(cluster: Cluster, name: str) -> tuple[int, int]:
    """Return the wished and the available pods of a service."""
    found = cluster.get("deployment", name)
    return found["spec"]["replicas"], found["status"].get("availableReplicas", 0)


def test_the_line_that_people_see_first_is_full(etn: Installation) -> None:
    found = etn.get()
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
    header, row = etn.cluster.kubectl("get", "etn", etn.name).splitlines()
    assert header.split() == [
        "NAME",
        "READY",
        "REASON",
        "SERVICES",
        "QUEUES",
        "REALM",
        "MONGO",
        "AGE",
    ]
    _, ready, reason, services, queues, realm, mongo, _ = row.split()
    members = found["spec"]["mongodb"]["replicaSets"][0]["members"]
    assert (ready, reason) == ("True", "AllReady")
    assert services == f"{len(SERVICES)}/{len(SERVICES)}"
    assert len(set(queues.split("/"))) == 1
    assert (realm, mongo) == (found["spec"]["identity"]["realm"]["name"], f"{members}/{members}")
    wide = etn.cluster.kubectl("get", "etn", etn.name, "--output", "wide").splitlines()[0]
    assert wide.split()[-4:] == ["PAUSED", "DEGRADED", "DRIFT", "OBSERVED"]
    explained = etn.cluster.kubectl("explain", "etn.spec", "--recursive")
    assert "unsafe" in explained
    code, said = plugin(etn.cluster, "status")
    assert code == 0, said
    assert f"● {etn.name}" in said


@pytest.mark.parametrize("seconds", [PASSES_SECONDS, pytest.param(600.0, marks=pytest.mark.long)])
def test_at_rest_nothing_is_written(etn: Installation, bars: Bars, seconds: float) -> None:
    manifest = json.dumps(etn.manifest())
    apply = ("apply", "--server-side", "--force-conflicts", "--field-manager=e2e", "-f", "-")
    etn.cluster.kubectl(*apply, stdin=manifest)
    etn.holds("Ready")
    before, status = versions(etn.cluster), etn.get()["status"]
    writes, attempts = etn.measure(WRITES), etn.measure(ATTEMPTS, result="unchanged")
    etn.cluster.kubectl(*apply, stdin=manifest)
    lasting(lambda: versions(etn.cluster) == before, seconds=seconds, every=10)
    # The control: it has looked at every one of five systems meanwhile, and more than once.
    assert etn.measure(ATTEMPTS, result="unchanged") >= attempts + 10
    assert etn.get()["status"] == status
    bars.hold(f"writes at rest in {seconds:g} s", etn.measure(WRITES) - writes, 0, "writes")


def test_what_goes_is_back_at_once_and_others_stay(etn: Installation, bars: Bars) -> None:
    cluster = etn.cluster
    others = cluster.uids("events", "media")
    etn.annotate("eventonight.io/paused=true")
    etn.holds("Paused")
    etn.change("services/0/replicas", 2, "add")
    name = str(etn.get()["spec"]["services"][0]["name"])
    code, planned = plugin(cluster, "diff")
    assert code == 1
    lines = [one for one in planned.splitlines() if one.strip()]
    assert lines
    assert all(name in one for one in lines), planned
    assert replicas(cluster, name)[0] == 1
    etn.annotate("eventonight.io/paused-")
    etn.holds("Ready")
    assert replicas(cluster, name) == (2, 2)
    assert {"name": name, "ready": 2, "wanted": 2} in etn.get()["status"]["services"]
    assert cluster.uids("events", "media") == others
    assert plugin(cluster, "diff") == (0, "Nothing differs.\n")
    for kind in ("deployment", "service", "poddisruptionbudget"):
        bars.hold(f"a deleted {kind} is back", back(etn, kind, name), 10)
    etn.holds("Ready")
    assert etn.notes("DriftCorrected")


def back(etn: Installation, kind: str, name: str) -> float:
    """Delete something, and return in how many seconds it is there again and owned."""
    old = etn.cluster.get(kind, name)["metadata"]["uid"]
    etn.cluster.kubectl("delete", kind, name, "--wait=false")

    def is_back() -> bool:
        found = etn.cluster.find(kind, name)
        return found is not None and found["metadata"]["uid"] != old

    started = time.monotonic()
    waited(is_back, seconds=30, every=0.2)
    took = time.monotonic() - started
    (owner,) = etn.cluster.get(kind, name)["metadata"]["ownerReferences"]
    assert owner["uid"] == etn.get()["metadata"]["uid"]
    return took


def test_the_scale_subresource_scales_every_service(etn: Installation) -> None:
    etn.cluster.kubectl("scale", f"etn/{etn.name}", "--replicas=2")
    etn.holds("Ready")
    assert [replicas(etn.cluster, one) for one in SERVICES] == [(2, 2)] * 3
    assert etn.get()["status"]["replicas"] == 6


@pytest.mark.parametrize("seconds", [PASSES_SECONDS, pytest.param(600.0, marks=pytest.mark.long)])
def test_an_autoscaler_has_the_number_to_itself(etn: Installation, seconds: float) -> None:
    etn.change("services/1/autoscaling", {"minReplicas": 3, "maxReplicas": 4}, "add")
    name = str(etn.get()["spec"]["services"][1]["name"])
    waited(lambda: replicas(etn.cluster, name)[0] >= 3, seconds=120)
    lasting(lambda: replicas(etn.cluster, name)[0] >= 3, seconds=seconds)
    found = json.loads(
        etn.cluster.kubectl("get", "deployment", name, "-o", "json", "--show-managed-fields")
    )
    owners = [
        one["manager"]
        for one in found["metadata"]["managedFields"]
        if "f:replicas" in one["fieldsV1"].get("f:spec", {})
    ]
    assert owners
    assert OPERATOR not in owners


def four(spec: Object) -> None:
    spec["mongodb"]["replicaSets"][0]["members"] = 4


def nine(spec: Object) -> None:
    spec["mongodb"]["replicaSets"][0]["members"] = 9


def vhost(spec: Object) -> None:
    spec["messaging"]["vhost"] = "another"


def both(spec: Object) -> None:
    spec["services"][0] |= {"replicas": 2, "autoscaling": {"maxReplicas": 3}}


def nowhere(spec: Object) -> None:
    spec["messaging"]["bindings"][0]["queue"] = "nowhere"


REFUSALS: dict[Callable[[Object], None], str] = {
    four: "members must be 1, 3, 5 or 7 (at most 7 vote)",
    nine: "should be less than or equal to 7",
    vhost: "vhost is immutable",
    both: "set replicas or autoscaling, not both",
    nowhere: "binding names a queue that is not declared",
}


def test_what_is_wrong_is_refused_also_without_the_operator(etn: Installation) -> None:
    count = len(etn.cluster.pods(OPERATOR))
    refuse_all(etn)
    etn.cluster.kubectl("scale", f"deployment/{OPERATOR}", "--replicas=0")
    try:
        waited(lambda: not etn.cluster.pods(OPERATOR), seconds=60)
        refuse_all(etn)
    finally:
        etn.cluster.kubectl("scale", f"deployment/{OPERATOR}", f"--replicas={count}")
    rolled = ("rollout", "status", f"deployment/{OPERATOR}", "--timeout=2m")
    etn.cluster.kubectl(*rolled, seconds=130)


def refuse_all(etn: Installation) -> None:
    before = etn.get()["metadata"]["resourceVersion"]
    for break_it, message in REFUSALS.items():
        manifest = etn.manifest()
        break_it(manifest["spec"])
        said = etn.cluster.refused(
            "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(manifest)
        )
        assert message in said
    assert etn.get()["metadata"]["resourceVersion"] == before


def test_the_operator_may_do_what_it_does_and_no_more(etn: Installation, bars: Bars) -> None:
    account = f"system:serviceaccount:{etn.cluster.namespace}:{OPERATOR}"
    rules = etn.cluster.items("roles")
    bound = [one for one in etn.cluster.items("rolebindings") if _binds(one)]
    assert [one["roleRef"]["name"] for one in bound] == [OPERATOR]
    (role,) = [one for one in rules if one["metadata"]["name"] == OPERATOR]
    assert "*" not in json.dumps(role["rules"])
    for verb, what in (("create", "pods"), ("delete", "namespaces"), ("get", "nodes")):
        etn.cluster.refused("auth", "can-i", verb, what, f"--as={account}")
    assert etn.cluster.kubectl("auth", "can-i", "patch", "deployments", f"--as={account}")
    for pod in etn.cluster.pods(OPERATOR):
        words = ("exec", pod["metadata"]["name"], "--", "cat", "/proc/1/status")
        (line,) = [
            one for one in etn.cluster.kubectl(*words).splitlines() if one.startswith("VmRSS")
        ]
        bars.hold("the operator's memory", int(line.split()[1]) / 1024, 150, "MiB")


def _binds(binding: Object) -> bool:
    return any(one["name"] == OPERATOR for one in binding["subjects"])


def test_an_operators_upgrade_leaves_every_pod_alone(etn: Installation) -> None:
    cluster = etn.cluster
    names = (*SERVICES, "mongodb", "rabbitmq", "keycloak", "gateway")
    before, operators = cluster.uids(*names), cluster.uids(OPERATOR)
    upgrade = ("upgrade", "etn-operator", str(CHART), "--reuse-values", "--wait")
    cluster.helm(*upgrade, "--set=podAnnotations.tried=yes", seconds=180)
    waited(lambda: not cluster.uids(OPERATOR) & operators, seconds=60)
    attempts = etn.measure(ATTEMPTS, result="unchanged")
    waited(lambda: etn.measure(ATTEMPTS, result="unchanged") >= attempts + 5, seconds=90)
    assert cluster.uids(*names) == before
    etn.holds("Ready")
    cluster.helm("rollback", "etn-operator", "--wait", seconds=180)


def test_the_definition_is_kept_when_the_operator_goes(etn: Installation) -> None:
    found = etn.cluster.get("customresourcedefinition", KIND)
    assert found["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
