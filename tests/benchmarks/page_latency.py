"""From the commit of a page to its receiver, at 50 pages a second, through real workers.

Beat and the fast Celery worker with two processes run as `up` starts them, over a Redis and a PostgreSQL of their own; the
receiver is an HTTP server here. Each fifth of a second ten pages are committed, each for an incident of its own, and the commit
nudges the worker; it claims, signs, sends through its threads and writes down. A page's latency is the time between the moment
when its transaction had committed and the moment when its message was read, both by one clock.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from observability.local_pager import LocalPager
from observability.supervisor import processes
from tests import servers
from tests.benchmarks import Measurement, database

if TYPE_CHECKING:
    from incidents.paging.models import PagerEndpoint
    from incidents.response.models import Incident

A_SECOND = 50
TICK_SECONDS = 0.2
A_PAGER = 20


class Timed(LocalPager):
    """Notes when each page came first."""

    def __init__(self) -> None:
        super().__init__()
        self.came: dict[int, float] = {}

    def _take(self, headers: dict[str, str], body: bytes) -> int:
        at = time.perf_counter()
        status = super()._take(headers, body)
        self.came.setdefault(self.received[-1].message["page"], at)
        return status


def measure(full: bool) -> Iterator[Measurement]:
    seconds = 60 if full else 8
    with ExitStack() as stack:
        folder = stack.enter_context(servers.short_folder())
        broker = stack.enter_context(servers.redis(folder=folder))
        pager = Timed()
        stack.enter_context(pager)
        os.environ.update({"CELERY_BROKER_URL": broker, "TAILWATCH_ALLOW_PRIVATE_OUTBOUND": "127.0.0.1"})
        database.migrated()
        for words in (_WORKER, _BEAT):
            stack.enter_context(_Process(words, Path(folder)))
        told = _world(pager.url, pages=A_SECOND * seconds + 2)
        woken = _write(told[:2], "so that the workers are up")
        assert processes.wait_until(lambda: pager.came.keys() >= woken.keys(), timeout_seconds=180), "no worker sends"
        committed = _steadily(told[2:], seconds)
        assert processes.wait_until(lambda: pager.came.keys() >= committed.keys(), timeout_seconds=60), (
            "pages are missing"
        )
    latencies = sorted(pager.came[pk] - at for pk, at in committed.items())
    for name, share, target in (("median", 0.5, None), ("99th percentile", 0.99, 1.0)):
        yield Measurement(
            benchmark="page_latency",
            metric=f"commit to receiver at {A_SECOND} pages/s, {name}",
            value=latencies[int(len(latencies) * share)],
            unit="s",
            better="lower",
            target=target,
        )


_LONE = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
_WORKER = ("worker", "-n", "fast@%h", "-Q", "fast", "-c", "2", *_LONE)
_BEAT = ("beat", "--scheduler", "observability.supervisor.beat:MemoryScheduler", "--pidfile=", "--loglevel", "WARNING")


class _Process:
    """One Celery process for as long as the block lasts."""

    def __init__(self, words: tuple[str, ...], folder: Path) -> None:
        self.argv = [sys.executable, "-m", "celery", "-A", "observability.celery", "--quiet", "--skip-checks", *words]
        self.log = (folder / f"{words[0]}.log").open("wb")

    def __enter__(self) -> None:
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "observability.settings"}
        self.process = processes.start(argv=self.argv, environment=environment, output=self.log, folder=Path.cwd())

    def __exit__(self, *_: object) -> None:
        processes.stop(self.process, grace_seconds=4)
        self.log.close()


def _world(url: str, *, pages: int) -> list[tuple[Incident, PagerEndpoint]]:
    """An open incident a page, so that none is folded into the next, and a pager for each twenty, within its limit a minute."""
    from incidents.paging.models import EscalationStep
    from incidents.response.models import Incident
    from tests import factories

    now = _now()
    acme = factories.make_organisation("latency")
    pagers = [
        factories.make_pager(factories.make_user(acme), acme, url=url, now=now) for _ in range(-(-pages // A_PAGER))
    ]
    opened = Incident.objects.bulk_create(
        Incident(
            organisation=acme, number=number, group_key=f"latency:{number}", title="It is slow", severity=2,
            detected_at=now, opened_at=now, changed_at=now, escalation_run=1,
        )
        for number in range(1, pages + 1)
    )  # fmt: skip
    # As of incidents that people are being told of: none is diagnosed or begun anew beside what is measured.
    EscalationStep.objects.bulk_create(
        EscalationStep(
            organisation=acme,
            incident=incident,
            run=1,
            number=1,
            reason="first responder",
            created_at=now,
            due_at=now + timedelta(hours=1),
        )
        for incident in opened
    )
    return [(incident, pagers[place % len(pagers)]) for place, incident in enumerate(opened)]


def _write(told: Sequence[tuple[Incident, PagerEndpoint]], decision: str) -> dict[int, float]:
    """A page to each in one transaction, as an escalation writes them; each with the moment after the commit."""
    from django.db import transaction

    from incidents.paging import services
    from incidents.paging.models import Page

    now = _now()
    with transaction.atomic():
        for incident, pager in told:
            services.write_pages(
                incident=incident,
                endpoints=[pager],
                kind=Page.Kind.OPENED,
                reason="first responder",
                decision=decision,
                now=now,
            )
    committed = time.perf_counter()
    return dict.fromkeys(Page.objects.filter(decision=decision).values_list("pk", flat=True), committed)


def _steadily(told: Sequence[tuple[Incident, PagerEndpoint]], seconds: int) -> dict[int, float]:
    """Ten pages each fifth of a second, by the clock and not by how long the last ones took."""
    committed: dict[int, float] = {}
    began, each = time.perf_counter(), int(A_SECOND * TICK_SECONDS)
    pause = threading.Event()
    for tick in range(int(seconds / TICK_SECONDS)):
        pause.wait(max(0.0, began + tick * TICK_SECONDS - time.perf_counter()))
        committed |= _write(told[tick * each : (tick + 1) * each], f"tick {tick}")
    return committed


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - workers live in real time
