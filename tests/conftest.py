"""Fixtures for every test: a PostgreSQL that is started once a run, servers on demand, no network but this machine."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from observability.supervisor import postgres
from tests import servers

#: A Tuesday without clock changes anywhere; tests add timedeltas to it.
NOW = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)
#: A loaded machine draws slowly; that says nothing about the code.
settings.register_profile("tailwatch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tailwatch")
RUN = pytest.StashKey[servers.Database]()


def pytest_configure(config: pytest.Config) -> None:
    """With xdist the controller starts the one server; its workers find it through the environment."""
    is_worker = hasattr(config, "workerinput")
    if not is_worker:
        os.environ.pop(servers.RUN_FOLDER, None)
    if not is_worker and getattr(config.option, "numprocesses", None) and not config.option.collectonly:
        database = config.stash[RUN] = servers.Database.start()
        os.environ[servers.RUN_FOLDER] = str(database.folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    database = config.stash.get(RUN, None)
    if database is not None:
        database.stop()


@pytest.fixture(scope="session")
def database_server(pytestconfig: pytest.Config) -> servers.Database:
    """The run's PostgreSQL; without xdist it starts when the first test asks for it."""
    if servers.RUN_FOLDER in os.environ:
        return servers.Database(Path(os.environ[servers.RUN_FOLDER]))
    database = pytestconfig.stash[RUN] = servers.Database.start()
    return database


@pytest.fixture(scope="session")
def django_db_setup(database_server: servers.Database, django_db_blocker: Any, worker_id: str) -> Iterator[None]:
    """One database a worker, cloned from a template that the owner migrated once; tests run as the application role."""
    from django.core.management import call_command
    from django.db import connections

    settings = connections.settings["default"]

    def use(*, role: str, name: str) -> None:
        connections["default"].close()
        settings.update(
            NAME=name, USER=role, PASSWORD="", HOST=str(database_server.server.sockets), PORT="", CONN_MAX_AGE=0
        )
        os.environ["DATABASE_URL"] = database_server.url(name, role=role)

    def migrate() -> None:
        use(role=postgres.OWNER, name=servers.TEMPLATE)
        call_command("migrate", verbosity=0, interactive=False)
        connections["default"].close()

    with django_db_blocker.unblock():
        database_server.template(migrate)
        name = database_server.new(f"tailwatch_{worker_id}")
        use(role=postgres.APP, name=name)

        def flush_as_owner(statements: Iterable[str]) -> None:
            with database_server.connect(postgres.OWNER, name) as owner:
                for statement in statements:
                    owner.execute(statement)

        # Transactional tests empty the tables afterwards, which the application role rightly may not.
        connections["default"].ops.execute_sql_flush = flush_as_owner  # type: ignore[assignment,method-assign]
        yield
        connections.close_all()


@pytest.fixture
def frozen_now() -> Iterator[datetime]:
    """The platform's clock stands at `NOW`, which is also the fixture's value."""
    from observability.core import clock

    with clock.frozen(NOW):
        yield NOW


@pytest.fixture
def acme(db: None) -> Any:
    """An organisation with nobody and nothing in it."""
    from tests import factories

    return factories.make_organisation("acme")


@pytest.fixture
def world(db: None, frozen_now: datetime) -> Any:
    """The small world of tests/worlds.py, at `NOW`."""
    from tests import worlds

    return worlds.small_world(now=frozen_now)


@pytest.fixture
def as_role(world: Any) -> Any:
    """as_role("responder"): a client of the world's responder, logged in."""
    return world.client


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections leave for unix sockets and loopback only; anything else is a test that would depend on the world."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_loopback(address[0]):
            raise RuntimeError(f"A test tried to reach {address[0]}; only this machine is allowed.")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture
def prometheus_server(tmp_path: Path) -> Iterator[Callable[..., servers.Server]]:
    """`prometheus_server(config, blocks=None)` starts Debian's Prometheus for this test."""
    with contextlib.ExitStack() as stack:
        counter = iter(range(100))

        def begin(config: str, **given: Any) -> servers.Server:
            folder = tmp_path / f"prometheus-{next(counter)}"
            folder.mkdir()
            return stack.enter_context(servers.prometheus(config=config, folder=folder, **given))

        yield begin


@pytest.fixture
def alertmanager_server(tmp_path: Path) -> Iterator[Callable[..., servers.Server]]:
    """`alertmanager_server(config, gossip=0, peers=())` starts Debian's Alertmanager for this test."""
    with contextlib.ExitStack() as stack:
        counter = iter(range(100))

        def begin(config: str, *, gossip: int = 0, peers: Sequence[int] = ()) -> servers.Server:
            folder = tmp_path / f"alertmanager-{next(counter)}"
            folder.mkdir()
            return stack.enter_context(servers.alertmanager(config=config, folder=folder, gossip=gossip, peers=peers))

        yield begin


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A Redis of this test's own, as a Celery broker URL."""
    with servers.short_folder() as folder, servers.redis(folder=folder) as url:
        yield url


@pytest.fixture
def browser() -> Iterator[Any]:
    """A headless Chromium with a new profile, driven by selenium."""
    with servers.short_folder() as profile, servers.chromium(profile=profile) as driver:
        yield driver
