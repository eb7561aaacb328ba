"""Findings that are new, and the incidents that may take them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet

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


def new_findings() -> QuerySet[Finding]:
    """Findings that changed since they were last read, oldest change first.

    The cursor bounds the search; what was read is known by the alert that carries the finding's `changed_at`, so
    reading a stretch twice finds nothing twice.
    """
    taken = Alert.objects.filter(finding=OuterRef("pk"), finding_changed_at=OuterRef("changed_at"))
    found = Finding.objects.filter(~Exists(taken), changed_at__gte=read_from())
    return found.select_related("organisation", "service").order_by("changed_at", "pk")


@dataclass(frozen=True, slots=True)
class Work:
    """Whether a beat has anything to do."""

    findings: bool
    incidents: bool


#: The questions of every beat in one round trip, as SQL: compiling them anew took longer than answering them.
#: `findings` is `new_findings()`; `incidents` holds wherever `unsettled()` may.
WORK = """
SELECT
    EXISTS (
        SELECT FROM sloengine_finding AS finding
        WHERE finding.changed_at >= %(read_from)s
          AND NOT EXISTS (
                SELECT FROM incidents_alert AS alert
                WHERE alert.finding_id = finding.id AND alert.finding_changed_at = finding.changed_at
              )
    ),
    EXISTS (
        SELECT FROM incidents_incident
        WHERE NOT state = 'resolved'
          AND (quiet_since <= %(quiet_before)s OR (state = 'open' AND escalation_run = 0))
    )
"""


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
    """The incidents of the alert's cause: unresolved ones, and those resolved lately. A declared one of the service counts."""
    same_cause = Q(group_key=group_key(signal))
    if signal.kind != "blind" and signal.service_id is not None:
        same_cause |= Q(service=signal.service_id, group_key__startswith="declared:")
    lately = ~Q(state=State.RESOLVED) | Q(resolved_at__gte=now - REOPEN_WITHIN)
    rows = Incident.objects.filter(same_cause, lately, organisation=organisation)
    return [Candidate(incident_id=pk, resolved_at=at) for pk, at in rows.values_list("pk", "resolved_at")]


def unsettled(*, now: datetime) -> QuerySet[Incident]:
    """Incidents that ask for something: quiet for long enough to resolve, or to be paged for and not yet begun."""
    over = Q(quiet_since__lte=now - RESOLVE_AFTER)
    worth_a_page = Q(severity__lte=Severity.SEV2) | Q(diagnosis__page=True)
    unpaged = worth_a_page & Q(state=State.OPEN, escalation_run=0) & ~Q(group_key__startswith="blind:")
    return Incident.objects.unresolved().filter(over | unpaged).select_related("organisation", "service")


def alerts(*, organisation: Organisation) -> QuerySet[Alert]:
    """All alerts, newest first."""
    found = Alert.objects.filter(organisation=organisation).select_related("service", "incident")
    return found.defer("incident__diagnosis").order_by(F("starts_at").desc(), "-pk")
