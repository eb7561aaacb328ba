"""Alerts a second through the real web server, committed with fsync on, with 100,000 open alerts behind: in groups of 50, and single.

One gunicorn with the settings of `up`, PostgreSQL and the load generator share the machine. Each request carries alerts that
nobody has seen before: every one is a row that is written. Baseline: a bare Django view that stores the same body.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests import servers
from tests.benchmarks import Measurement, database

OPEN = 100_000
CLIENTS = 8
NEVER = "0001-01-01T00:00:00Z"
BEHIND = """
INSERT INTO incidents_alert (organisation_id, integration_id, kind, urgency, state, title, labels, annotations, reason,
                             fingerprint, starts_at, received_at, changed_at, told)
SELECT %(organisation)s, %(integration)s, 'external', 'page', 'firing', 'NodeDown of ' || g,
       jsonb_build_object('alertname', 'NodeDown', 'node', 'n' || g), '{}', '', %(integration)s || ':behind' || g,
       %(now)s, %(now)s, %(now)s, 'firing'
FROM generate_series(1, %(count)s) AS g
"""


def measure(full: bool) -> Iterator[Measurement]:
    run = database.migrated()
    with run.connect("postgres", "postgres") as admin:
        # What is said to be committed is on the disk, as on a machine that may lose power.
        admin.execute("ALTER SYSTEM SET fsync = on")
        admin.execute("ALTER SYSTEM SET synchronous_commit = on")
        admin.execute("SELECT pg_reload_conf()")
    key = _behind()
    seconds = 20.0 if full else 5.0
    with _web() as port:
        _load(port, key, alerts=50, seconds=1.0, name="warm")
        groups = _load(port, key, alerts=50, seconds=seconds, name="groups")
        single = _load(port, key, alerts=1, seconds=seconds, name="single")
    _checked(groups.requests + single.requests)
    yield _rate("alerts committed in groups of 50", groups.requests * 50 / groups.seconds, "alerts/s", 3000, 5100)
    yield _latency("request of 50 alerts, 99th percentile", groups)
    yield _rate("requests of one alert", single.requests / single.seconds, "requests/s", 350, 441)
    yield _latency("request of one alert, 99th percentile", single)


def _behind() -> str:
    from django.db import connection

    from tests import factories

    organisation = factories.make_organisation("ingest")
    now = datetime.now(UTC)  # noqa: TID251 - the senders of a benchmark live in real time
    integration, key = factories.make_integration(organisation, now=now)
    with connection.cursor() as cursor:
        given: dict[str, Any] = {
            "organisation": organisation.pk,
            "integration": integration.pk,
            "now": now,
            "count": OPEN,
        }
        cursor.execute(BEHIND, given)
    connection.close()
    return key


@contextmanager
def _web() -> Iterator[int]:
    port = servers.free_port()
    argv = [
        sys.executable, "-m", "gunicorn", "--config", "python:observability.supervisor.gunicorn_settings",
        "--bind", f"127.0.0.1:{port}", "observability.wsgi:application",
    ]  # fmt: skip
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "observability.settings", "PYTHONPATH": str(Path.cwd())}
    url = f"http://127.0.0.1:{port}"
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.serving(argv=argv, url=url, folder=Path(folder), ready=f"{url}/healthz", environment=environment),
    ):
        yield port


@dataclass(frozen=True, slots=True)
class Outcome:
    requests: int
    seconds: float
    latencies: list[float]


def _load(port: int, key: str, *, alerts: int, seconds: float, name: str) -> Outcome:
    """Clients that each send the next request when the last one was answered."""
    latencies: list[list[float]] = [[] for _ in range(CLIENTS)]
    began = time.perf_counter()
    threads = [
        threading.Thread(
            target=_client, args=(port, key, alerts, began + seconds, f"{name}{number}", latencies[number])
        )
        for number in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - began
    found = sorted(latency for mine in latencies for latency in mine)
    return Outcome(len(found), taken, found)


def _client(port: int, key: str, alerts: int, until: float, name: str, latencies: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    count = 0
    while time.perf_counter() < until:
        body = _body(name, count, alerts)
        began = time.perf_counter()
        connection.request("POST", f"/hooks/alertmanager/{key}", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        latencies.append(time.perf_counter() - began)
        if answer.status != 200:
            raise AssertionError(f"found {answer.status} {said[:200]!r}, expected 200")
        count += 1
    connection.close()


def _body(name: str, count: int, alerts: int) -> bytes:
    """A group as Alertmanager sends it."""
    listed = [
        {
            "status": "firing",
            "labels": {
                "alertname": "NodeDown", "severity": "critical", "cluster": "eu-1", "node": f"{name}-{count}-{number}",
                "job": "node", "instance": "10.0.0.1:9100", "team": "serving",
            },
            "annotations": {"summary": f"node {number} is down", "runbook_url": "https://runbooks.example/node-down"},
            "startsAt": "2026-11-22T10:00:00Z",
            "endsAt": NEVER,
            "generatorURL": "http://prometheus.example/graph?g0.expr=up",
            "fingerprint": f"{name}-{count}-{number}",
        }
        for number in range(alerts)
    ]  # fmt: skip
    return json.dumps(
        {"version": "4", "groupKey": "{}:{}", "status": "firing", "receiver": "t", "alerts": listed}
    ).encode()


def _checked(requests: int) -> None:
    """Every request that was answered is a row."""
    from incidents.ingest.models import Event

    stored = Event.objects.count()
    if stored < requests:
        raise AssertionError(f"{requests} requests were answered, {stored} events are stored")


def _rate(metric: str, value: float, unit: str, target: float, bare: float) -> Measurement:
    return Measurement(
        benchmark="ingest",
        metric=metric,
        value=value,
        unit=unit,
        better="higher",
        target=target,
        baseline=bare,
        baseline_name="bare Django view",
    )


def _latency(metric: str, outcome: Outcome) -> Measurement:
    worst = outcome.latencies[int(len(outcome.latencies) * 0.99)]
    return Measurement(benchmark="ingest", metric=metric, value=1000 * worst, unit="ms", better="lower", target=250)
