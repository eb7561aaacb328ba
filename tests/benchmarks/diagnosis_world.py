"""Worlds for the diagnosis benchmark: a database with eight days of history, cloned for each run, and processes side by side."""

from __future__ import annotations

import json
import os
import resource
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes.simfleet.config import FleetConfig, default_config
from tests.benchmarks import database

if TYPE_CHECKING:
    from observability.local_pager import LocalPager
    from observability.virtual import VirtualWorld

TUESDAY = datetime(2026, 11, 17, tzinfo=UTC)
HISTORY = timedelta(days=8)
SOURCE = "virtual fleet"
PROCESSES = 2
#: The past at the steps that the tiers keep: hours, five minutes for four days, half minutes for the last two hours.
STEPS = ((timedelta(days=4), 3600), (timedelta(hours=2), 300), (timedelta(), 30))
TICKS_AT_ONCE = 500
_TRACES = Path(__file__).parents[3] / "shared" / "traces"
TRACES = {"chat": "AzureLLMInferenceTrace_conv.csv", "code": "AzureLLMInferenceTrace_code.csv"}

Row = dict[str, Any]


def fleet(traffic: str) -> FleetConfig:
    """The default fleet; `trace` replays recorded minutes where the traces are at hand, else it is the generator again."""
    config = default_config()
    if traffic != "trace":
        return config
    return replace(
        config,
        services=tuple(
            replace(one, trace=str(_TRACES / TRACES[one.name]))
            if one.name in TRACES and (_TRACES / TRACES[one.name]).exists()
            else one
            for one in config.services
        ),
    )


def build_template(name: str, *, start: datetime, traffic: str) -> Row:
    """A database `name` with people, objectives and eight days of a healthy fleet up to `start`."""
    database.migrated().new(name)
    _use(name)
    import numpy as np

    from observability import installation
    from observability.core.services import default_organisation
    from probes.simfleet.load import past, past_series
    from sloengine.budgets import services as budgets
    from sloengine.collect.models import MetricSource
    from sloengine.rollups.services import Chunk, backfill

    organisation, config = default_organisation(), fleet(traffic)
    installation.install(
        organisation=organisation, config=config, now=start - HISTORY, give_pager=lambda person, actor, now: None
    )
    source = MetricSource.objects.create(
        organisation=organisation, name=SOURCE, kind=MetricSource.Kind.MEMORY, url=f"memory:{SOURCE}", simulated=True
    )

    def chunks(first: datetime, last: datetime, step: int) -> Iterator[Chunk]:
        """Of the last hours each replica's own figures: those that a fault is compared with."""
        mine = step == STEPS[-1][1]
        series = past_series(config, by_replica=mine)
        ticks = past(config, seed=7, start=first.timestamp(), end=last.timestamp(), step_seconds=step, by_replica=mine)
        while batch := list(islice(ticks, TICKS_AT_ONCE)):
            yield Chunk(
                ticks=[datetime.fromtimestamp(tick.at, UTC) for tick in batch],
                series=series,
                amounts=np.array([tick.values for tick in batch]),
            )

    first = start - HISTORY
    for ago, step in STEPS:
        last = start - ago
        backfill(source=source, chunks=chunks(first, last, step), now=start)
        first = last
        source.refresh_from_db()
    budgets.evaluate_due(now=start)
    return {"template": name}


def open_world(
    name: str, *, template: str, start: datetime, seed: int, traffic: str, pager: LocalPager
) -> VirtualWorld:
    """A clone of the template as a world at `start`; everyone's pager is `pager`."""
    database.migrated().new(name, template=template)
    _use(name)
    from django.conf import settings

    from incidents.paging import services as paging
    from observability.core import permissions
    from observability.core.models import Membership
    from observability.core.services import default_organisation
    from observability.virtual import VirtualWorld

    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = ["127.0.0.1"]
    organisation = default_organisation()
    actor = permissions.system(organisation)
    for member in Membership.objects.filter(organisation=organisation).select_related("user"):
        paging.add_endpoint(organisation=organisation, user=member.user, url=pager.url, actor=actor, now=start)
    return VirtualWorld(organisation=organisation, start=start, seed=seed, config=fleet(traffic), source_name=SOURCE)


def drop(name: str) -> None:
    """The clone is no longer needed; eight days of rows a run would fill a disk."""
    from psycopg import sql

    from observability.supervisor import postgres

    with database.migrated().connect(postgres.ADMIN, "postgres") as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _use(name: str) -> None:
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name


def server_seconds() -> float:
    """Processor seconds of this connection's PostgreSQL process."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def side_by_side(jobs: Sequence[Callable[[], Row]], folder: Path, *, processes: int = PROCESSES) -> Iterator[Row]:
    """Each job in a process of its own, so that no cache of one world is seen by the next; rows as they come.

    A job that raises gives {"error": its traceback}.
    """
    from django.db import connections

    connections.close_all()
    left = list(enumerate(jobs))
    running: dict[int, Path] = {}
    while left or running:
        while left and len(running) < processes:
            at, job = left.pop(0)
            path = folder / f"{os.getpid()}-{at}.json"
            sys.stdout.flush()
            sys.stderr.flush()
            child = os.fork()
            if child == 0:
                _work(job, path)
            running[child] = path
        done, _ = os.waitpid(-1, 0)
        path = running.pop(done)
        yield json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"error": "the process died"}
        path.unlink(missing_ok=True)


def _work(job: Callable[[], Row], path: Path) -> None:
    """The child: never returns."""
    try:
        row = job()
        used = resource.getrusage(resource.RUSAGE_SELF)
        row["cpu_seconds"] = used.ru_utime + used.ru_stime
    except BaseException:
        row = {"error": traceback.format_exc()}
    path.write_text(json.dumps(row), encoding="utf-8")
    os._exit(0)
