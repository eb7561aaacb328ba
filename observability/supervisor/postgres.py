"""The embedded PostgreSQL: files, roles, command line. Its program comes from a wheel; the wheel's Python is never run.

PostgreSQL refuses to run as root, so root starts it as an account of our own that owns the data folder and nothing else.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from observability.supervisor import processes, wheels
from observability.supervisor.problems import SetupError
from observability.supervisor.processes import Account

OWNER, APP, ADMIN = "tailwatch_owner", "tailwatch_app", "postgres"
FAST_SHUTDOWN = signal.SIGINT
#: A free number above the ranges that distributions and useradd hand out; the next free one is taken if it is not.
FIRST_UID = 57431
#: sun_path holds 108 bytes with its final zero: 107 for the folder, "/.s.PGSQL.5432" included.
LONGEST_SOCKET_PATH = 107
#: What the server says at every good start and stop.
SMALL_TALK = (
    "starting PostgreSQL",
    "listening on Unix socket",
    "database system was shut down at",
    "database system is ready",
    "received fast shutdown request",
    "aborting any active transactions",
    'background worker "logical replication launcher"',
    "shutting down",
    "database system is shut down",
    "terminating connection due to administrator command",
)
SMALL = {
    "log_line_prefix": "",
    "log_checkpoints": "off",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "jit": "off",
    "max_wal_size": "256MB",
}
#: Nothing survives a crash, and nothing needs to: for tests only.
UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


@dataclass(frozen=True, slots=True)
class Postgres:
    """One cluster: `base` holds its data (and, when root's own folders are closed to others, a copy of the program)."""

    base: Path
    sockets: Path
    install: Path
    account: Account
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.base / "data"

    def program(self, name: str) -> Path:
        return self.install / "bin" / name

    @property
    def argv(self) -> list[str]:
        """The server in the foreground, logging to its output, on a unix socket only."""
        options = {**SMALL, "listen_addresses": "", "unix_socket_directories": str(self.sockets), **self.settings}
        pairs = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(self.program("postgres")), "-D", str(self.data), *pairs]

    def url(self, *, role: str, database: str, password: str = "") -> str:
        who = f"{role}:{quote(password, safe='')}" if password else role
        return f"postgresql://{who}@/{database}?host={quote(str(self.sockets), safe='/')}"


def prepare(*, base: Path, sockets: Path, settings: Mapping[str, str] | None = None) -> Postgres:
    """Folders with the right owner, and a program that owner can run; nothing is initialised yet."""
    longest = len(os.fsencode(sockets / ".s.PGSQL.5432"))
    if longest > LONGEST_SOCKET_PATH:
        raise SetupError(
            f"The socket path under {sockets} has {longest} bytes; the system allows {LONGEST_SOCKET_PATH}."
        )
    account = account_for(base)
    install = wheels.postgres_install()
    for folder in (base, sockets):
        folder.mkdir(parents=True, exist_ok=True)
        own(folder, account)
        if account.uid is not None and not passable(folder.parents):
            raise SetupError(
                f"PostgreSQL's own account cannot enter {folder}: one of the folders above it is closed to others."
            )
    if account.uid is not None and not open_to_others(install / "bin" / "postgres"):
        install = copy_install(install=install, into=base / "program")
    return Postgres(base=base, sockets=sockets, install=install, account=account, settings=settings or {})


def initialise(server: Postgres, *, admin_password: str | None = None) -> bool:
    """Creates the cluster unless it is there; True when it was created. Without a password the socket's folder is the guard."""
    if (server.data / "PG_VERSION").exists():
        return False
    shutil.rmtree(server.data, ignore_errors=True)  # a half-made cluster of an interrupted first start
    # initdb insists on a name for its user id, which our own account has not: nobody makes the files, then they are ours.
    maker = Account() if server.account.uid is None else Account(*pwd.getpwnam("nobody")[2:4])
    staging = server.base / "data.new"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    own(staging, maker)
    password_file = server.base / "password.new"
    options = ["--auth=trust"]
    if admin_password is not None:
        password_file.touch(mode=0o600)
        password_file.write_text(admin_password, encoding="utf-8")
        own(password_file, maker)
        options = ["--auth=scram-sha-256", f"--pwfile={password_file}"]
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--encoding=UTF8"]
    parent_mode = server.base.stat().st_mode
    server.base.chmod(0o711 if maker.uid is not None else parent_mode)
    try:
        done = subprocess.run(
            [server.program("initdb"), "-D", staging, "-U", ADMIN, "--no-sync", *locale, *options],
            capture_output=True,
            text=True,
            env=plain_environment(),
            user=maker.uid,
            group=maker.gid,
            extra_groups=maker.extra_groups,
        )
    finally:
        password_file.unlink(missing_ok=True)
        server.base.chmod(parent_mode)
    if done.returncode:
        raise SetupError(f"PostgreSQL's files could not be created in {server.base}: {last_line(done.stderr)}")
    own_tree(staging, server.account)
    staging.rename(server.data)
    return True


def start(server: Postgres, **options: object) -> subprocess.Popen[bytes]:
    """The server as our child; SIGINT is its fast shutdown, also when we die. Call `wait_ready` next."""
    return processes.start(
        argv=server.argv,
        environment=plain_environment(),
        account=server.account,
        parent_death=FAST_SHUTDOWN,
        folder=server.base,
        **options,  # type: ignore[arg-type]
    )


def wait_ready(
    server: Postgres,
    process: subprocess.Popen[bytes],
    *,
    timeout_seconds: float = 60.0,
    idle: Callable[[], None] = lambda: None,
) -> None:
    """Returns when the server accepts connections; recovery after a crash may take a while. `idle` is called meanwhile."""

    def ready() -> bool:
        idle()
        if process.poll() is not None:
            raise SetupError(f"PostgreSQL ended at once with code {process.returncode}; its last words are above.")
        return says_ready(server.data / "postmaster.pid", process.pid)

    if not processes.wait_until(ready, timeout_seconds=timeout_seconds):
        raise SetupError(f"PostgreSQL did not become ready within {timeout_seconds:.0f} s.")


def says_ready(pid_file: Path, pid: int) -> bool:
    """The server's own word on its state (line 8, as pg_ctl reads it), unless a server that was killed left it behind."""
    try:
        lines = pid_file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def create_roles(connection: psycopg.Connection[object], *, passwords: Mapping[str, str]) -> None:
    """The owner, who migrates, and the application, whose append-only grants therefore mean something."""
    for role in (OWNER, APP):
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        verb = sql.SQL("ALTER" if known else "CREATE")
        secret = sql.SQL(" PASSWORD {}").format(sql.Literal(passwords[role])) if role in passwords else sql.SQL("")
        connection.execute(sql.SQL("{} ROLE {} LOGIN{}").format(verb, sql.Identifier(role), secret))


def create_database(connection: psycopg.Connection[object], *, name: str, template: str = "template0") -> bool:
    """`connection` is the administrator's, in autocommit; False when the database is there already."""
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
        return False
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}")
    connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template), sql.Identifier(OWNER)))
    return True


def grant_use(connection: psycopg.Connection[object]) -> None:
    """Inside a new database: what the owner will make, the application may read and change, but not alter or truncate."""
    for statement in (
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"ALTER SCHEMA public OWNER TO {OWNER}",
        f"GRANT USAGE ON SCHEMA public TO {APP}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APP}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT USAGE, SELECT ON SEQUENCES TO {APP}",
    ):
        connection.execute(statement)


def account_for(base: Path) -> Account:
    """Root keeps the account that already owns the data, or takes a free number; anyone else runs it as themselves."""
    if os.geteuid() != 0:
        return Account()
    data = base / "data"
    if data.exists() and data.stat().st_uid != 0:
        return Account(data.stat().st_uid, data.stat().st_gid)
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    uid = next(number for number in range(FIRST_UID, FIRST_UID + 1000) if number not in taken)
    return Account(uid, uid)


def own(path: Path, account: Account) -> None:
    if account.uid is not None and account.gid is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def own_tree(top: Path, account: Account) -> None:
    if account.uid is not None:
        for path in (top, *top.rglob("*")):
            own(path, account)


def open_to_others(program: Path) -> bool:
    """Whether any account may reach and run `program`: a virtual environment under /root may be closed to all but root."""
    return bool(program.stat().st_mode & 0o001) and passable(program.parents)


def passable(folders: Iterable[Path]) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in folders)


def copy_install(*, install: Path, into: Path) -> Path:
    """A copy of the program that our account can reach, with the wheel's layout, since libraries are found relative to it."""
    package, libraries = install.parent, install.parent.with_name(f"{install.parent.name}.libs")
    copied = into / package.name / install.name
    if not wheels.is_program(copied / "bin" / "postgres"):
        shutil.rmtree(into, ignore_errors=True)
        shutil.copytree(install, copied, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, into / libraries.name, symlinks=True)
        for path in (into, *into.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    return copied


def plain_environment() -> dict[str, str]:
    """Our surroundings without PG* variables, which would change what the server's tools do."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else f"no reason given (Python {sys.version_info.major}.{sys.version_info.minor})"
