"""Everything between "up" and the first child: the data directory, the two servers, migrations, the first account, the demo's past.

Django runs in children of its own (management commands), so this process stays small and can fork safely.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from observability.supervisor import home as homes
from observability.supervisor import plan, postgres, probe_config, processes, redis
from observability.supervisor.plan import Child, Ports, Rank
from observability.supervisor.problems import SetupError

PROJECT = Path(__file__).resolve().parent.parent.parent
DATABASE = "tailwatch"
#: What a management command beside a running platform needs to know.
FOR_COMMANDS = frozenset(
    {
        "CELERY_BROKER_URL",
        "DATABASE_URL",
        "PORT",
        "SECRET_KEY_FILE",
        "TAILWATCH_ALLOW_PRIVATE_OUTBOUND",
        "TAILWATCH_BASE_URL",
        "TAILWATCH_DEMO_FLEET_URL",
        "TAILWATCH_HOME",
        "TAILWATCH_PROBE_URLS",
    }
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the person at the terminal asked for."""

    home: Path
    ports: Ports
    demo: bool
    surroundings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the database and the broker are; the owner's address is for migrations."""

    database: str
    database_as_owner: str
    broker: str


@dataclass(frozen=True, slots=True)
class Account:
    """The first administrator; the password is known only now."""

    username: str
    password: str


def read_options(*, demo: bool, surroundings: Mapping[str, str]) -> Options:
    """From the environment: PORT and TAILWATCH_HOME."""
    port = surroundings.get("PORT", "").strip() or str(plan.DEFAULT_PORT)
    if not port.isdigit() or not 1024 <= int(port) <= 65535:
        raise SetupError(f"PORT is {port!r}; it must be a whole number from 1024 to 65535.")
    home = surroundings.get("TAILWATCH_HOME", "").strip()
    folder = Path(home).expanduser().resolve() if home else PROJECT / ".tailwatch"
    return Options(home=folder, ports=plan.ports(int(port)), demo=demo, surroundings=surroundings)


def database_server(options: Options, folders: homes.Folders) -> postgres.Postgres | None:
    """The embedded PostgreSQL with its files in place, or None when DATABASE_URL names another."""
    if options.surroundings.get("DATABASE_URL", "").strip():
        return None
    try:
        server = postgres.prepare(base=folders.postgres, sockets=folders.sockets)
        postgres.initialise(server, admin_password=homes.secret(options.home, "postgres_admin"))
    except OSError as error:
        raise SetupError(f"PostgreSQL's folder {folders.postgres} cannot be used: {error.strerror}.") from None
    return server


def database_child(server: postgres.Postgres) -> Child:
    """SIGINT is PostgreSQL's fast shutdown: it ends open sessions instead of waiting for them."""
    return Child(
        "postgres",
        tuple(server.argv),
        rank=Rank.SERVER,
        stop_signal=postgres.FAST_SHUTDOWN,
        uid=server.account.uid,
        gid=server.account.gid,
        small_talk=postgres.SMALL_TALK,
    )


def redis_child(options: Options, folders: homes.Folders) -> Child | None:
    if options.surroundings.get("CELERY_BROKER_URL", "").strip():
        return None
    folders.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
    argv = redis.argv(data=folders.redis, sockets=folders.sockets)
    return Child("redis", tuple(argv), rank=Rank.SERVER, small_talk=redis.SMALL_TALK)


def create_database(server: postgres.Postgres, home: Path) -> None:
    """The two roles and the database; on a later start only the passwords are set again."""
    admin = homes.secret(home, "postgres_admin")
    passwords = {
        role: homes.secret(home, role.replace("tailwatch", "postgres")) for role in (postgres.OWNER, postgres.APP)
    }

    def connect(name: str) -> psycopg.Connection[object]:
        url = server.url(role=postgres.ADMIN, database=name, password=admin)
        return psycopg.connect(url, autocommit=True, connect_timeout=10)

    try:
        with connect("postgres") as connection:
            postgres.create_roles(connection, passwords=passwords)
            created = postgres.create_database(connection, name=DATABASE)
        if created:
            with connect(DATABASE) as connection:
                postgres.grant_use(connection)
    except psycopg.OperationalError as error:
        said = " ".join(str(error).split())
        raise SetupError(
            f"The embedded PostgreSQL refuses us ({said}): bring back {home / 'secrets'}, or move {server.base} away to start anew."
        ) from None


def addresses(options: Options, folders: homes.Folders, server: postgres.Postgres | None) -> Addresses:
    """The embedded servers' addresses, or the ones that the environment names."""
    broker = options.surroundings.get("CELERY_BROKER_URL", "").strip() or redis.url(folders.sockets)
    if server is None:
        database = options.surroundings["DATABASE_URL"].strip()
        return Addresses(database=database, database_as_owner=database, broker=broker)
    as_role = {
        role: server.url(
            role=role, database=DATABASE, password=homes.secret(options.home, role.replace("tailwatch", "postgres"))
        )
        for role in (postgres.OWNER, postgres.APP)
    }
    return Addresses(database=as_role[postgres.APP], database_as_owner=as_role[postgres.OWNER], broker=broker)


def environment(options: Options, where: Addresses) -> dict[str, str]:
    """What every child of ours sees: the person's environment, and what it leaves open."""
    mine = {
        "PORT": str(options.ports.web),
        "TAILWATCH_HOME": str(options.home),
        "TAILWATCH_BASE_URL": f"http://127.0.0.1:{options.ports.web}",
        "TAILWATCH_PROBE_URLS": f"http://127.0.0.1:{options.ports.probe}/metrics",
        "DJANGO_SETTINGS_MODULE": "observability.settings",
        "PYTHONUNBUFFERED": "1",
        # One machine, small processes: no thread pools inside numpy, no memory arena for each thread.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
    if not options.surroundings.get("SECRET_KEY") and not options.surroundings.get("SECRET_KEY_FILE"):
        homes.secret(options.home, "secret_key")
        mine["SECRET_KEY_FILE"] = str(homes.secret_path(options.home, "secret_key"))
    if options.demo:
        mine["TAILWATCH_REPLAY_SUITE"] = str(demo_config(homes.folders(options.home)))
        mine["TAILWATCH_DEMO_FLEET_URL"] = f"http://127.0.0.1:{options.ports.fleet}"
        mine["TAILWATCH_ALLOW_PRIVATE_OUTBOUND"] = "127.0.0.1"  # where the demo pager listens
    given = {name: value for name, value in options.surroundings.items() if value}
    fixed = {"DATABASE_URL": where.database, "CELERY_BROKER_URL": where.broker, "TAILWATCH_HOME": str(options.home)}
    return {**mine, **given, **fixed}


def write_files(options: Options, folders: homes.Folders, variables: Mapping[str, str]) -> None:
    """The environment for commands beside us, and the probe's file unless there is one: it is the operator's to edit."""
    (options.home / "static").mkdir(exist_ok=True)
    path = options.home / "environment"
    path.touch(mode=0o600)
    own = sorted(name for name in variables if name in FOR_COMMANDS)
    path.write_text("".join(f"{name}={shlex.quote(variables[name])}\n" for name in own), encoding="utf-8")
    if options.demo:
        demo_config(folders).write_text(probe_config.demo(options.ports), encoding="utf-8")
    elif not folders.probe_config.exists():
        folders.probe_config.write_text(probe_config.empty(options.ports), encoding="utf-8")


def demo_config(folders: homes.Folders) -> Path:
    return folders.probe_config.with_name("probes-demo.yaml")


def fleet(options: Options) -> Child:
    homes.secret(options.home, homes.GATEWAY_SECRET)
    secret = homes.secret_path(options.home, homes.GATEWAY_SECRET)
    return plan.fleet(python=sys.executable, at=options.ports, control_secret=str(secret))


def workers(options: Options, folders: homes.Folders) -> tuple[Child, ...]:
    """The platform's own processes, without the servers and the fleet."""
    return plan.workers(
        python=sys.executable,
        at=options.ports,
        probe_config=str(demo_config(folders) if options.demo else folders.probe_config),
        own_settings=str(Path(__file__).with_name("gunicorn_settings.py")),
    )


def manage(*words: str) -> tuple[str, ...]:
    return (sys.executable, str(PROJECT / "manage.py"), *words)


def first_account(lines: Sequence[str]) -> Account | None:
    """What `manage.py first_admin` printed: one JSON object when it made the account, nothing when there was one."""
    line = next((line for line in lines if line.startswith("{")), None)
    return Account(**json.loads(line)) if line else None


def wait_for_predecessor(server: postgres.Postgres) -> None:
    """After a supervisor was killed its PostgreSQL is shutting down for a moment longer."""
    try:
        pid = int((server.data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
    except (OSError, ValueError, IndexError):
        return
    processes.wait_until(lambda: not is_alive(pid), timeout_seconds=8, every_seconds=0.1)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
