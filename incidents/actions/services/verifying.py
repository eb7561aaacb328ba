"""Look whether an action helped: read the signals that its binding names, and write down the numbers."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction

from incidents.actions import course, queries
from incidents.actions.course import State
from incidents.actions.document import Verify
from incidents.actions.models import ActionRun
from incidents.actions.services.asking import can_undo, plan_undo
from incidents.actions.services.rows import ended, locked, note, tell
from incidents.diagnosis.answers import ServiceSignals
from incidents.diagnosis.conditions import Verdict, judge, parse_test
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.timeline import TimelineKind
from observability.core import claims, permissions, questions, words
from observability.core.permissions import Verb
from sloengine.rollups import queries as rollups

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
AT_ONCE = 50


@questions.first(questions.due(ActionRun, also="state = 'verifying'"))
def verify_due(*, now: datetime) -> int:
    """Judge the runs whose look is due; how many came to an end."""
    rows = claims.claim(ActionRun.objects.filter(state=State.VERIFYING.value), now=now, lease=LEASE, limit=AT_ONCE)
    return sum(_verify(run, now) for run in rows)


def _verify(run: ActionRun, now: datetime) -> bool:
    verify = run.bound.verify
    try:
        verdicts = _judged(run, verify, now) if verify is not None else []
    except Exception:
        log.exception("%s could not be verified; it is looked at again", run)
        verdicts = []
    with transaction.atomic():
        run = locked(run)
        if run.state != State.VERIFYING or verify is None:
            return False
        done_at = run.done_at or now
        numbers = [piece.sentence for verdict in verdicts for piece in verdict.evidence]
        if verdicts and all(verdict.holds is True for verdict in verdicts):
            _verified(run, numbers, now - done_at, now)
        elif now >= done_at + timedelta(seconds=verify.within_seconds):
            _in_vain(run, verify, numbers or ["Nobody can tell: the signals could not be read"], now)
        else:
            run.due_at = min(now + course.LOOK_EVERY, done_at + timedelta(seconds=verify.within_seconds))
            run.lease_until = None
            run.save(update_fields=["due_at", "lease_until"])
            return False
    return True


def _judged(run: ActionRun, verify: Verify, now: datetime) -> list[Verdict]:
    with rollups.snapshot():
        signals = ServiceSignals(queries.view_since(service=run.service, since=now - course.WINDOW, now=now))
        return [judge(condition=parse_test(text), signals=signals) for text in verify.expect]


def _verified(run: ActionRun, numbers: list[str], after: timedelta, now: datetime) -> None:
    said = f"within {words.duration(after.total_seconds())}: {'; '.join(numbers)}"
    run.evidence = [*run.evidence, *numbers]
    ended(run, State.VERIFIED, reason=said, now=now)
    tell(run, TimelineKind.ACTION_VERIFIED, said=f"{run.title} helped, {said}", now=now, verified=True, numbers=numbers)
    note(run, Verb.RUN_ACTION, now=now, state=run.state, numbers=numbers)
    if run.incident is not None:
        _mitigate(run.incident, run, now)


def _mitigate(incident: Incident, run: ActionRun, now: datetime) -> None:
    """Whoever is on it need not press the button for what was measured; an incident that nobody answered keeps calling."""
    if incident.state == "acknowledged":
        actor = permissions.system(incident.organisation, name="actions")
        response.mitigate(incident=incident, actor=actor, now=now, reason=f"{run.title} was verified")


def _in_vain(run: ActionRun, verify: Verify, numbers: list[str], now: datetime) -> None:
    said = f"not within {words.duration(verify.within_seconds)}: {'; '.join(numbers)}"
    run.evidence = [*run.evidence, *numbers]
    ended(run, State.NOT_VERIFIED, reason=said, now=now)
    back = verify.otherwise == "undo" and can_undo(run)
    then = "; it is taken back" if back else ""
    tell(
        run, TimelineKind.ACTION_VERIFIED, said=f"{run.title} did not help, {said}{then}", now=now, verified=False,
        numbers=numbers,
    )  # fmt: skip
    note(run, Verb.RUN_ACTION, now=now, state=run.state, numbers=numbers)
    if back:
        plan_undo(run, at=now, now=now, because="it did not help")
