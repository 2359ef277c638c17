"""Parts that are away, and an operator that is killed in the midst of its work."""

import json
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest

from e2e.bars import Bars
from e2e.cluster import lasting, waited
from e2e.installation import ATTEMPTS, OPERATOR, Installation
from e2e.test_resource import plugin, replicas

TAKEOVER_SECONDS = 20.0


@pytest.mark.parametrize("seconds", [75.0, pytest.param(300.0, marks=pytest.mark.long)])
def test_a_realm_that_is_away_holds_up_nobody_else(
    etn: Installation, outside: httpx.Client, bars: Bars, seconds: float
) -> None:
    cluster = etn.cluster
    failed = etn.measure(ATTEMPTS, system="keycloak", result="failed")
    restarts = etn.restarts()
    cluster.kubectl("scale", "deployment/keycloak", "--replicas=0")
    try:
        left = time.monotonic()
        etn.holds("IdentityReady", "False", "KeycloakUnreachable", seconds=120)
        etn.holds("Degraded", "True", "KeycloakUnreachable")
        bars.hold("Keycloak's absence is told", time.monotonic() - left, 60)
        etn.change("services/0/replicas", 2, "add")
        waited(lambda: replicas(cluster, "users")[0] == 2, seconds=60)
        # A new pod waits for Keycloak's keys; the one that has them goes on.
        assert replicas(cluster, "users")[1] >= 1
        assert outside.get("/api/users/search?limit=1").is_success
        spec = etn.get()["spec"]["messaging"]
        path = f"queues/{spec['vhost']}/{spec['queues'][-1]['name']}"
        with etn.broker() as broker:
            broker.delete(path).raise_for_status()
            waited(lambda: broker.get(path).is_success, seconds=60)
        rest = max(0.0, seconds - (time.monotonic() - left))
        lasting(lambda: etn.condition("IdentityReady")[0] == "False", seconds=rest, every=5)
        tried = etn.measure(ATTEMPTS, system="keycloak", result="failed") - failed
        bars.hold(f"attempts at Keycloak in {time.monotonic() - left:.0f} s", tried, 12, "times")
    finally:
        cluster.kubectl("scale", "deployment/keycloak", "--replicas=1")
    cluster.kubectl("rollout", "status", "deployment/keycloak", "--timeout=5m", seconds=310)
    bars.hold("Ready after Keycloak's return", etn.holds("Ready", seconds=150), 90)
    bars.hold("restarts of the operator meanwhile", etn.restarts() - restarts, 0, "restarts")
    assert etn.notes("KeycloakUnreachable")


def digest(etn: Installation) -> dict[str, Any]:
    """Return what the installation has come to, in the cluster, at the broker, in the realm."""
    spec = etn.get()["spec"]
    found: dict[str, Any] = {}
    label = f"app.kubernetes.io/instance={etn.name},app.kubernetes.io/managed-by={OPERATOR}"
    for one in etn.cluster.items("deployments,services,poddisruptionbudgets", "-l", label):
        found[f"{one['kind']}/{one['metadata']['name']}"] = one["spec"]
    assert len(found) >= 2 * len(spec["services"])
    with etn.broker() as broker, etn.realms() as realms:
        broker_has = broker.get(f"definitions/{spec['messaging']['vhost']}").json()
        found["broker"] = {
            k: broker_has[k] for k in ("queues", "exchanges", "bindings", "policies")
        }
        base = f"admin/realms/{spec['identity']['realm']['name']}"
        export = f"{base}/partial-export?exportClients=true&exportGroupsAndRoles=true"
        realm = realms.post(export).raise_for_status().json()
        found["realm"] = {key: one for key, one in realm.items() if key != "components"}
    return {key: _sorted(one) for key, one in found.items()}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(one) for key, one in value.items()}
    if isinstance(value, list):
        return sorted(
            (_sorted(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True)
        )
    return value


def leader(etn: Installation) -> str:
    return etn.cluster.field("lease", OPERATOR, "{.spec.holderIdentity}")


def is_followed(etn: Installation, killed: str) -> bool:
    return leader(etn) not in {"", killed}


def edits(etn: Installation, dice: random.Random) -> list[Callable[[], None]]:
    """Return changes of the resource, one per system."""

    def limit() -> None:
        etn.change("messaging/queues/0/deliveryLimit", dice.randint(11, 60))

    def pods() -> None:
        etn.change("services/2/replicas", dice.randint(1, 2), "add")

    def realm() -> None:
        etn.change("identity/realm/tokens", {"accessTokenLifespan": dice.randint(60, 3600)}, "add")

    return [limit, pods, realm]


@pytest.mark.parametrize("changes", [4, pytest.param(30, marks=pytest.mark.long)])
def test_an_operator_killed_amid_changes_ends_up_the_same(
    etn: Installation, bars: Bars, changes: int
) -> None:
    seed = random.randrange(1_000_000)  # noqa: S311 - a seed, printed below
    bars.lines.append(f"operators killed with seed {seed}")
    dice = random.Random(seed)  # noqa: S311 - moments, not secrets
    before, manifest = digest(etn), etn.manifest()
    each = edits(etn, dice)
    takeovers = []
    for number in range(changes):
        each[number % len(each)]()
        lasting(lambda: leader(etn), seconds=dice.uniform(0, 4), every=0.5)
        killed, at = leader(etn), time.monotonic()
        etn.cluster.kubectl("delete", "pod", killed, "--grace-period=0", "--force")
        waited(partial(is_followed, etn, killed), seconds=60)
        takeovers.append(time.monotonic() - at)
    bars.hold(f"takeover, longest of {changes}", max(takeovers), TAKEOVER_SECONDS)
    bars.hold("Ready after the last takeover", etn.holds("Ready", seconds=120), 60)
    code, said = plugin(etn.cluster, "diff")
    assert (code, said) == (0, "Nothing differs.\n")
    etn.change("", manifest["spec"])
    etn.holds("Ready")
    assert digest(etn) == before
