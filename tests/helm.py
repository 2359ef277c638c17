"""Charts as Helm renders them, and rendered objects as tests like to look at them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts/eventonight"
NAMESPACE = "eventonight"
KUBERNETES = "1.34.0"
PROFILES = ("default", "dev", "ha", "standin")

Object = dict[str, Any]


def options(profile: str) -> list[str]:
    """Return Helm's options for a profile; stand-ins go on top of the small machine's."""
    files: dict[str, list[str]] = {
        "default": [],
        "dev": ["dev"],
        "ha": ["ha"],
        "standin": ["dev", "standin"],
    }
    return [word for one in files[profile] for word in ("-f", f"{CHART}/values-{one}.yaml")]


def helm(*words: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """Run Helm."""
    return subprocess.run(
        ["helm", *words], capture_output=True, text=True, timeout=seconds, check=False
    )


def text(profile: str = "default", /, **values: Any) -> str:
    """Return what Helm renders; values are named like paths, with ``__`` for dots."""
    done = refusal(profile, **values)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refusal(profile: str = "default", /, **values: Any) -> subprocess.CompletedProcess[str]:
    """Return how Helm's rendering went."""
    sets = [
        word
        for path, value in values.items()
        for word in ("--set-json", f"{path.replace('__', '.')}={json.dumps(value)}")
    ]
    words = ["template", "etn", str(CHART), "-n", NAMESPACE, "--kube-version", KUBERNETES]
    return helm(*words, *options(profile), *sets)


def render(profile: str = "default", /, **values: Any) -> list[Object]:
    """Return the rendered objects."""
    return [one for one in yaml.safe_load_all(text(profile, **values)) if one]


def of(objects: list[Object], kind: str, name: str | None = None) -> list[Object]:
    """Return the objects of a kind, or the one of a name."""
    return [
        one for one in objects if one["kind"] == kind and name in {None, one["metadata"]["name"]}
    ]


def one(objects: list[Object], kind: str, name: str) -> Object:
    """Return the object of a kind and name."""
    (found,) = of(objects, kind, name)
    return found


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Return every pod template with the name of what makes it."""
    for one in objects:
        template = one.get("spec", {}).get("template")
        if one["kind"] in {"Deployment", "StatefulSet", "Job"} and template:
            yield one["metadata"]["name"], template


def containers(pod: Object) -> list[Object]:
    """Return a pod's containers, those that run before included."""
    found: list[Object] = [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    return found
