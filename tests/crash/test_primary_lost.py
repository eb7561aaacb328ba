"""The PostgreSQL primary is lost for good in the middle of pages, and its synchronous standby promoted: `DATABASE_URL` names both."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from django.db import OperationalError, connection
from django.test import Client

from incidents.alerts import services as alerts
from incidents.alerts.models import Alert
from incidents.paging import services as paging
from incidents.paging.models import Page
from incidents.response.models import Incident
from observability.core import clock
from observability.env import parse_database_url
from observability.supervisor import postgres, processes
from tests import factories, servers
from tests.crash.test_pages_survive import HeldPager, beat, eventually, worker
from tests.crash.test_servers_die import base_backup
from tests.incidents.ingest.payloads import alert, group

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.heavy]
PAGES = 4
#: A commit waits for the standby's disk, as an operator who loses no page sets it.
SAFE = {**postgres.UNSAFE, "max_connections": "60", "synchronous_commit": "on", "synchronous_standby_names": "*"}


class Pair:
    """A primary and its synchronous standby, each in folders of its own."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o711)
        self.folder = folder
        self.primary = postgres.prepare(base=folder / "a", sockets=folder / "s", settings=SAFE)
        self.standby = postgres.prepare(
            base=folder / "b", sockets=folder / "t", settings={**SAFE, "synchronous_standby_names": ""}
        )
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, *, of: postgres.Postgres) -> None:
        base_backup(self.primary, of=of)
        self.running.append(self._started(self.primary))
        postgres.wait_ready(self.primary, self.running[-1])
        base_backup(self.standby, "--write-recovery-conf", of=self.primary)
        self.running.append(self._started(self.standby))
        with self._admin(self.primary) as admin:
            asked = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
            assert processes.wait_until(lambda: admin.execute(asked).fetchone() is not None, timeout_seconds=20)

    def lose_the_primary(self) -> None:
        """Its machine burns down: no shutdown, and no data that could be started again."""
        processes.send(self.running[0], signal.SIGKILL)
        self.running[0].wait(5)
        shutil.rmtree(self.primary.data, ignore_errors=True)

    def promote(self) -> None:
        with self._admin(self.standby) as admin:
            assert admin.execute("SELECT pg_promote()").fetchone() == (True,)

    def url(self, database: str) -> str:
        sockets = f"{self.primary.sockets},{self.standby.sockets}"
        return f"postgresql://{postgres.APP}@/{database}?host={sockets}&target_session_attrs=read-write"

    def stop(self) -> None:
        for process in self.running:
            processes.stop(process, first=signal.SIGQUIT)

    def _started(self, server: postgres.Postgres) -> subprocess.Popen[bytes]:
        with (self.folder / "postgres.log").open("ab") as log:
            return postgres.start(server, output=log)

    def _admin(self, server: postgres.Postgres) -> psycopg.Connection[Any]:
        return psycopg.connect(server.url(role=postgres.ADMIN, database="postgres"), autocommit=True)


@contextmanager
def replicated(original: servers.Database) -> Iterator[Pair]:
    """A copy of the run's server with a standby; this test's connection and its children know both by one address."""
    with servers.short_folder() as folder:
        pair = Pair(folder)
        before, url = dict(connection.settings_dict), os.environ["DATABASE_URL"]
        try:
            pair.start(of=original.server)
            connection.close()
            os.environ["DATABASE_URL"] = pair.url(before["NAME"])
            connection.settings_dict.update(parse_database_url("DATABASE_URL", os.environ["DATABASE_URL"]))
            yield pair
        finally:
            connection.close()
            connection.settings_dict.update(before)
            os.environ["DATABASE_URL"] = url
            pair.stop()


def page_several(url: str) -> str:
    """Incidents of several services, each to one person with one pager; the key of an integration."""
    organisation = factories.make_organisation("acme")
    person = factories.make_user(organisation)
    factories.make_pager(person, organisation, url=url)
    factories.make_policy(organisation, person)
    for number in range(PAGES):
        service = factories.make_service(organisation, slug=f"chat-{number}")
        incident = factories.make_incident(service, now=clock.now())
        if not incident.pages.exists():
            paging.begin(incident=incident, now=clock.now())
    _, key = factories.make_integration(organisation)
    return key


def test_a_primary_lost_for_good_and_its_standby_promoted_lose_no_page_and_double_no_incident(
    redis_url: str, settings: Any, tmp_path: Path, client: Client, database_server: servers.Database
) -> None:
    given = {"broker": redis_url, "secret_key": settings.SECRET_KEY, "log": tmp_path / "celery.log"}
    began = clock.now()
    connection.close()

    def posted() -> int:
        connection.close()  # as Django does before each request with one that is broken
        body = orjson.dumps(group(alert(since=began)))
        return client.post(f"/hooks/alertmanager/{key}", body, content_type="application/json").status_code

    with replicated(database_server) as pair, HeldPager() as pager, beat(**given), worker(**given):
        key = page_several(pager.url)
        eventually(lambda: len(pager.received) == PAGES, given["log"])
        assert posted() == 200
        pair.lose_the_primary()
        assert posted() == 503  # the sender keeps it, and comes again
        with pytest.raises(OperationalError):
            Page.objects.count()
        pair.promote()
        pager.release.set()
        assert posted() == 200
        alerts.pull_findings(now=clock.now())
        # What the pager answered could not be written down; the leases have 90 s to run, here they pass at once.
        soon = clock.now() - timedelta(seconds=1)
        Page.objects.filter(lease_until__gt=soon).update(lease_until=soon)
        sent = Page.objects.filter(state=Page.State.SENT)
        eventually(lambda: sent.count() == PAGES + 1, given["log"])
        assert Alert.objects.count() == 1
        assert Incident.objects.count() == PAGES + 1
        keys = dict(Page.objects.values_list("pk", "dedup_key"))
        assert len(set(keys.values())) == PAGES + 1
    assert {message["page"] for message in pager.messages} == set(keys)
    for pk, dedup_key in keys.items():
        copies = [message for message in pager.messages if message["page"] == pk]
        assert {message["dedup_key"] for message in copies} == {dedup_key}
        assert [message["repeated"] for message in copies] in ([False], [False, True])
