"""TAILWATCH_HOME: one folder with everything the platform keeps on this machine, one platform at a time.

lock          held (flock) while a platform runs; its process id inside
secrets/      generated once, readable by us only: secret_key, postgres_admin, postgres_owner, postgres_app,
              fleet_gateway (signs orders to the demo's gateway)
postgres/     the embedded database (its `data` belongs to the account that runs it)
redis/        the broker's append-only file
run/          unix sockets
probes.yaml   the probe agent's configuration; yours to edit, never overwritten
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from observability.supervisor import postgres
from observability.supervisor.problems import SetupError

GATEWAY_SECRET = "fleet_gateway"  # noqa: S105 - its name


@dataclass(frozen=True, slots=True)
class Lock:
    """Held until the process ends; `took_over` is the dead process whose lock was left behind."""

    file: IO[str]
    took_over: int | None


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things live. Under a closed folder such as /root the database lives in /var/lib, where its account can enter."""

    home: Path
    postgres: Path
    sockets: Path

    @property
    def redis(self) -> Path:
        return self.home / "redis"

    @property
    def probe_config(self) -> Path:
        return self.home / "probes.yaml"


def open_home(home: Path) -> Lock:
    """Makes the folder and takes the lock, or says in one sentence why not."""
    try:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        file = (home / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise SetupError(
            f"The data directory {home} cannot be written ({error.strerror}): "
            "choose another with TAILWATCH_HOME, or change its permissions."
        ) from None
    file.seek(0)
    written = file.read().strip()
    before = int(written) if written.isdigit() else None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise SetupError(
            f"Tailwatch already runs in {home} as process {before or 'unknown'}: "
            "stop that one first, or choose another data directory with TAILWATCH_HOME."
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return Lock(file=file, took_over=before)


def close_home(lock: Lock) -> None:
    """A platform that stopped well leaves no process id behind."""
    lock.file.truncate(0)
    lock.file.close()


def running_pid(home: Path) -> int | None:
    """The process id of the platform that runs in `home`, or None."""
    try:
        with (home / "lock").open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = file.read().strip()
                return int(text) if text.isdigit() else None
    except OSError:
        return None
    return None


def folders(home: Path) -> Folders:
    """Where the parts of `home` live; equal for equal homes."""
    name = f"tailwatch-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
    closed = os.geteuid() == 0 and not postgres.passable((home, *home.parents))
    database = Path("/var/lib/tailwatch") / name if closed else home / "postgres"
    sockets = home / "run"
    if closed or len(os.fsencode(sockets / ".s.PGSQL.5432")) > postgres.LONGEST_SOCKET_PATH:
        sockets = Path("/tmp") / name  # noqa: S108 - its owner is checked before use
        refuse_foreign(sockets)
    return Folders(home=home, postgres=database, sockets=sockets)


def refuse_foreign(folder: Path) -> None:
    """A folder in /tmp that someone else made first is theirs, whatever its name."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    ours = {os.geteuid()} if os.geteuid() else {0, *range(postgres.FIRST_UID, postgres.FIRST_UID + 1000)}
    if folder.is_symlink() or not folder.is_dir() or found.st_uid not in ours or found.st_mode & 0o022:
        raise SetupError(
            f"The socket folder {folder} was made by someone else: remove it, or choose a shorter TAILWATCH_HOME."
        )


def secret(home: Path, name: str) -> str:
    """The generated secret of that name, made on first use and never shown."""
    path = secret_path(home, name)
    if not path.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
    return path.read_text(encoding="utf-8").strip()


def secret_path(home: Path, name: str) -> Path:
    return home / "secrets" / name


def require_free(ports: Iterable[tuple[str, int]]) -> None:
    """Each port can be listened on, or one sentence says which cannot, and what to set."""
    for name, port in ports:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError as error:
                raise SetupError(
                    f"Port {port}, wanted for the {name}, cannot be used ({error.strerror}): "
                    "stop what listens there, or choose another with PORT."
                ) from None
