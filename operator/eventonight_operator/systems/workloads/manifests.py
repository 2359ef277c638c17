"""What Kubernetes runs of each service: Deployment, Service, budget and autoscaler; pure."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from eventonight_operator.environment import Variable, of_service
from eventonight_operator.faults import SystemFaultError
from eventonight_operator.kube.client import KINDS
from eventonight_operator.spec import EvenToNight, ServiceSpec
from eventonight_operator.spec.services import Resources

Document = dict[str, Any]

PART_OF = "eventonight"
MANAGED_BY = "eventonight-operator"
APPLIED = "eventonight.io/applied"
CREDENTIALS = "eventonight.io/credentials"
METRICS_PATH = "/metrics"
USER = 10_001
# Endpoints forget a pod within a few seconds; until then it goes on answering.
LEAVE_SECONDS = 5
DRAIN_SECONDS = 15
GRACE_SECONDS = LEAVE_SECONDS + DRAIN_SECONDS + 10
# The drivers set no limit to a lookup, and by default one lost packet can cost half a minute: a
# name with fewer than five dots is asked for in every search domain first.
DNS = {"ndots": "2", "timeout": "2", "attempts": "3"}
PROGRESS_SECONDS = 180
START_SECONDS = 120
HISTORY = 3


def selector(resource: str) -> dict[str, str]:
    """Return the labels of everything that is made for a resource."""
    return {
        "app.kubernetes.io/part-of": PART_OF,
        "app.kubernetes.io/instance": resource,
        "app.kubernetes.io/managed-by": MANAGED_BY,
    }


def wanted_pods(resource: EvenToNight, service: ServiceSpec) -> int:
    """Return how many pods a service has at least."""
    if service.autoscaling is not None:
        return service.autoscaling.min_replicas
    default = resource.spec.defaults.replicas
    return default if service.replicas is None else service.replicas


def environment(resource: EvenToNight, service: ServiceSpec) -> list[Variable]:
    """Return the environment of a service's pods."""
    found = of_service(
        resource.spec,
        service.name,
        address=lambda one: f"http://{one.name}:{one.port}",
        namespace=resource.metadata.namespace,
    )
    extra = {"BIND": "0.0.0.0", "DRAIN_SECONDS": str(DRAIN_SECONDS)}  # noqa: S104 - a pod's own network
    return [*found, *(Variable(name, value) for name, value in extra.items())]


def of_resource(
    resource: EvenToNight, credentials: Mapping[str, Mapping[str, str]]
) -> list[Document]:
    """Return every object that is wished, in the order of creation.

    Args:
        resource: the installation.
        credentials: by service, the content of the Secrets its pods read, to see them change.

    Raises:
        SystemFaultError: a service has no image.
    """
    found: list[Document] = []
    for service in resource.spec.services:
        found.append(_service(resource, service))
        if service.autoscaling is not None:
            found.append(_autoscaler(resource, service))
        if _has_budget(resource, service):
            found.append(_budget(resource, service))
        mark = checksum(resource.metadata.uid, credentials.get(service.name, {}))
        found.append(_deployment(resource, service, mark))
    if resource.spec.monitoring.service_monitor:
        found.append(_monitor(resource))
    return [_marked(one) for one in found]


def checksum(key: str, values: Mapping[str, str]) -> str:
    """Return a mark that changes with the credentials and does not give them away."""
    text = json.dumps(dict(values), sort_keys=True).encode()
    return hmac.new(key.encode(), text, hashlib.sha256).hexdigest()[:16]


def _marked(document: Document) -> Document:
    """Note the whole wish in the object: a field that is no longer wished changes it, too."""
    text = json.dumps(document, sort_keys=True).encode()
    document["metadata"]["annotations"] = {APPLIED: hashlib.sha256(text).hexdigest()[:16]}
    return document


def _object(kind: str, resource: EvenToNight, name: str, spec: Document) -> Document:
    owner = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": resource.metadata.name,
        "uid": resource.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": KINDS[kind][0],
        "kind": kind,
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/name": name, **selector(resource.metadata.name)},
            "ownerReferences": [owner],
        },
        "spec": spec,
    }


def _pod_labels(resource: EvenToNight, service: ServiceSpec) -> dict[str, str]:
    return {"app.kubernetes.io/name": service.name, **selector(resource.metadata.name)}


def _service(resource: EvenToNight, service: ServiceSpec) -> Document:
    port = {"name": "http", "port": service.port, "targetPort": "http", "appProtocol": "http"}
    spec = {"selector": _pod_labels(resource, service), "ports": [port]}
    return _object("Service", resource, service.name, spec)


def _has_budget(resource: EvenToNight, service: ServiceSpec) -> bool:
    return service.pod_disruption_budget is not None or wanted_pods(resource, service) > 1


def _budget(resource: EvenToNight, service: ServiceSpec) -> Document:
    budget = service.pod_disruption_budget
    spec = {
        "minAvailable": budget.min_available if budget else 1,
        "selector": {"matchLabels": _pod_labels(resource, service)},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    return _object("PodDisruptionBudget", resource, service.name, spec)


def _autoscaler(resource: EvenToNight, service: ServiceSpec) -> Document:
    wanted = service.autoscaling
    if wanted is None:
        raise ValueError(f"{service.name} is not autoscaled")
    average = wanted.target_cpu_utilization_percentage
    target = {"type": "Utilization", "averageUtilization": average}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": service.name},
        "minReplicas": wanted.min_replicas,
        "maxReplicas": wanted.max_replicas,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return _object("HorizontalPodAutoscaler", resource, service.name, spec)


def _monitor(resource: EvenToNight) -> Document:
    spec = {
        "selector": {"matchLabels": selector(resource.metadata.name)},
        "endpoints": [{"port": "http", "path": METRICS_PATH}],
    }
    return _object("ServiceMonitor", resource, resource.metadata.name, spec)


def _deployment(resource: EvenToNight, service: ServiceSpec, mark: str) -> Document:
    labels = _pod_labels(resource, service)
    spec: Document = {
        "selector": {"matchLabels": labels},
        "revisionHistoryLimit": HISTORY,
        "progressDeadlineSeconds": PROGRESS_SECONDS,
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
        },
        "template": {
            "metadata": {"labels": labels, "annotations": {CREDENTIALS: mark}},
            "spec": _pod(resource, service, labels),
        },
    }
    if service.autoscaling is None:
        spec["replicas"] = wanted_pods(resource, service)
    return _object("Deployment", resource, service.name, spec)


def _pod(resource: EvenToNight, service: ServiceSpec, labels: Document) -> Document:
    defaults = resource.spec.defaults
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }
    pod: Document = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "dnsConfig": {"options": [{"name": name, "value": value} for name, value in DNS.items()]},
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [spread],
        "containers": [_container(resource, service)],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}}],
    }
    if defaults.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": one.name} for one in defaults.image_pull_secrets]
    return pod


def _container(resource: EvenToNight, service: ServiceSpec) -> Document:
    defaults = resource.spec.defaults
    image = service.image or defaults.image
    if not image:
        raise SystemFaultError(
            "InvalidReference",
            f"services[{service.name}].image: expected an image here or in defaults.image",
        )
    return {
        "name": service.name,
        "image": image,
        "imagePullPolicy": defaults.image_pull_policy,
        "command": ["python", "-m", "services"],
        "args": ["run", service.name],
        "ports": [{"name": "http", "containerPort": service.port}],
        "env": [_variable(one) for one in environment(resource, service)],
        "resources": _amounts(service.resources or defaults.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "startupProbe": _probe("/health/live", period=2, failures=START_SECONDS // 2),
        "livenessProbe": _probe("/health/live", period=10, failures=6),
        "readinessProbe": _probe("/health/serving", period=5, failures=3),
        "lifecycle": {"preStop": {"sleep": {"seconds": LEAVE_SECONDS}}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a folder of the pod's own
    }


def _probe(path: str, *, period: int, failures: int) -> Document:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _variable(one: Variable) -> Document:
    if one.secret:
        reference = {"name": one.secret, "key": one.key}
        return {"name": one.name, "valueFrom": {"secretKeyRef": reference}}
    return {"name": one.name, "value": one.value}


def _amounts(wanted: Resources) -> Document:
    found = {
        name: {k: v for k, v in msgspec.to_builtins(amounts).items() if v is not None}
        for name, amounts in (("requests", wanted.requests), ("limits", wanted.limits))
    }
    return {name: amounts for name, amounts in found.items() if amounts}
