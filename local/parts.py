"""Each real part as a value: how it is started here, and when it counts as healthy."""

import json
import os
import pwd
import secrets as randomness
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from local import fetch, probes
from local.ledger import FileLedger
from local.ports import Ports
from local.probes import Probe
from local.secrets import FileSecrets

LOOPBACK = "127.0.0.1"
PRIVATE = 0o700
BUCKET = "eventonight-media"
TRANSACTION_SECONDS = 6


@dataclass(frozen=True, kw_only=True)
class Part:
    """One supervised process.

    Args:
        name: unique in the stack.
        command: program and arguments.
        ready: raises until the part is healthy.
        environment: added to a minimal one.
        prepare: makes folders and files before each start.
        after: parts that must be healthy first.
        user: run as, when we are root; for programs that refuse to be root.
        patience: seconds from start to healthy before the start counts as failed.
        grace: seconds from SIGTERM to SIGKILL.
        port: what `status` shows.
        home: working directory.
    """

    name: str
    command: tuple[str, ...]
    ready: Probe
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None
    after: tuple[str, ...] = ()
    user: str | None = None
    patience: float = 60.0
    grace: float = 15.0
    port: int = 0
    home: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where a stack lives.

    Args:
        state: folder of everything the stack remembers.
        ports: by name, see local.ports.
        host: public host with port, e.g. ``localhost:8080``.
    """

    state: Path
    ports: Ports
    host: str

    @property
    def secrets(self) -> FileSecrets:
        """The stack's secret store."""
        return FileSecrets(self.state / "secrets")

    @property
    def ledger(self) -> FileLedger:
        """What provisioning made here."""
        return FileLedger(self.folder() / "ledger.json")

    def folder(self, *names: str) -> Path:
        """Return a folder of the state, made if needed."""
        path = self.state.joinpath(*names)
        path.mkdir(parents=True, exist_ok=True)
        return path


def bootstrap_secrets(site: Site) -> None:
    """Make the secrets that parts need before anything can be provisioned.

    Without any, the stack is new: a database that an earlier one left behind outside the state
    folder opens to no password any more.
    """
    if not (site.state / "secrets").exists():
        shutil.rmtree(postgres_folder(site), ignore_errors=True)
    folder = site.folder("secrets")
    folder.chmod(PRIVATE)
    wanted = {
        "mongodb-admin": {"username": "admin", "password": randomness.token_urlsafe(24)},
        "rabbitmq-admin": {"username": "admin", "password": randomness.token_urlsafe(24)},
        "keycloak-admin": {"username": "admin", "password": randomness.token_urlsafe(24)},
        "postgres-keycloak": {"username": "keycloak", "password": randomness.token_urlsafe(24)},
        "object-store": {
            "accessKey": randomness.token_hex(10),
            "secretKey": randomness.token_urlsafe(30),
        },
        "mongodb-keyfile": {"key": randomness.token_hex(128)},
        "rabbitmq-cookie": {"cookie": randomness.token_hex(16)},
    }
    for name, data in wanted.items():
        path = folder / f"{name}.json"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(json.dumps(data))


def secret(site: Site, name: str) -> dict[str, str]:
    """Return a secret that must be there."""
    found = site.secrets.read(name)
    if found is None:
        raise KeyError(f"secret {name} is missing in {site.state / 'secrets'}")
    return found


def mongod(site: Site) -> Part:
    """A one-member replica set with authentication; initiated by provisioning.

    What a killed process was changing in a transaction stays locked until the server gives that
    transaction up: after a minute by default, here after seconds, since ours take milliseconds.
    """
    keyfile = site.state / "mongod.key"
    port = site.ports["mongod"]

    def prepare() -> None:
        site.folder("mongod")
        keyfile.touch(mode=0o600)
        keyfile.write_text(secret(site, "mongodb-keyfile")["key"])
        keyfile.chmod(0o400)

    def prepare_again() -> None:
        if keyfile.exists():
            keyfile.chmod(0o600)
        prepare()

    options = {
        "--dbpath": str(site.state / "mongod"),
        "--port": str(port),
        "--bind_ip": LOOPBACK,
        "--replSet": "rs0",
        "--keyFile": str(keyfile),
        "--wiredTigerCacheSizeGB": "0.25",
        "--oplogSize": "200",
    }
    parameters = {
        "diagnosticDataCollectionEnabled": "false",
        "transactionLifetimeLimitSeconds": str(TRANSACTION_SECONDS),
    }
    settings = [("--setParameter", f"{name}={value}") for name, value in parameters.items()]
    return Part(
        name="mongod",
        command=(
            str(fetch.program("mongod")),
            "--auth",
            "--nounixsocket",
            *_flat(options),
            *chain(*settings),
        ),
        ready=probes.tcp(port),
        prepare=prepare_again,
        port=port,
    )


def redis(site: Site) -> Part:
    """Redis, append-only, on loopback."""
    port = site.ports["redis"]
    options = {
        "--port": str(port),
        "--bind": LOOPBACK,
        "--dir": str(site.state / "redis"),
        "--appendonly": "yes",
        "--daemonize": "no",
    }
    return Part(
        name="redis",
        command=(shutil.which("redis-server") or "redis-server", *_flat(options)),
        ready=probes.tcp(port, say=b"PING\r\n", hear=b"PONG"),
        prepare=lambda: _make(site, "redis"),
        port=port,
    )


def epmd(site: Site) -> Part:
    """Erlang's port mapper, our own, so that no other broker's is touched."""
    port = site.ports["epmd"]
    return Part(
        name="epmd",
        command=(shutil.which("epmd") or "epmd", "-port", str(port), "-address", LOOPBACK),
        ready=probes.tcp(port),
        port=port,
    )


def rabbitmq(site: Site) -> Part:
    """One RabbitMQ node with management, metrics and consistent-hash exchanges."""
    folder = site.state / "rabbitmq"
    admin = secret(site, "rabbitmq-admin")
    management = site.ports["rabbitmq_management"]

    def prepare() -> None:
        site.folder("rabbitmq", "data")
        cookie = folder / ".erlang.cookie"
        if not cookie.exists():
            cookie.touch(mode=0o600)
            cookie.write_text(secret(site, "rabbitmq-cookie")["cookie"])
            cookie.chmod(0o400)
        plugins = "rabbitmq_management,rabbitmq_consistent_hash_exchange"
        (folder / "enabled_plugins").write_text(f"[{plugins}].\n")
        (folder / "rabbitmq.conf").write_text(_rabbitmq_conf(site, admin))

    return Part(
        name="rabbitmq",
        command=(str((fetch.rabbitmq_bin() or Path("/usr/lib/rabbitmq/bin")) / "rabbitmq-server"),),
        environment={
            "HOME": str(folder),
            "RABBITMQ_ALLOW_INPUT": "true",
            "RABBITMQ_NODENAME": f"etn{site.ports['rabbitmq']}@localhost",
            "RABBITMQ_BASE": str(folder),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_DIST_PORT": str(site.ports["rabbitmq_distribution"]),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput +S 2:2 +sbwt none +sbwtdcpu none"
            " +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(site.ports["epmd"]),
            "ERL_EPMD_ADDRESS": LOOPBACK,
        },
        ready=probes.http(
            f"http://{LOOPBACK}:{management}/api/overview",
            auth=(admin["username"], admin["password"]),
        ),
        prepare=prepare,
        after=("epmd",),
        patience=120.0,
        grace=30.0,
        port=site.ports["rabbitmq"],
        home=folder,
    )


def _rabbitmq_conf(site: Site, admin: Mapping[str, str]) -> str:
    lines = {
        "listeners.tcp.local": f"{LOOPBACK}:{site.ports['rabbitmq']}",
        "management.tcp.ip": LOOPBACK,
        "management.tcp.port": str(site.ports["rabbitmq_management"]),
        "management_agent.disable_metrics_collector": "false",
        "collect_statistics_interval": "5000",
        "default_user": admin["username"],
        "default_pass": admin["password"],
        "log.console.level": "warning",
        "vm_memory_high_watermark.absolute": "512MB",
        "disk_free_limit.absolute": "200MB",
    }
    return "".join(f"{key} = {value}\n" for key, value in lines.items())


def postgres(site: Site) -> Part:
    """Keycloak's database; it refuses to run as root, so it may live outside the state folder."""
    programs = fetch.postgres_bin() or Path("/usr/bin")
    user = "postgres" if os.geteuid() == 0 else None
    folder = postgres_folder(site)
    port = site.ports["postgres"]

    def prepare() -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=PRIVATE, exist_ok=True)
        if user:
            shutil.chown(folder, user, user)
        if not (folder / "PG_VERSION").exists():
            _initdb(programs, folder, user, secret(site, "postgres-keycloak"))

    options = {
        "-D": str(folder),
        "-p": str(port),
        "-h": LOOPBACK,
        "-k": "",
        "-c": "shared_buffers=64MB",
    }
    return Part(
        name="postgres",
        command=(str(programs / "postgres"), *_flat(options)),
        ready=probes.command(programs / "pg_isready", "-q", "-h", LOOPBACK, "-p", str(port)),
        prepare=prepare,
        user=user,
        port=port,
        home=Path("/"),
    )


def postgres_folder(site: Site) -> Path:
    """Return where PostgreSQL keeps its data; a root's checkout may be closed to other users."""
    if os.geteuid() != 0:
        return site.state / "postgres"
    name = str(site.state.resolve()).strip("/").replace("/", "-")
    return Path("/var/lib/eventonight") / name / "postgres"


def _initdb(programs: Path, folder: Path, user: str | None, owner: Mapping[str, str]) -> None:
    words = [programs / "initdb", "-D", folder, "-U", owner["username"], "-E", "UTF8"]
    words += ["--auth=scram-sha-256", "--locale=C.UTF-8"]
    with tempfile.NamedTemporaryFile("w", dir=folder.parent) as password:
        password.write(owner["password"])
        password.flush()
        if user:
            shutil.chown(password.name, user, user)
        done = subprocess.run(
            [*map(str, words), f"--pwfile={password.name}"],
            user=user,
            group=user,
            extra_groups=[] if user else None,
            capture_output=True,
            text=True,
            cwd="/",
            timeout=120,
            check=False,
        )
    if done.returncode != 0:
        raise probes.NotReadyError(f"initdb failed: {done.stderr.strip()}")


def keycloak(site: Site) -> Part:
    """Keycloak, built for PostgreSQL, answering as ``auth.HOST`` to the world."""
    database = secret(site, "postgres-keycloak")
    admin = secret(site, "keycloak-admin")
    port, management = site.ports["keycloak"], site.ports["keycloak_management"]
    options = {
        "http-enabled": "true",
        "http-host": LOOPBACK,
        "http-port": str(port),
        "http-management-port": str(management),
        "hostname": f"http://auth.{site.host}",
        "hostname-backchannel-dynamic": "true",
        "proxy-headers": "xforwarded",
        "db-url": f"jdbc:postgresql://{LOOPBACK}:{site.ports['postgres']}/postgres",
        "db-username": database["username"],
        "db-pool-max-size": "10",
        "cache": "local",  # otherwise it looks for others, and listens for them beyond loopback
        "log-level": "warn",
    }
    return Part(
        name="keycloak",
        command=(
            str(fetch.keycloak_home() / "bin" / "kc.sh"),
            "start",
            "--optimized",
            *(f"--{key}={value}" for key, value in options.items()),
        ),
        environment={
            "KC_DB_PASSWORD": database["password"],
            "KC_BOOTSTRAP_ADMIN_USERNAME": admin["username"],
            "KC_BOOTSTRAP_ADMIN_PASSWORD": admin["password"],
            "JAVA_OPTS_GC": "-XX:+UseSerialGC",
            "JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx400m",
            "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",
        },
        ready=probes.http(f"http://{LOOPBACK}:{management}/health/ready"),
        after=("postgres",),
        patience=240.0,
        grace=20.0,
        port=port,
        home=site.state,
    )


def s3(site: Site) -> Part:
    """SeaweedFS with one volume server and an S3 door that asks for keys."""
    keys = secret(site, "object-store")
    config = site.state / "s3.json"
    ports = site.ports

    def prepare() -> None:
        site.folder("s3")
        identity = {
            "name": "media",
            "credentials": [{"accessKey": keys["accessKey"], "secretKey": keys["secretKey"]}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        config.touch(mode=0o600)
        config.write_text(json.dumps({"identities": [identity]}))

    options = {
        "dir": str(site.state / "s3"),
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        "master.port": ports["s3_master"],
        "master.port.grpc": ports["s3_master_grpc"],
        "master.volumeSizeLimitMB": 256,
        "volume.port": ports["s3_volume"],
        "volume.port.grpc": ports["s3_volume_grpc"],
        "volume.max": 40,
        "volume.preStopSeconds": 0,
        "filer.port": ports["s3_filer"],
        "filer.port.grpc": ports["s3_filer_grpc"],
        "s3.port": ports["s3"],
        "s3.port.grpc": ports["s3_grpc"],
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.config": str(config),
    }
    return Part(
        name="s3",
        command=(
            str(fetch.program("weed")),
            "-logtostderr=true",
            "server",
            "-s3",
            "-master.telemetry=false",
            *(f"-{key}={value}" for key, value in options.items()),
        ),
        environment={"GOMEMLIMIT": "300MiB"},
        ready=probes.http(f"http://{LOOPBACK}:{ports['s3']}/healthz"),
        prepare=prepare,
        grace=20.0,
        port=ports["s3"],
        home=site.state,
    )


def _make(site: Site, name: str) -> None:
    site.folder(name)


def _flat(options: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(word for pair in options.items() for word in pair)


def user_ids(name: str) -> tuple[int, int]:
    """Return the user and group id of an account."""
    account = pwd.getpwnam(name)
    return account.pw_uid, account.pw_gid
