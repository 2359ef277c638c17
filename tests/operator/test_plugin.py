"""``kubectl etn`` as people call it; only the way into the operator's pod is played."""

import asyncio
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from client import eventually
from eventonight_operator import bundle, picture
from eventonight_operator import plugin as plugin_of
from installation import NAME, Installation

KUBECTL = """#!/bin/sh
# There is no kubelet: what is to run in the operator's pod runs here.
case " $* " in
*" exec "*) while [ "$1" != -- ]; do shift; done; shift; shift; exec {python} "$@";;
*) exec {kubectl} "$@";;
esac
"""


def plugin(installation: Installation, tmp: Path, *words: str) -> subprocess.CompletedProcess[str]:
    folder = tmp / "bin"
    folder.mkdir(exist_ok=True)
    wrapper = folder / "kubectl"
    wrapper.write_text(KUBECTL.format(python=sys.executable, kubectl=installation.api.kubectl))
    wrapper.chmod(0o755)
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-m", "eventonight_operator.plugin", *words],
        env={
            "PATH": f"{folder}:{os.environ['PATH']}",
            "HOME": str(tmp),
            "KUBECONFIG": str(installation.api.folder / f"kubeconfig-{installation.mark}"),
            "PYTHONPATH": f"{root}:{root / 'operator'}",
            "COLUMNS": "200",
        },
        cwd=tmp,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def play_operator(installation: Installation) -> None:
    """Stand in for the Deployment that the plugin looks for."""
    label = {"app.kubernetes.io/name": "eventonight-operator"}
    container = {"name": "operator", "image": "eventonight:test"}
    body = {
        "metadata": {"name": "eventonight-operator", "labels": label},
        "spec": {
            "selector": {"matchLabels": label},
            "template": {"metadata": {"labels": label}, "spec": {"containers": [container]}},
        },
    }
    (await installation.http.post(installation.path("deployments"), json=body)).raise_for_status()


@pytest.mark.apiserver
async def test_an_installation_is_looked_at_and_given_orders(
    installation: Installation, tmp_path: Path
) -> None:
    await installation.create()
    operator = installation.operator()
    await installation.holds("Ready", "True")
    await play_operator(installation)

    async def call(*words: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(plugin, installation, tmp_path, *words)

    done = await call("status")
    assert done.returncode == 0, done.stderr
    for word in ("● dev", "users 1/1", "users_queue", "primary", installation.mark, "AllReady"):
        assert word in done.stdout, done.stdout
    done = await call("diff", NAME)
    assert (done.returncode, done.stdout) == (0, "Nothing differs.\n"), done.stdout
    assert "paused" not in done.stdout
    done = await call("pause")
    assert done.returncode == 0, done.stderr
    await installation.holds("Paused", "True")
    before = len(list(installation.api.writes()))
    async with await installation.servers.rabbitmq() as broker:
        path = f"queues/{installation.mark}/media_queue"
        await broker.delete(path)
        done = await call("diff")
        assert done.returncode == 1
        assert "rabbitmq: create queue media_queue" in done.stdout
        assert (await broker.get(path)).status_code == 404
    assert installation.writes(before) == []
    assert (await call("status")).returncode == 1
    assert (await call("resume")).returncode == 0
    await installation.holds("Ready", "True")
    assert (await call("rotate", "messaging")).returncode == 0

    async def rotated() -> bool:
        return "CredentialsRotated" in await installation.reasons()

    await eventually(rotated, seconds=30)
    done = await call("dlq", "list")
    assert done.stdout.split()[:2] == ["users_queue", "0"]
    assert (await call("dlq", "replay")).returncode == 2
    assert (await call("status", "nobody")).returncode == 2
    done = await call("report", "-o", "report.tar.gz")
    assert done.returncode == 0, done.stderr
    await _is_free_of_secrets(installation, tmp_path / "report.tar.gz")
    operator.stop()


async def _is_free_of_secrets(installation: Installation, path: Path) -> None:
    with tarfile.open(path) as found:
        texts = {
            one.name.rpartition("/")[2]: content.read().decode()
            for one in found
            if (content := found.extractfile(one)) is not None
        }
    assert {"resource.json", "operator.log", "events.txt", "secrets.json", "look.json"} <= set(
        texts
    )
    whole = "\n".join(texts.values())
    for value in bundle.values(await installation.items("secrets")):
        assert value not in whole
    assert "password" in texts["secrets.json"]


def document(**status: Any) -> dict[str, Any]:
    metadata = {"name": "dev", "namespace": "ns", "generation": 2}
    return {"metadata": metadata, "status": status}


def condition(generation: int, verdict: str = "True") -> dict[str, Any]:
    return {
        "type": "Ready",
        "status": verdict,
        "reason": "AllReady",
        "message": "",
        "observedGeneration": generation,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


def test_ready_is_only_what_says_so_of_the_present_generation() -> None:
    assert picture.is_ready(document(conditions=[condition(2)]))
    assert not picture.is_ready(document(conditions=[condition(1)]))
    assert not picture.is_ready(document(conditions=[condition(2, "Unknown")]))
    assert not picture.is_ready({"metadata": document()["metadata"]})


def test_a_bundle_hides_every_value_but_names(tmp_path: Path) -> None:
    secret = {
        "metadata": {"name": "users-rabbitmq"},
        "data": {"username": "dXNlcnM=", "password": "aHVudGVyMi1odW50ZXIy"},
    }
    path = tmp_path / "bundle.tar.gz"
    text = "users hunter2-hunter2 aHVudGVyMi1odW50ZXIy amqp://users:hunter2-hunter2@x"
    bundle.write(path, {"a.txt": text}, [secret])
    with tarfile.open(path) as found:
        content = found.extractfile("eventonight-report/a.txt")
        listed = found.extractfile("eventonight-report/secrets.json")
        assert content is not None
        assert listed is not None
        assert content.read().decode() == "users (hidden) (hidden) amqp://users:(hidden)@x"
        assert json.loads(listed.read()) == {"users-rabbitmq": ["password", "username"]}
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "words", [["-n", "night", "status"], ["status", "-n", "night"], ["status", "--namespace=night"]]
)
def test_the_namespace_may_stand_before_or_behind(words: list[str]) -> None:
    given = plugin_of._parser().parse_args(words)
    assert (given.namespace, given.context, given.name) == ("night", "", "")
