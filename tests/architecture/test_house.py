"""Rules of the house that no tool of its own watches over."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("services", "local", "operator/eventonight_operator", "benchmarks")
LONGEST_FUNCTION = 60
LONGEST_FILE = 450


def tracked(*patterns: str) -> list[Path]:
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    done = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).exists()]


def sources() -> list[Path]:
    return tracked(*(f"{package}/*.py" for package in PACKAGES))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_the_operator_folder_is_no_package() -> None:
    assert not (ROOT / "operator/__init__.py").exists()


@pytest.mark.parametrize(
    "name", ["requirements.lock", "requirements-dev.lock", "requirements-build.lock"]
)
def test_a_lock_is_exact_hashed_and_names_no_host(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert entries
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._\[\],-]+==", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_both_locks_agree() -> None:
    def pins(name: str) -> dict[str, str]:
        found = re.findall(
            r"(?m)^([A-Za-z0-9._-]+)(?:\[.*\])?==([^ ;\\]+)", (ROOT / name).read_text()
        )
        return dict(found)

    product, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: dev.get(name) for name in product} == product


def test_functions_and_files_stay_small() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in sources()
        for node in functions(path)
        if (node.end_lineno or 0) - node.lineno > LONGEST_FUNCTION
    ]
    assert long == []
    assert [p for p in sources() if len(p.read_text().splitlines()) > LONGEST_FILE] == []


def test_outside_calls_are_not_made_without_a_timeout() -> None:
    """httpx has a default one; `subprocess.run` and `urllib` have none."""
    waiting = {"subprocess.run", "urllib.request.urlopen"}
    without = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in waiting
        and "timeout" not in {keyword.arg for keyword in node.keywords}
    ]
    assert without == []


def test_every_make_target_tells_what_it_is_for() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"(?m)^([a-z][a-z-]*):", text))
    told = set(re.findall(r"(?m)^([a-z][a-z-]*):.*## .+", text))
    assert targets == told


def test_decisions_are_short_and_documents_name_files_that_exist() -> None:
    for path in tracked("docs/adr/*.md"):
        assert len(path.read_text().splitlines()) <= 50, path
    for path in tracked("*.md"):
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / link).exists(), f"{path.relative_to(ROOT)}: {link}"
