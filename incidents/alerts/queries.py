"""Findings that are new, and the incidents that may take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import F, Q, QuerySet

from incidents.alerts.grouping import REOPEN_WITHIN, RESOLVE_AFTER, Candidate, Signal, group_key
from incidents.alerts.models import Alert
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from incidents.response.severity import Severity
from observability.core.models import Organisation
from sloengine.budgets.models import Finding

CURSOR = "findings"
#: A transaction may commit this long after the moment it wrote into `changed_at`.
OVERLAP = timedelta(minutes=5)
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def read_from() -> datetime:
    """Where reading begins: a little before the cursor. As a value of its own, so that the planner knows how little it is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT position FROM incidents_alertcursor WHERE name = %s", [CURSOR])
        row = cursor.fetchone()
    return BEGINNING if row is None else row[0] - OVERLAP


#: Findings that changed since they were last read. What was read is known by the alert that carries the finding's
#: `changed_at`, so reading a stretch twice finds nothing twice. The cursor bounds the search among what is over; what
#: fires, or fired when it was last read, is looked at whatever its instant: the writer's clock may have been behind.
_UNREAD = """
    SELECT finding.id, finding.changed_at FROM sloengine_finding AS finding
    WHERE {where}
      AND NOT EXISTS (
            SELECT FROM incidents_alert AS alert
            WHERE alert.finding_id = finding.id AND alert.finding_changed_at = finding.changed_at
          )
"""
_CHANGED = _UNREAD.format(where="finding.changed_at >= %(read_from)s")
_FIRING = _UNREAD.format(where="finding.state = 'firing'")
_OVER = """
    SELECT finding.id, finding.changed_at
    FROM incidents_alert AS alert JOIN sloengine_finding AS finding ON finding.id = alert.finding_id
    WHERE alert.state = 'firing' AND alert.finding_changed_at <> finding.changed_at
"""
_NEXT = f"""
SELECT id FROM ({_CHANGED} UNION {_FIRING} UNION {_OVER}) AS unread
WHERE NOT id = ANY(%(without)s) ORDER BY changed_at, id LIMIT 1
"""  # noqa: S608 - put together from the constants above


def next_finding(*, without: Sequence[int]) -> Finding | None:
    """The unread finding whose change is the oldest, leaving out those that have just failed."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"read_from": read_from(), "without": list(without)})
        row = cursor.fetchone()
    return None if row is None else Finding.objects.select_related("organisation", "service").get(pk=row[0])


@dataclass(frozen=True, slots=True)
class Work:
    """Whether a beat has anything to do."""

    findings: bool
    incidents: bool


#: The questions of every beat in one round trip, as SQL: compiling them anew took longer than answering them.
#: `findings` is whether `next_finding()` has one; `incidents` holds wherever `unsettled()` may.
WORK = f"""
SELECT
    EXISTS ({_CHANGED}) OR EXISTS ({_FIRING}) OR EXISTS ({_OVER}),
    EXISTS (
        SELECT FROM incidents_incident
        WHERE NOT state = 'resolved'
          AND (quiet_since <= %(quiet_before)s OR (state = 'open' AND escalation_run = 0))
    )
"""  # noqa: S608 - put together from the constants above


def questions(*, now: datetime) -> dict[str, datetime]:
    """The values that WORK asks with."""
    return {"read_from": read_from(), "quiet_before": now - RESOLVE_AFTER}


def work(*, now: datetime) -> Work:
    """What a beat asks first; nearly always the answer is nothing."""
    given = questions(now=now)
    with connection.cursor() as cursor:
        cursor.execute(WORK, given)
        findings, incidents = cursor.fetchone()
    return Work(findings=findings, incidents=incidents)


def candidates(*, organisation: Organisation, signal: Signal, now: datetime) -> list[Candidate]:
    """The incidents of the alert's cause: unresolved ones, and those resolved lately. A declared one of the service counts.

    They are locked until the transaction ends: what an alert joins is not resolved in the same instant.
    """
    same_cause = Q(group_key=group_key(signal))
    if signal.kind != "blind" and signal.service_id is not None:
        same_cause |= Q(service=signal.service_id, group_key__startswith="declared:")
    lately = ~Q(state=State.RESOLVED) | Q(resolved_at__gte=now - REOPEN_WITHIN)
    rows = Incident.objects.filter(same_cause, lately, organisation=organisation).order_by("pk")
    return [
        Candidate(incident_id=pk, resolved_at=at, calm=state == State.MITIGATED and quiet_since is not None)
        for pk, at, state, quiet_since in rows.select_for_update(no_key=True).values_list(
            "pk", "resolved_at", "state", "quiet_since"
        )
    ]


def unsettled(*, now: datetime) -> QuerySet[Incident]:
    """Incidents that ask for something: quiet for long enough to resolve, or to be paged for and not yet begun."""
    over = Q(quiet_since__lte=now - RESOLVE_AFTER)
    worth_a_page = Q(severity__lte=Severity.SEV2) | Q(diagnosis__page=True)
    unpaged = worth_a_page & Q(state=State.OPEN, escalation_run=0)
    return Incident.objects.unresolved().filter(over | unpaged).select_related("organisation", "service")


def alerts(*, organisation: Organisation) -> QuerySet[Alert]:
    """All alerts, newest first."""
    found = Alert.objects.filter(organisation=organisation).select_related("service", "incident")
    return found.defer("incident__diagnosis").order_by(F("starts_at").desc(), "-pk")
