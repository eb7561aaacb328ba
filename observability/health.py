"""Is the platform well? `/healthz`: this process lives. `/readyz`: every part answers. `/metrics`: its own state, from rows.

A part is `ok`, `failing`, or `cannot_tell` where the part that would know does not answer; each says in words what to do.
"""

from __future__ import annotations

import enum
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from urllib.parse import urljoin

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse, JsonResponse
from kombu.exceptions import OperationalError

from incidents.paging.models import Page
from incidents.response.models import Incident
from observability.celery import app
from observability.core import clock
from observability.core.models import Heartbeat
from probes import exposition
from probes.exposition import Samples, series
from sloengine.budgets.models import EvaluationCursor, Finding, FindingState
from sloengine.collect.models import MetricSource

#: Beat has each worker say every 5 s that it lives; three missed in a row are no accident.
HEARTBEAT_LATE = timedelta(seconds=20)
ANSWER_SECONDS = 2
WORKERS = ("worker:fast", "worker:slow")


class State(enum.StrEnum):
    OK = "ok"
    FAILING = "failing"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the platform: how it is, what was seen, what to do about it (empty when nothing is needed)."""

    name: str
    state: State
    seen: str
    fix: str = ""


def healthz(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"alive": True})


def readyz(request: HttpRequest) -> HttpResponse:
    """200 only when all parts answer; the body names each part either way."""
    parts = examine(now=clock.now())
    ready = all(part.state is State.OK for part in parts)
    answer = JsonResponse({"ready": ready, "parts": [asdict(part) for part in parts]}, status=200 if ready else 503)
    answer._has_been_logged = True  # type: ignore[attr-defined]  # who polls it knows; the log need not fill
    return answer


def metrics(request: HttpRequest) -> HttpResponse:
    samples = own_samples(now=clock.now())
    text = exposition.render(samples, types={one.name: "gauge" for one in samples})
    return HttpResponse(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def examine(*, now: datetime) -> list[Part]:
    """Every part that this installation has, in the order in which they depend on each other."""
    database = examine_database()
    parts = [database]
    if database.state is State.OK:
        migrations = examine_migrations()
        parts.append(migrations)
    if all(part.state is State.OK for part in parts):
        parts += examine_workers(now=now)
    else:
        parts += [Part(name, State.CANNOT_TELL, f"the {parts[-1].name} would know", parts[-1].fix) for name in WORKERS]
    parts.append(examine_broker())
    parts += [examine_http("probe", urljoin(url, "/healthz")) for url in settings.TAILWATCH_PROBE_URLS]
    if settings.TAILWATCH_DEMO_FLEET_URL:
        parts.append(examine_http("fleet", urljoin(settings.TAILWATCH_DEMO_FLEET_URL, "/health")))
    return parts


def examine_database() -> Part:
    fix = "Start PostgreSQL, or correct DATABASE_URL; under `manage.py up` it comes back by itself."
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return Part("database", State.FAILING, first_line(error), fix)
    return Part("database", State.OK, "answers")


def examine_migrations() -> Part:
    fix = "Run `manage.py migrate` as the owner role; `manage.py up` does it at its start."
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        first = plan[0][0]
        return Part("migrations", State.FAILING, f"{len(plan)} missing, first {first.app_label}.{first.name}", fix)
    return Part("migrations", State.OK, "all applied")


def examine_workers(*, now: datetime) -> Iterable[Part]:
    """The workers' heartbeats; when all of them stopped together it is rather beat or the broker that is silent."""
    seen = dict(Heartbeat.objects.filter(part__in=WORKERS).values_list("part", "at"))
    late = [name for name in WORKERS if name not in seen or now - seen[name] > HEARTBEAT_LATE]
    everyone = len(late) == len(WORKERS)
    for name in WORKERS:
        when = f"last heartbeat {(now - seen[name]).total_seconds():.0f} s ago" if name in seen else "no heartbeat yet"
        queue = name.partition(":")[2]
        worker = f"celery -A observability.celery worker -Q {queue}"
        fix = f"Start the {queue} worker (`{worker}`) and look at its output."
        if everyone:
            fix = "No worker is heard: look first at beat (`celery -A observability.celery beat`) and the broker."
        yield Part(name, State.FAILING, when, fix) if name in late else Part(name, State.OK, when)


def examine_broker() -> Part:
    fix = (
        "Start Redis or RabbitMQ, or correct CELERY_BROKER_URL. Nothing is lost meanwhile: work waits in the database."
    )
    try:
        with app.connection_for_write(connect_timeout=ANSWER_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=ANSWER_SECONDS)
    except (OperationalError, OSError) as error:
        return Part("broker", State.FAILING, first_line(error), fix)
    return Part("broker", State.OK, "answers")


def examine_http(name: str, url: str) -> Part:
    fix = f"Start the {name}, and see whether {url} answers from this machine."
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS):  # noqa: S310 - the operator's own setting
            return Part(name, State.OK, f"{url} answers")
    except urllib.error.HTTPError as error:
        return Part(name, State.FAILING, f"{url} says {error.code}", fix)
    except OSError as error:
        return Part(name, State.FAILING, f"{url}: {first_line(error)}", fix)


def own_samples(*, now: datetime) -> Samples:
    """What to alert on about Tailwatch itself. An age is absent, not zero, where nothing has that age."""
    due = Page.objects.filter(state=Page.State.PENDING, due_at__lte=now).aggregate(
        count=Count("pk"), oldest=Min("due_at")
    )
    ages = {
        "oldest_due_page": due["oldest"],
        # Of the organisation that is furthest behind: where one cannot be evaluated, nobody watches it.
        "evaluation": EvaluationCursor.objects.filter(organisation__metric_sources__enabled=True).aggregate(
            last=Min("tick")
        )["last"],
        "oldest_unread_finding": Finding.objects.filter(state=FindingState.FIRING, alert=None).aggregate(
            oldest=Min("changed_at")
        )["oldest"],
        "collected_tick": MetricSource.objects.filter(enabled=True).aggregate(last=Min("last_tick"))["last"],
    }
    for part, at in Heartbeat.objects.filter(part__in=WORKERS).values_list("part", "at"):
        ages[f"{part.replace(':', '_')}_heartbeat"] = at
    counts = {
        "due_pages": due["count"],
        "open_incidents": Incident.objects.filter(resolved_at=None).count(),
        "firing_findings": Finding.objects.filter(state=FindingState.FIRING).count(),
        "failing_sources": MetricSource.objects.filter(enabled=True).exclude(failing_since=None).count(),
    }
    return {
        **{series(f"tailwatch_{name}"): float(count) for name, count in counts.items()},
        **{
            series(f"tailwatch_{name}_age_seconds"): (now - at).total_seconds()
            for name, at in ages.items()
            if at is not None
        },
    }


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
