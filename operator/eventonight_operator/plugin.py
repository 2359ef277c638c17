"""``kubectl etn``: look at an installation, and give it the few orders that people give.

It only ever calls kubectl, so whatever logs kubectl in logs this in, too.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from eventonight_operator import bundle, picture
from eventonight_operator.installation import PAUSED, ROTATE

SECONDS = 60
OPERATOR = "app.kubernetes.io/name=eventonight-operator"
IN_POD = ("python", "-m", "eventonight_operator")
LOG_LINES = "2000"
Document = dict[str, Any]

# Names of bindings have brackets, which are markup otherwise.
console = Console(highlight=False, markup=False)


class PluginError(Exception):
    """A command cannot be done; the message says why."""


class Cluster:
    """Calls kubectl with the caller's own options.

    Args:
        options: that go with every call, e.g. ``--context``.
    """

    def __init__(self, options: list[str]) -> None:
        self._options = options

    def call(self, *words: str) -> str:
        """Return what kubectl prints.

        Raises:
            PluginError: it fails, or takes too long.
        """
        try:
            done = subprocess.run(
                ["kubectl", *self._options, *words],
                check=False,
                capture_output=True,
                text=True,
                timeout=SECONDS,
            )
        except FileNotFoundError as error:
            raise PluginError("kubectl is not on the PATH") from error
        except subprocess.TimeoutExpired as error:
            raise PluginError(f"kubectl {words[0]}: no end within {SECONDS} s") from error
        if done.returncode != 0:
            raise PluginError(done.stderr.strip() or f"kubectl {words[0]} failed")
        return done.stdout

    def get(self, *words: str) -> Document:
        """Return an object, or a list of them."""
        found: Document = json.loads(self.call("get", *words, "-o", "json"))
        return found

    def resource(self, name: str) -> Document:
        """Return a resource; without a name, the only one there is.

        Raises:
            PluginError: there is none, or more than one to choose from.
        """
        if name:
            return self.get("eventonights.eventonight.io", name)
        found = self.get("eventonights.eventonight.io")["items"]
        if len(found) != 1:
            names = ", ".join(one["metadata"]["name"] for one in found)
            raise PluginError(f"name one of: {names}" if names else "there is no EvenToNight here")
        only: Document = found[0]
        return only

    def in_operator(self, *words: str) -> str:
        """Return what a command in the operator's pod prints."""
        found = self.get("deployments", "-l", OPERATOR)["items"]
        if not found:
            raise PluginError("there is no operator in this namespace")
        name = found[0]["metadata"]["name"]
        return self.call("exec", f"deployment/{name}", "--", *IN_POD, *words)

    def look(self, name: str) -> Document:
        """Return what the operator sees of an installation now."""
        found: Document = json.loads(self.in_operator("look", name))
        return found


def status(cluster: Cluster, given: argparse.Namespace) -> int:
    """Show an installation; the exit status is 0 only while it is Ready."""
    resource = cluster.resource(given.name)
    look: Document | None = None
    try:
        look = cluster.look(resource["metadata"]["name"])
    except PluginError as error:
        sys.stderr.write(f"the operator cannot be asked: {error}\n")
    console.print(picture.of_installation(resource, look))
    return 0 if picture.is_ready(resource) else 1


def diff(cluster: Cluster, given: argparse.Namespace) -> int:
    """Show what the operator would do now; the exit status is 1 if that is anything."""
    look = cluster.look(cluster.resource(given.name)["metadata"]["name"])
    lines = [*look["faults"], *look["plan"], *look["told"]]
    console.print("\n".join(lines) or "Nothing differs.", soft_wrap=True)
    return 1 if look["faults"] or look["plan"] else 0


def report(cluster: Cluster, given: argparse.Namespace) -> int:
    """Write a bundle for whoever helps; credentials are left out."""
    resource = cluster.resource(given.name)
    name = resource["metadata"]["name"]
    secrets = cluster.get("secrets")["items"]
    files = {"resource.json": json.dumps(resource, indent=1)}
    asked = {
        "objects.txt": ("get", "all,pdb,hpa,pvc,networkpolicies", "-o", "wide"),
        "deployments.yaml": ("get", "deployments,statefulsets", "-o", "yaml"),
        "pods.yaml": ("get", "pods", "-o", "yaml"),
        "events.txt": ("get", "events", "--sort-by=.metadata.creationTimestamp"),
        "operator.log": ("logs", "-l", OPERATOR, "--prefix", "--tail", LOG_LINES),
    }
    for service in resource["spec"]["services"]:
        label = f"app.kubernetes.io/name={service['name']},app.kubernetes.io/instance={name}"
        asked[f"{service['name']}.log"] = ("logs", "-l", label, "--prefix", "--tail", LOG_LINES)
    for file, words in asked.items():
        files[file] = _or_why_not(cluster, *words)
    files["look.json"] = _look_or_why_not(cluster, name)
    path = Path(given.output or f"eventonight-report-{name}.tar.gz")
    bundle.write(path, files, secrets)
    console.print(f"{path}: {len(files) + 1} files, credentials left out")
    return 0


def annotate(cluster: Cluster, given: argparse.Namespace) -> int:
    """Pause, resume or rotate by an annotation."""
    name = cluster.resource(given.name)["metadata"]["name"]
    value = {"pause": f"{PAUSED}=true", "resume": f"{PAUSED}-"}.get(given.command)
    change = value or f"{ROTATE}={given.group}"
    words = ("annotate", "eventonights.eventonight.io", name, "--overwrite", change)
    console.print(cluster.call(*words).strip())
    return 0


def dead_letters(cluster: Cluster, given: argparse.Namespace) -> int:
    """List dead letters per queue, or send some back to theirs."""
    name = cluster.resource(given.name)["metadata"]["name"]
    if given.action == "list":
        for queue, (_, dead) in cluster.look(name)["queues"].items():
            console.print(f"{queue}\t{'?' if dead is None else dead}")
        return 0
    if not given.queue:
        raise PluginError("dlq replay: name the queue")
    limit = str(given.limit)
    console.print(cluster.in_operator("replay", name, given.queue, "--limit", limit).strip())
    return 0


def _or_why_not(cluster: Cluster, *words: str) -> str:
    try:
        return cluster.call(*words)
    except PluginError as error:
        return f"kubectl {' '.join(words)}: {error}\n"


def _look_or_why_not(cluster: Cluster, name: str) -> str:
    try:
        return json.dumps(cluster.look(name), indent=1)
    except PluginError as error:
        return f"{error}\n"


def _add_place(parser: argparse.ArgumentParser, default: str) -> None:
    for option in ("--namespace", "--context", "--kubeconfig"):
        short = ["-n"] if option == "--namespace" else []
        parser.add_argument(*short, option, default=default, help="as for kubectl")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kubectl etn", description=__doc__.partition("\n")[0])
    _add_place(parser, default="")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words, handler in (
        ("status", "show an installation; exit status 0 only while it is Ready", status),
        ("diff", "show what the operator would do now; writes nothing", diff),
        ("report", "write a bundle for whoever helps, credentials left out", report),
        ("pause", "let the operator do nothing", annotate),
        ("resume", "let the operator go on", annotate),
        ("rotate", "give accounts new passwords", annotate),
        ("dlq", "look after dead letters", dead_letters),
    ):
        one = commands.add_parser(name, help=words)
        one.set_defaults(handler=handler)
        # Behind the command, too, as people type it; not given there, it takes nothing back.
        _add_place(one, default=argparse.SUPPRESS)
        if name == "rotate":
            one.add_argument("group", choices=("messaging", "identity", "mongodb", "all"))
        if name == "dlq":
            one.add_argument("action", choices=("list", "replay"))
            one.add_argument("queue", nargs="?", default="")
            one.add_argument("--limit", type=int, default=100, metavar="1..1000")
        if name == "report":
            one.add_argument("--output", "-o", default="", help="the bundle's path")
        advice = "the resource, if there are several"
        if name in {"dlq", "rotate"}:
            one.add_argument("--name", default="", help=advice)
        else:
            one.add_argument("name", nargs="?", default="", help=advice)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    given = _parser().parse_args(arguments)
    options = [
        f"--{name}={getattr(given, name)}"
        for name in ("namespace", "context", "kubeconfig")
        if getattr(given, name)
    ]
    try:
        code: int = given.handler(Cluster(options), given)
    except PluginError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
