"""Checks as rows: written as the incident opens or as somebody asks, run afterwards, so that no page waits for them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction

from incidents.diagnosis.answers import ServiceSignals
from incidents.diagnosis.evidence import Answer
from incidents.diagnosis.queries import ServiceView
from incidents.diagnosis.replay import from_json
from incidents.diagnosis.signals import Signals, Table
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.timeline import TimelineKind
from incidents.runbooks import diagnostics, queries
from incidents.runbooks.format import Step
from incidents.runbooks.models import CheckRun
from incidents.runbooks.services import working
from observability.core import claims, permissions, questions
from observability.core.permissions import Actor, Verb
from sloengine.rollups import queries as rollups

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one check may take, and all of a runbook together, in seconds."""

    each: float = 5.0
    together: float = 15.0


PATIENCE = Patience()


def ask(*, incident: Incident, now: datetime) -> None:
    """Have the checks of the incident's runbook run soon; in the transaction that decided so."""
    _put(incident, incident.runbook, now, None)


def ask_again(*, incident: Incident, actor: Actor, now: datetime) -> None:
    """Somebody wants them asked again."""
    permissions.require(actor, Verb.NOTE, incident)
    book = queries.of_incident(incident=incident)
    if book is None:
        return
    with transaction.atomic():
        _put(incident, book.runbook.slug, now, actor.user_id)
        working.used(incident=incident, slug=book.runbook.slug, what="asked", actor=actor, now=now)


def _put(incident: Incident, slug: str, now: datetime, user_id: int | None) -> None:
    waiting = CheckRun.objects.filter(incident=incident, done_at__isnull=True, lease_until__isnull=True)
    values: dict[str, Any] = {"runbook": slug, "asked_at": now, "due_at": now}
    if user_id is not None:
        values["asked_by_id"] = user_id
    if not waiting.update(**values):
        CheckRun.objects.create(organisation_id=incident.organisation_id, incident=incident, **values)


@questions.first(queries.ANY_CHECK_DUE)
def run_due(*, now: datetime, patience: Patience = PATIENCE) -> int:
    """Run the checks that wait; how many runbooks were asked."""
    waiting = CheckRun.objects.filter(done_at__isnull=True).select_related(
        "asked_by", "incident__service", "incident__organisation"
    )
    claimed = claims.claim(waiting, now=now, lease=LEASE, limit=AT_ONCE)
    claims.each(claimed, lambda run: _run(run, now, patience), failed="%s could not be run")
    return len(claimed)


def _run(run: CheckRun, now: datetime, patience: Patience) -> None:
    incident = run.incident
    book = queries.books(organisation_id=incident.organisation_id).get(run.runbook)
    with rollups.snapshot():
        signals = _signals(incident, now)
        results = run_checks(
            steps=book.runbook.steps if book is not None else (), signals=signals, now=now, patience=patience
        )
    with transaction.atomic():
        incident = response.locked(incident)
        first = not CheckRun.objects.filter(incident=incident, runbook=run.runbook, done_at__isnull=False).exists()
        # Asked once more while they ran: that row is another one and comes next.
        if not CheckRun.objects.filter(pk=run.pk, done_at__isnull=True).update(done_at=now, results=results):
            return
        Incident.objects.filter(pk=incident.pk).update(changed_at=now)
        if results and (first or run.asked_by_id is not None):
            payload = {"what": "checked", "runbook": run.runbook, "said": diagnostics.summary(results)}
            response.write_timeline(incident=incident, kind=TimelineKind.RUNBOOK, now=now, payload=payload)


def _signals(incident: Incident, now: datetime) -> Signals:
    if incident.service is None:
        return Table({})
    impact = incident.impact_started_at or incident.detected_at
    replayed = from_json(incident.diagnosis.get("replay") or {})
    return ServiceSignals(ServiceView(incident.service, min(impact, now), now, lambda: replayed))


def run_checks(
    *, steps: Iterable[Step], signals: Signals, now: datetime, patience: Patience = PATIENCE
) -> list[dict[str, Any]]:
    """Each diagnostic of the steps with its verdict. One that errs or takes too long says so, and the others are asked."""
    began = time.monotonic()
    found = []
    for step in steps:
        test = step.expected
        if test is None:
            continue
        left = min(patience.each, patience.together - (time.monotonic() - began))
        answer = (
            _answer(signals, test.signal, left)
            if left > 0
            else f"the checks before it took the {patience.together:g} s that all have"
        )
        if isinstance(answer, str):
            found.append(diagnostics.failed(step=step, test=test, reason=answer, now=now))
        else:
            found.append(diagnostics.judged(step=step, test=test, answer=answer, now=now))
    return found


def _answer(signals: Signals, name: str, seconds: float) -> Answer | str:
    """The answer, or why there is none. The database ends what takes too long; its own work cannot be cut short."""
    began = time.monotonic()
    slow = f"it took longer than {seconds:.2g} s"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(int(seconds * 1000), 1))])
            answer = signals.ask(name)
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
    except OperationalError as error:
        return slow if time.monotonic() - began >= seconds else f"the database says: {str(error).splitlines()[0]}"
    except Exception as error:
        log.exception("the signal %s could not be asked", name)
        return f"{type(error).__name__}: {error}"[:300]
    return slow if time.monotonic() - began > seconds else answer
