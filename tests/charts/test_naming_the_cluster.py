"""Tests that break things run on a cluster that somebody named, and on no other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from helm import ROOT

pytestmark = pytest.mark.charts

QUICK = ("-p", "no:schemathesis", "-p", "no:hypothesispytest", "-p", "no:faker")


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """A person's own file, in which another cluster is the current one."""
    path = tmp_path / "config"
    names = ("production", "kind-eventonight")
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "production",
        "clusters": [{"name": n, "cluster": {"server": "https://127.0.0.1:1"}} for n in names],
        "contexts": [{"name": n, "context": {"cluster": n, "user": n}} for n in names],
        "users": [{"name": n, "user": {}} for n in names],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def run(kubeconfig: Path, *words: str) -> tuple[int, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("E2E_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "e2e", "-k", "installing_twice", *QUICK, *words],
        cwd=ROOT,
        env={**environment, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_no_cluster_is_taken_for_granted(kubeconfig: Path) -> None:
    code, said = run(kubeconfig)
    assert code == 4
    assert "name the cluster to test on: --context or E2E_CONTEXT" in said


def test_a_name_that_is_not_there_is_told(kubeconfig: Path) -> None:
    code, said = run(kubeconfig, "--context", "kind-eventonite")
    assert code == 4
    assert "there are: kind-eventonight, production" in said


def test_the_named_one_is_used_and_not_the_current_one(kubeconfig: Path) -> None:
    """The control: with a name the tests start, and fail only because nothing answers."""
    code, said = run(kubeconfig, "--context", "kind-eventonight")
    assert code == 1
    assert "--context kind-eventonight" in said
