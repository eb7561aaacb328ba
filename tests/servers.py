"""Real servers for tests: one PostgreSQL a run, one database a worker; Redis, Prometheus, Alertmanager, Chromium on demand.

A missing Debian program skips its tests, unless TAILWATCH_REQUIRE_SERVERS=1, under which they fail.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from observability.supervisor import postgres, processes, setup, wheels

if TYPE_CHECKING:
    from selenium import webdriver

#: Set by whoever started the run's server, so that xdist workers find it.
RUN_FOLDER = "TAILWATCH_TEST_RUN"
TEMPLATE = "tailwatch_template"


class Database:
    """The run's PostgreSQL: nothing is flushed to disk, everyone on the machine who may enter the folder is trusted."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.server = postgres.prepare(
            base=folder / "pg",
            sockets=folder / "s",
            settings={**postgres.UNSAFE, "shared_buffers": "48MB", "max_connections": "100", **(settings or {})},
        )

    @classmethod
    def start(cls, *, settings: Mapping[str, str] | None = None) -> Database:
        sweep()
        folder = Path(tempfile.mkdtemp(prefix="tailwatch-test-", dir=reachable_temporary_folder()))
        folder.chmod(0o711)
        database = cls(folder, settings=settings)
        postgres.initialise(database.server)
        with (folder / "postgres.log").open("wb") as log:
            database.process = postgres.start(database.server, output=log)
        try:
            postgres.wait_ready(database.server, database.process)
            with database.connect(postgres.ADMIN, "postgres") as connection:
                postgres.create_roles(connection, passwords={})
        except BaseException:
            database.stop()
            raise
        return database

    def stop(self) -> None:
        if self.process is not None:
            processes.stop(self.process, first=signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, role: str, name: str) -> psycopg.Connection[object]:
        return psycopg.connect(self.server.url(role=role, database=name), autocommit=True)

    def template(self, migrate: Callable[[], None]) -> None:
        """The migrated database that workers clone; whoever comes first runs `migrate` on it, and only once a run."""
        with (self.folder / "template.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            outcome = self.folder / "template.outcome"
            if not outcome.exists():
                self.new(TEMPLATE, template="template0")
                with self.connect(postgres.ADMIN, TEMPLATE) as connection:
                    postgres.grant_use(connection)
                try:
                    migrate()
                except Exception as error:
                    outcome.write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
                    raise
                outcome.write_text("", encoding="utf-8")
            failure = outcome.read_text(encoding="utf-8")
        if failure:
            raise RuntimeError(f"Migrations failed earlier in this run: {failure}")

    def new(self, name: str, *, template: str = TEMPLATE) -> str:
        """A fresh database called `name` (replacing one of that name), owned by tailwatch_owner; its name again."""
        with self.connect(postgres.ADMIN, "postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            postgres.create_database(connection, name=name, template=template)
        return name

    def url(self, name: str, *, role: str = postgres.APP) -> str:
        return self.server.url(role=role, database=name)


def sweep() -> None:
    """Removes what runs that were killed left behind: folders whose server is dead."""
    for pid_file in reachable_temporary_folder().glob("tailwatch-test-*/pg/data/postmaster.pid"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            if not setup.is_alive(int(pid_file.read_text(encoding="utf-8").split()[0])):
                shutil.rmtree(pid_file.parents[2], ignore_errors=True)


def reachable_temporary_folder() -> Path:
    """TMPDIR, unless root's server account could not enter it or a socket path below it would be too long."""
    folder = Path(tempfile.gettempdir())
    if (os.geteuid() == 0 and not postgres.passable((folder, *folder.parents))) or len(os.fsencode(folder)) > 50:
        return Path("/tmp")
    return folder


def required_program(*names: str) -> Path:
    """The first of Debian's programs that is installed; else skip, or fail where the run requires the servers."""
    for name in names:
        path = shutil.which(name)
        if path:
            return Path(path)
    sentence = f"{names[0]} is not installed (Debian has it as a package)"
    if os.environ.get("TAILWATCH_REQUIRE_SERVERS") == "1":
        pytest.fail(f"{sentence}, and TAILWATCH_REQUIRE_SERVERS=1")
    pytest.skip(f"needs prometheus/chromium: {sentence}")


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(url: str, context: ssl.SSLContext | None = None) -> bool:
    """Whether it is ready, or well enough to ask who we are."""
    try:
        with urllib.request.urlopen(url, timeout=2, context=context) as response:
            return bool(response.status == 200)
    except urllib.error.HTTPError as problem:
        return problem.code == 401
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Server:
    """A server that a test may talk to; `folder` holds its configuration, data and log."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def serving(
    *,
    argv: list[str],
    url: str,
    folder: Path,
    ready: str = "",
    environment: Mapping[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> Iterator[Server]:
    """Runs `argv` until the block ends; yields when `ready` (an address) answers 200."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = processes.start(argv=argv, output=output, folder=folder, environment=environment)
    try:

        def is_ready() -> bool:
            assert process.poll() is None, f"{argv[0]} ended: {log.read_text(errors='replace')[-2000:]}"
            return answers(ready or url, context)

        assert processes.wait_until(is_ready, timeout_seconds=30), f"{argv[0]} is silent: {log.read_text()[-2000:]}"
        yield Server(url=url, folder=folder, process=process)
    finally:
        processes.stop(process)


@contextlib.contextmanager
def prometheus(
    *,
    config: str,
    folder: Path,
    blocks: Path | None = None,
    options: tuple[str, ...] = (),
    context: ssl.SSLContext | None = None,
    port: int | None = None,
) -> Iterator[Server]:
    """A Prometheus with this configuration (YAML text), over `blocks` when a history was written for it; https with a `context`."""
    program = required_program("prometheus")
    port = port or free_port()
    (folder / "prometheus.yml").write_text(config, encoding="utf-8")
    argv = [
        str(program),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={blocks or folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        "--query.lookback-delta=5m",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
        *options,
    ]
    url = f"{'https' if context else 'http'}://127.0.0.1:{port}"
    with serving(argv=argv, url=url, folder=folder, ready=f"{url}/-/ready", context=context) as server:
        yield server


@contextlib.contextmanager
def alertmanager(*, config: str, folder: Path, gossip: int = 0, peers: Sequence[int] = ()) -> Iterator[Server]:
    """An Alertmanager with this configuration (YAML text): alone, or with a port to gossip on and those of its peers."""
    program = required_program("prometheus-alertmanager", "alertmanager")
    port = free_port()
    (folder / "alertmanager.yml").write_text(config, encoding="utf-8")
    argv = [
        str(program),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--cluster.listen-address={f'127.0.0.1:{gossip}' if gossip else ''}",
        "--cluster.gossip-interval=20ms",
        "--cluster.peer-timeout=300ms",
        *(f"--cluster.peer=127.0.0.1:{peer}" for peer in peers),
        "--log.level=warn",
    ]
    url = f"http://127.0.0.1:{port}"
    with serving(argv=argv, url=url, folder=folder, ready=f"{url}/-/ready") as server:
        yield server


@contextlib.contextmanager
def redis(*, folder: Path) -> Iterator[str]:
    """A Redis on a unix socket in `folder`; yields the broker URL for Celery."""
    path = folder / "r.sock"
    argv = [str(wheels.redis_program()), "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder)]
    with (folder / "redis.log").open("wb") as output:
        process = processes.start(argv=argv, output=output, folder=folder)
    try:
        assert processes.wait_until(lambda: accepts(path), timeout_seconds=10), (folder / "redis.log").read_text()
        yield f"redis+socket://{path}"
    finally:
        processes.stop(process)


def accepts(path: Path) -> bool:
    """Whether someone listens on the unix socket at `path`."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A temporary folder whose path leaves room for a unix socket's name."""
    with tempfile.TemporaryDirectory(
        prefix="tw-", dir=reachable_temporary_folder(), ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


@contextlib.contextmanager
def chromium(*, profile: Path, width: int = 1440, height: int = 1000) -> Iterator[webdriver.Chrome]:
    """Debian's Chromium under its own driver: no downloads, no first-run pages, nothing kept."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = str(required_program("chromium", "chromium-browser"))
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={profile}",
        f"--window-size={width},{height}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(executable_path=str(required_program("chromedriver"))))
    driver.set_page_load_timeout(30)
    try:
        yield driver
    finally:
        driver.quit()
