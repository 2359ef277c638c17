"""The chart as Helm renders it, profile by profile: no cluster needed."""

import copy
import importlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from prometheus_client import REGISTRY

import helm
from eventonight_operator import spec
from helm import CHART, KUBERNETES, PROFILES, ROOT, Object
from local import charts, gateway, parts

pytestmark = pytest.mark.charts

EXTERNAL: dict[str, dict[str, Any]] = {
    "mongodb": {
        "mongodb__external__hosts": ["a.example:27017", "b.example:27017", "c.example:27017"],
        "secrets__mongodbAdmin": "mine",
    },
    "rabbitmq": {
        "rabbitmq__external__url": "amqps://broker.example:5671",
        "rabbitmq__external__managementURL": "https://broker.example",
        "secrets__rabbitmqAdmin": "mine",
    },
    "keycloak": {
        "keycloak__external__url": "https://id.example",
        "secrets__keycloakAdmin": "mine",
    },
    "postgres": {
        "postgres__external__host": "db.example",
        "secrets__keycloakDatabase": "mine",
    },
    "redis": {"redis__external__url": "redis://cache.example:6379/0"},
    "s3": {"s3__external__endpoint": "https://s3.example", "secrets__s3": "mine"},
}


@pytest.fixture(scope="module", params=PROFILES)
def rendered(request: pytest.FixtureRequest) -> list[Object]:
    return helm.render(request.param)


@pytest.fixture(scope="module")
def dev() -> list[Object]:
    return helm.render("dev")


@pytest.mark.parametrize("profile", PROFILES)
def test_helm_has_no_complaint(profile: str) -> None:
    words = ["lint", "--strict", str(CHART), "--kube-version", KUBERNETES]
    done = helm.helm(*words, *helm.options(profile))
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """JSON schemas of Kubernetes' own kinds and of ours, where kubeconform finds them."""
    folder = tmp_path_factory.mktemp("schemas")
    package = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    for path in (package / f"v{KUBERNETES}-local-strict").glob("*.json"):
        content = path.read_text().replace(
            '"/api/_definitions.json', f'"file://{folder}/_definitions.json'
        )
        (folder / path.name).write_text(content)
    crd = yaml.safe_load((ROOT / "manifests/crd.yaml").read_text())
    ours = strict(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    ours["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {}}
    (folder / "eventonight-eventonight-v1alpha1.json").write_text(json.dumps(ours))
    yield folder
    shutil.rmtree(folder)


def strict(schema: Object) -> Object:
    """Refuse fields that a schema does not name, as the API server's strict validation does."""
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
    for node in schema.get("properties", {}).values():
        strict(node)
    if "items" in schema:
        strict(schema["items"])
    return schema


def refused_by_kubeconform(schemas: Path, content: str) -> set[str]:
    """Return kind and name of every object that breaks its schema."""
    place = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    words = ["kubeconform", "-strict", "-output", "json", "-schema-location", place]
    done = subprocess.run(
        [*words, "-skip", "PodMonitor,PrometheusRule"],
        input=content,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found = json.loads(done.stdout)["resources"] or []
    assert all(one["status"] == "statusInvalid" for one in found), found
    return {f"{one['kind']} {one['name']}" for one in found}


def test_every_object_is_what_its_schema_says(schemas: Path) -> None:
    extras: dict[str, Any] = {"monitoring__serviceMonitors": True, "monitoring__rules": True}
    extras |= {"ingress__enabled": True, "ingress__className": "x", "ingress__tlsSecret": "tls"}
    extras |= {"cloudflared__enabled": True, "cloudflared__tokenSecret": "tunnel"}
    texts = [*(helm.text(one) for one in PROFILES), helm.text(**extras)]
    wrong = [helm.one(helm.render(), "StatefulSet", "s3"), *helm.of(helm.render(), "EvenToNight")]
    for index, (one, field) in enumerate(zip(wrong, ("serviceName", "messaging"), strict=True)):
        one["metadata"]["name"] = f"wrong-{index}"
        one["spec"][f"{field}x"] = one["spec"][field]
        texts.append(yaml.safe_dump(one))
    refused = refused_by_kubeconform(schemas, "\n---\n".join(texts))
    assert refused == {"StatefulSet wrong-0", "EvenToNight wrong-1"}


REFUSED = [
    ({"hots": "x"}, "additional properties 'hots' not allowed"),
    ({"mongodb__members": 2}, "/mongodb/members"),
    ({"mongodb__members": 1}, "set allowSingleMember"),
    ({"services__users": {"replicas": 2, "autoscaling": {"maxReplicas": 3}}}, "/services/users"),
    ({"services__nobody": {"replicas": 2}}, "no such service; there are: users, events, media"),
    ({"host": "https://x"}, "/host"),
    ({"images__product": "eventonight"}, "/images/product"),
    ({"gateway__service__nodePort": 80}, "/gateway/service/nodePort"),
    ({"mongodb__resources__limits__memory": "1 GB"}, "/mongodb/resources/limits/memory"),
    ({"cloudflared__enabled": True}, "name cloudflared.tokenSecret"),
    *(({f"{name}__enabled": False}, f"{name}.enabled is false: name") for name in EXTERNAL),
]


@pytest.mark.parametrize(("values", "message"), REFUSED, ids=[str(one[1]) for one in REFUSED])
def test_wrong_values_are_refused_by_name(values: dict[str, Any], message: str) -> None:
    done = helm.refusal(**values)
    assert done.returncode != 0
    assert message in done.stderr


def test_the_resource_keeps_every_rule(rendered: list[Object]) -> None:
    (resource,) = helm.of(rendered, "EvenToNight")
    assert spec.decode(resource).metadata.name == "etn"


def test_every_container_says_what_it_runs_and_what_it_takes(rendered: list[Object]) -> None:
    for name, pod in helm.pods(rendered):
        for container in helm.containers(pod):
            where = f"{name}/{container['name']}"
            assert container["command"], where
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, where
            assert "memory" in container["resources"]["limits"], where
            assert container["imagePullPolicy"] == "IfNotPresent", where
            assert container["securityContext"]["readOnlyRootFilesystem"], where


def test_every_lasting_container_has_probes(rendered: list[Object]) -> None:
    for name, pod in helm.pods(rendered):
        if not name.startswith("seed"):
            for container in pod["spec"]["containers"]:
                assert container["readinessProbe"], name
                assert container["livenessProbe"], name


def test_only_the_broker_may_ask_the_api_server_and_only_for_its_nodes(
    rendered: list[Object],
) -> None:
    asking = {n for n, pod in helm.pods(rendered) if pod["spec"]["automountServiceAccountToken"]}
    assert asking == {"rabbitmq"}
    (role,) = helm.of(rendered, "Role")
    assert "*" not in json.dumps(role["rules"])
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "create"}


def test_services_select_pods_and_budgets_do_too(rendered: list[Object]) -> None:
    labels = [pod["metadata"]["labels"] for _, pod in helm.pods(rendered)]
    for kind, path in (("Service", "selector"), ("PodDisruptionBudget", "selector")):
        for found in helm.of(rendered, kind):
            wanted = found["spec"][path]
            wanted = wanted.get("matchLabels", wanted)
            assert any(wanted.items() <= one.items() for one in labels), found["metadata"]["name"]


def test_the_gateway_is_configured_as_on_one_machine(dev: list[Object]) -> None:
    manifest = yaml.safe_load((ROOT / "manifests/local.yaml").read_text())["spec"]
    config = helm.one(dev, "ConfigMap", "gateway")["data"]["dynamic.yaml"]
    assert yaml.safe_load(config) == gateway.dynamic(
        host="localhost:30080",
        services={s["name"]: f"http://{s['name']}:{s['port']}" for s in manifest["services"]},
        extra_hosts={"auth": charts.KEYCLOAK, "mail": charts.PORTAL},
        main=charts.PORTAL,
        requests_per_second=100,
        burst=200,
        prefixes={"mail": "/mail"},
    )


def test_limits_count_clients_behind_trusted_proxies() -> None:
    objects = helm.render(gateway__trustedProxies=["10.0.0.0/8", "fd00::/8"])
    config = yaml.safe_load(helm.one(objects, "ConfigMap", "gateway")["data"]["dynamic.yaml"])
    limits = config["http"]["middlewares"]
    for limit in (limits["limit-media"]["rateLimit"], limits["at-once"]["inFlightReq"]):
        assert limit["sourceCriterion"] == {"ipStrategy": {"depth": 1}}
    (pod,) = (pod for name, pod in helm.pods(objects) if name == "gateway")
    trusted = "--entrypoints.web.forwardedheaders.trustedips=10.0.0.0/8,fd00::/8"
    assert trusted in pod["spec"]["containers"][0]["command"]


def test_secrets_have_the_names_and_keys_they_have_on_one_machine(
    dev: list[Object], tmp_path: Path
) -> None:
    site = parts.Site(state=tmp_path, ports={}, host="x")
    parts.bootstrap_secrets(site)
    names = {path.stem for path in (tmp_path / "secrets").iterdir()}
    found = {one["metadata"]["name"]: set(one["data"]) for one in helm.of(dev, "Secret")}
    assert found == {name: set(parts.secret(site, name)) for name in names}


def test_secrets_are_random_and_outlive_the_release(dev: list[Object]) -> None:
    again = helm.render("dev")
    for secret in helm.of(dev, "Secret"):
        name = secret["metadata"]["name"]
        assert helm.one(again, "Secret", name)["data"] != secret["data"], name
        assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


@pytest.mark.parametrize("part", EXTERNAL)
def test_a_part_that_is_elsewhere_leaves_nothing_here(part: str) -> None:
    objects = helm.render(**{f"{part}__enabled": False}, **EXTERNAL[part])
    left = [one for one in objects if one["metadata"]["name"].startswith(part)]
    assert left == []
    rest = json.dumps(objects)
    assert "example" in rest
    assert f"//{part}:" not in rest
    spec.decode(helm.of(objects, "EvenToNight")[0])


def test_a_keycloak_that_is_built_already_is_not_built_again() -> None:
    for prebuilt, builders in ((True, []), (False, ["copy", "build"])):
        objects = helm.render("dev", keycloak__prebuilt=prebuilt)
        (pod,) = (one for name, one in helm.pods(objects) if name == "keycloak")
        assert [one["name"] for one in pod["spec"].get("initContainers", [])] == builders
        mounted = {one["name"] for c in helm.containers(pod) for one in c["volumeMounts"]}
        assert mounted == {one["name"] for one in pod["spec"]["volumes"]}


def test_an_external_keycloak_is_still_reached_by_its_host_here() -> None:
    objects = helm.render(keycloak__enabled=False, **EXTERNAL["keycloak"])
    config = yaml.safe_load(helm.one(objects, "ConfigMap", "gateway")["data"]["dynamic.yaml"])
    servers = config["http"]["services"]["auth"]["loadBalancer"]["servers"]
    assert servers == [{"url": "https://id.example"}]
    assert not [name for name, _ in helm.pods(objects) if name == "postgres"]


def amount(text: str) -> float:
    """Return a quantity in cores or mebibytes."""
    for suffix, factor in (("m", 0.001), ("Mi", 1), ("Gi", 1024)):
        if text.endswith(suffix):
            return float(text.removesuffix(suffix)) * factor
    return float(text)


def total(objects: list[Object], kind: str, key: str) -> float:
    """Return what all pods take together, the operator's included."""
    resource = helm.of(objects, "EvenToNight")[0]["spec"]
    each = [one.get("resources", resource["defaults"]["resources"]) for one in resource["services"]]
    sets = each * resource["defaults"]["replicas"]
    for one in objects:
        if one["kind"] in {"Deployment", "StatefulSet"}:
            replicas = one["spec"].get("replicas", 1)
            sets += [
                c["resources"] for c in one["spec"]["template"]["spec"]["containers"]
            ] * replicas
    return sum(amount(one.get(kind, {}).get(key, "0")) for one in sets)


def test_the_small_profile_fits_2_cores_and_8_gibibytes(dev: list[Object]) -> None:
    assert total(dev, "requests", "cpu") <= 1.0
    assert total(dev, "requests", "memory") <= 2.5 * 1024
    assert total(dev, "limits", "memory") <= 7 * 1024


def test_the_large_profile_survives_any_one_node() -> None:
    objects = helm.render("ha")
    resource = helm.of(objects, "EvenToNight")[0]["spec"]
    assert resource["mongodb"]["replicaSets"][0]["members"] == 3
    assert resource["defaults"]["replicas"] == 2
    counts = {
        one["metadata"]["name"]: one["spec"].get("replicas")
        for one in objects
        if one["kind"] in {"Deployment", "StatefulSet"}
    }
    assert counts["rabbitmq"] == 3
    assert counts["keycloak"] == counts["gateway"] == 2
    # The operator's, which adds members one at a time.
    assert counts["mongodb"] is None
    for name in ("keycloak", "gateway", "rabbitmq", "mongodb"):
        assert helm.one(objects, "PodDisruptionBudget", name)["spec"]["maxUnavailable"] == 1


def test_one_services_values_go_to_that_service() -> None:
    scaled = {"minReplicas": 2, "maxReplicas": 6}
    objects = helm.render(services={"events": {"autoscaling": scaled}, "users": {"replicas": 3}})
    found = {s["name"]: s for s in helm.of(objects, "EvenToNight")[0]["spec"]["services"]}
    assert found["events"] == {"name": "events", "port": 9010, "autoscaling": scaled}
    assert found["users"] == {"name": "users", "port": 9000, "replicas": 3}
    assert set(found["media"]) == {"name", "port", "resources"}


def test_memory_is_there_for_two_pictures_at_once(rendered: list[Object]) -> None:
    found = {s["name"]: s for s in helm.of(rendered, "EvenToNight")[0]["spec"]["services"]}
    assert amount(found["media"]["resources"]["limits"]["memory"]) >= 1536


def test_abandoned_transactions_end_as_soon_as_on_one_machine(dev: list[Object]) -> None:
    (pod,) = [pod for name, pod in helm.pods(dev) if name == "mongodb"]
    limit = f"transactionLifetimeLimitSeconds={parts.TRANSACTION_SECONDS}"
    assert limit in helm.containers(pod)[0]["args"][0]


def test_the_demo_is_another_job_for_another_image() -> None:
    names = {
        helm.of(helm.render("dev", images__product=image), "Job")[0]["metadata"]["name"]
        for image in ("a:1", "a:1", "a:2")
    }
    assert len(names) == 2
    assert helm.of(helm.render(), "Job") == []


def test_stand_ins_take_the_place_of_every_pulled_image(dev: list[Object]) -> None:
    pulled = {c["image"] for _, pod in helm.pods(dev) for c in helm.containers(pod)}
    ours = {c["image"] for _, p in helm.pods(helm.render("standin")) for c in helm.containers(p)}
    assert {one.partition("/")[0] for one in ours} == {"offline", "eventonight:dev"}
    assert pulled & ours == {"eventonight:dev"}


def test_the_ingress_and_the_gateway_know_the_same_hosts() -> None:
    objects = helm.render(ingress__enabled=True, host="night.example:8443")
    hosts = {rule["host"] for rule in helm.of(objects, "Ingress")[0]["spec"]["rules"]}
    config = helm.one(objects, "ConfigMap", "gateway")["data"]["dynamic.yaml"]
    assert hosts == set(re.findall(r"Host\(`([^`]+)`\)", config))


def test_alerts_ask_for_measures_that_exist() -> None:
    importlib.import_module("services.kit.metrics")
    objects = helm.render(monitoring__rules=True, monitoring__serviceMonitors=True)
    (rules,) = helm.of(objects, "PrometheusRule")
    asked = set(re.findall(r"eventonight_\w+", json.dumps([r["expr"] for r in alerts(rules)])))
    known = {
        f"{one.name}{suffix}"
        for one in REGISTRY.collect()
        if one.name.startswith("eventonight_")
        for suffix in ("", "_total", "_bucket")
    }
    assert {one for one in asked if not one.startswith("eventonight_operator")} <= known
    assert all(rule["annotations"]["description"] for rule in alerts(rules))


def test_every_measured_port_exists() -> None:
    objects = helm.render(monitoring__serviceMonitors=True)
    ports = {
        name: {port["name"] for c in pod["spec"]["containers"] for port in c.get("ports", [])}
        for name, pod in helm.pods(objects)
    }
    for monitor in helm.of(objects, "PodMonitor"):
        name = monitor["metadata"]["name"]
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["port"] in ports.get(name, {"http"}), name


def alerts(rules: Object) -> list[Object]:
    return [rule for group in rules["spec"]["groups"] for rule in group["rules"]]


def test_passwords_are_never_arguments(rendered: list[Object]) -> None:
    values = [v for one in helm.of(rendered, "Secret") for v in one["data"].values()]
    rest = copy.deepcopy([one for one in rendered if one["kind"] != "Secret"])
    assert not [value for value in values if value in json.dumps(rest)]
