"""Server time of the incident list and of one incident, as pages and over REST, with years of history behind them.

By default 8,000 incidents with 400,000 timeline entries, so that writing them takes some seconds; with --full 100,000 and 5,000,000,
which take minutes. Each request is a whole one, through every middleware, of somebody who is signed in; its time is the
median of several, in seconds of the processor, the web process's and PostgreSQL's together: what the clock says on a quiet machine.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

from tests import servers
from tests.benchmarks import Measurement, database

NOW = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)
ENTRIES = 50
ROUNDS = 7


def measure(full: bool) -> Iterator[Measurement]:
    server = database.migrated()
    incidents = 100_000 if full else 8_000
    last = _world(server, incidents)
    from django.conf import settings
    from django.test import Client

    from observability.core import clock
    from observability.core.models import User

    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(User.objects.get(username="bob"))
    with clock.frozen(NOW):
        for name, path in _asked(last).items():
            yield Measurement(
                benchmark="incident_pages",
                metric=f"{name}, {incidents:,} incidents",
                value=1000 * _median(server, client, path),
                unit="ms of CPU",
                better="lower",
                target=100,
            )


def _asked(last: int) -> dict[str, str]:
    return {
        "list of what is open": "/incidents/",
        "list in all states": "/incidents/?state=all",
        "list in all states, page 100": "/incidents/?state=all&page=100",
        "list of one service": "/incidents/?state=all&service=code",
        "search for words that many have": "/incidents/?q=budget",
        "search for words that nobody has": "/incidents/?q=zebra",
        "detail of one that is open": f"/incidents/{last}/",
        "detail of an old one": f"/incidents/{last // 2}/",
        "REST list": "/api/v1/incidents",
        "REST list, the 5,000th on": "/api/v1/incidents?offset=5000",
        "REST detail": f"/api/v1/incidents/{last}",
        "REST timeline": f"/api/v1/incidents/{last}/timeline",
    }


def _world(server: servers.Database, incidents: int) -> int:
    """The small world with a history behind it; the number of its newest incident."""
    from django.db import connection

    from tests import worlds

    world = worlds.small_world(now=NOW)
    with server.connect("postgres", connection.settings_dict["NAME"]) as admin:
        worlds.write_history(
            admin,
            organisation=world.organisation,
            services=list(world.services.values()),
            incidents=incidents,
            entries=ENTRIES,
            now=NOW,
        )
    return 1000 + incidents


def _median(server: servers.Database, client: object, path: str) -> float:
    seconds = []
    for _ in range(ROUNDS):
        began = process_time() + _of_children(server)
        answer = client.get(path)  # type: ignore[attr-defined]
        seconds.append(process_time() + _of_children(server) - began)
        if answer.status_code != 200:
            raise AssertionError(f"{path}: found {answer.status_code}, expected 200")
    return statistics.median(seconds[1:])


def _of_children(server: servers.Database) -> float:
    """Seconds of the processor that PostgreSQL's processes have had so far."""
    assert server.process is not None
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in children) / 1e9
