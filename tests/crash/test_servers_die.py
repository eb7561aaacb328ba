"""`kill -9` of the web process between commit and answer, and PostgreSQL restarted while a page is under way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.db import connection

from incidents.alerts import services as alerts
from incidents.alerts.models import Alert
from incidents.ingest.models import Event
from incidents.paging.models import Page
from incidents.response.models import Incident
from observability.core import clock
from observability.supervisor import postgres, processes
from tests import factories, servers
from tests.crash.test_pages_survive import PROJECT, HeldPager, beat, eventually, is_sent, page_someone, worker
from tests.incidents.ingest.payloads import alert, group

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.heavy]


def posted(url: str, body: bytes) -> int | None:
    """What was answered; None where nothing was."""
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except OSError:
        return None


def test_a_web_process_killed_before_it_answered_costs_no_alert_and_doubles_none(settings: Any, tmp_path: Path) -> None:
    organisation = factories.make_organisation("acme")
    person = factories.make_user(organisation)
    factories.make_pager(person, organisation, url="https://pager.example/")
    factories.make_policy(organisation, person)
    _, key = factories.make_integration(organisation)
    held, log, port = tmp_path / "held", tmp_path / "web.log", servers.free_port()
    environment = {**os.environ, "SECRET_KEY": settings.SECRET_KEY, "HELD_ANSWER": str(held)}
    own = PROJECT / "observability" / "supervisor" / "gunicorn_settings.py"
    argv = [
        sys.executable, "-m", "gunicorn", "--config", str(own), "--bind", f"127.0.0.1:{port}",
        "tests.crash.held_web:application",
    ]  # fmt: skip
    url, body = f"http://127.0.0.1:{port}/hooks/alertmanager/{key}", orjson.dumps(group(alert(since=clock.now())))
    answers: list[int | None] = []
    with log.open("wb") as output:
        web = processes.start(argv=argv, environment=environment, output=output, folder=PROJECT)

    def send() -> None:
        while not answers or answers[-1] != 200:
            answers.append(posted(url, body))

    sender = threading.Thread(target=send, daemon=True)
    try:
        eventually(lambda: b"" != None and _listens(port), log)
        sender.start()
        eventually(held.exists, log)
        assert Event.objects.count() == 1  # committed, and not answered
        eventually(lambda: held.read_text().isdecimal(), log)
        os.kill(int(held.read_text()), signal.SIGKILL)  # gunicorn starts another
        sender.join(60)
    finally:
        processes.stop(web, grace_seconds=4)
    assert answers[0] is None
    assert answers[-1] == 200
    alerts.pull_findings(now=clock.now())
    assert (Alert.objects.count(), Incident.objects.count(), Page.objects.count()) == (1, 1, 1)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def base_backup(server: postgres.Postgres, *more: str, of: postgres.Postgres) -> None:
    """Fills the data folder of `server` from a running one."""
    subprocess.run(
        [server.program("pg_basebackup"), "-D", server.data, "-h", str(of.sockets), "-U", "postgres",
         "-X", "stream", "-c", "fast", "--no-sync", *more],
        check=True, capture_output=True, user=server.account.uid, group=server.account.gid,
        extra_groups=server.account.extra_groups, cwd=server.base,
    )  # fmt: skip


@contextmanager
def copied(original: servers.Database) -> Iterator[tuple[postgres.Postgres, list[subprocess.Popen[bytes]]]]:
    """A copy of the run's server that may be restarted; this test's connections and children go there."""
    with servers.short_folder() as folder:
        folder.chmod(0o711)
        server = postgres.prepare(
            base=folder / "pg", sockets=folder / "s", settings={**postgres.UNSAFE, "max_connections": "60"}
        )
        base_backup(server, of=original.server)
        settings, url = connection.settings_dict, os.environ["DATABASE_URL"]
        before = settings["HOST"]
        running = [_started(server, folder)]
        connection.close()
        settings["HOST"] = str(server.sockets)
        os.environ["DATABASE_URL"] = server.url(role=postgres.APP, database=settings["NAME"])
        try:
            yield server, running
        finally:
            connection.close()
            settings["HOST"] = before
            os.environ["DATABASE_URL"] = url
            processes.stop(running[-1], first=signal.SIGQUIT)


def _started(server: postgres.Postgres, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "postgres.log").open("ab") as log:
        process = postgres.start(server, output=log)
    postgres.wait_ready(server, process)
    return process


def test_a_postgresql_restarted_while_a_page_is_under_way_loses_and_doubles_nothing(
    redis_url: str, settings: Any, tmp_path: Path, database_server: servers.Database
) -> None:
    given = {"broker": redis_url, "secret_key": settings.SECRET_KEY, "log": tmp_path / "celery.log"}
    connection.close()
    with copied(database_server) as (server, running), HeldPager() as pager, beat(**given), worker(**given):
        page = page_someone(pager.url)
        eventually(lambda: len(pager.received) == 1, given["log"])
        processes.stop(running[-1], first=postgres.FAST_SHUTDOWN)
        connection.close()
        pager.release.set()
        running.append(_started(server, server.base.parent))
        soon = clock.now() - timedelta(seconds=1)
        # Its answer could not be written down; the lease has 90 s to run, here they pass at once.
        Page.objects.filter(lease_until__gt=clock.now()).update(lease_until=soon)
        eventually(is_sent, given["log"])
        assert Incident.objects.count() == 1
        assert {message["dedup_key"] for message in pager.messages} == {page.dedup_key}
        assert [message["repeated"] for message in pager.messages] in ([False], [False, True])
