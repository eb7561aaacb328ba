"""Findings that are new, and the incidents that may take them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
from django.db import connection
from django.db.models import Count, DateTimeField, DurationField, ExpressionWrapper, F, Prefetch, Q, QuerySet, Value

from incidents.alerts.grouping import REOPEN_WITHIN, Candidate, Held, Signal, group_key
from incidents.alerts.inhibition import Rule, Topology
from incidents.alerts.matchers import Matcher
from incidents.alerts.models import Alert
from incidents.drills import queries as drills
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from incidents.response.severity import Severity
from observability.core import prepared, questions
from observability.core.models import Organisation
from sloengine.budgets.models import Finding
from sloengine.catalog.models import Deployment, Service

CURSOR = "findings"
#: A transaction may commit this long after the moment it wrote into `changed_at`.
OVERLAP = timedelta(minutes=5)
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


#: By database, where the cursor stood when this process last looked.
_position: dict[object, datetime | None] = {}


def read_from() -> datetime:
    """Where reading begins: a little before the cursor. As a value of its own, so that the planner knows how little it is."""
    found = prepared.rows("SELECT position FROM incidents_alertcursor WHERE name = %s", [CURSOR])
    position = _position[connection.settings_dict["NAME"]] = found[0][0] if found else None
    return _before(position)


def read_to(position: datetime) -> None:
    """The cursor stands here now; were that rolled back, the next look would notice."""
    _position[connection.settings_dict["NAME"]] = position


def _before(position: datetime | None) -> datetime:
    return BEGINNING if position is None else position - OVERLAP


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
    alerts: bool
    incidents: bool


#: As SQL: compiling it anew took longer than answering it.
#: `findings` is whether `next_finding()` has one; `incidents` holds wherever `unsettled()` may.
_KINDS_OF_WORK = (
    f"EXISTS ({_CHANGED}) OR EXISTS ({_FIRING}) OR EXISTS ({_OVER})",
    "EXISTS (SELECT FROM incidents_alert WHERE place_at <= %(now)s)",
    """
    EXISTS (
        SELECT FROM incidents_incident
        WHERE NOT state = 'resolved'
          AND (quiet_since + make_interval(secs => resolve_seconds) <= %(now)s OR (state = 'open' AND escalation_run = 0))
    )
    """,
)
WORK = f"SELECT {', '.join(_KINDS_OF_WORK)}"


def asked_with(*, now: datetime) -> dict[str, datetime]:
    """The values that WORK asks with."""
    return {"read_from": read_from(), "now": now}


def work(*, now: datetime) -> Work:
    """What there is to do."""
    ((findings, alerts, incidents),) = prepared.rows(WORK, asked_with(now=now))
    return Work(findings=findings, alerts=alerts, incidents=incidents)


def _as_last_seen() -> questions.Given:
    position = _position.get(connection.settings_dict["NAME"])
    return {"read_from": _before(position), "findings_read_to": position}


#: Whether there is anything to do: nearly always not. The cursor as it was last seen saves a round trip; should another process
#: have moved it, that alone is worth a look.
ANY_WORK = questions.Question(
    f"(SELECT max(position) FROM incidents_alertcursor WHERE name = '{CURSOR}') IS DISTINCT FROM %(findings_read_to)s"  # noqa: S608
    f" OR {' OR '.join(_KINDS_OF_WORK)}",
    given=_as_last_seen,
)


def candidates(
    *, organisation: Organisation, signal: Signal, now: datetime, reopen_within: timedelta = REOPEN_WITHIN
) -> list[Candidate]:
    """The incidents of the alert's cause: unresolved ones, and those resolved lately. A declared one of the service counts.

    They are locked until the transaction ends: what an alert joins is not resolved in the same instant. What was a drill opens
    again only while a drill lasts: what fires afterwards is meant.
    """
    same_cause = Q(group_key=group_key(signal))
    if signal.kind != "blind" and signal.service_id is not None and signal.group_by is None:
        same_cause |= Q(service=signal.service_id, group_key__startswith="declared:")
    # What swallowed an incident of the cause takes its alerts; the swallowed one itself never comes back.
    swallowed = Incident.objects.filter(same_cause, organisation=organisation, merged_into__isnull=False)
    same_cause = Q(same_cause, merged_into=None) | Q(pk__in=swallowed.values("merged_into"))
    lately = ~Q(state=State.RESOLVED) | Q(resolved_at__gte=now - reopen_within)
    found = Incident.objects.filter(same_cause, lately, organisation=organisation).order_by("pk")
    columns = ("pk", "resolved_at", "state", "quiet_since", "drill")
    rows = list(found.select_for_update(no_key=True).values_list(*columns))
    if any(drill and state == State.RESOLVED for _, _, state, _, drill in rows):
        service = Service.objects.filter(pk=signal.service_id or 0).first()
        if not drills.covers(organisation_id=organisation.pk, service=service, now=now):
            rows = [row for row in rows if not (row[4] and row[2] == State.RESOLVED)]
    return [
        Candidate(incident_id=pk, resolved_at=at, calm=state == State.MITIGATED and quiet_since is not None)
        for pk, at, state, quiet_since, _ in rows
    ]


def unsettled(*, now: datetime) -> QuerySet[Incident]:
    """Incidents that ask for something: quiet for long enough to resolve, or to be paged for and not yet begun."""
    quiet_for = ExpressionWrapper(F("resolve_seconds") * timedelta(seconds=1), output_field=DurationField())
    over = Q(quiet_since__lte=ExpressionWrapper(Value(now) - quiet_for, output_field=DateTimeField()))
    worth_a_page = Q(severity__lte=Severity.SEV2) | Q(diagnosis__page=True)
    unpaged = worth_a_page & Q(state=State.OPEN, escalation_run=0)
    return Incident.objects.unresolved().filter(over | unpaged).select_related("organisation", "service")


_HELD = """
SELECT urgency, bool_or(ends_at IS NULL AND told <> 'muted'),
       max(CASE WHEN told = 'muted' AND ends_at IS NULL THEN muted_since ELSE ends_at END)
FROM incidents_alert WHERE incident_id = %s GROUP BY urgency
"""


def held(*, incident: Incident) -> list[Held]:
    """The alerts of an incident as far as they hold it open: one line an urgency, however many there are."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [incident.pk])
        return [Held(urgency=urgency, ends_at=None if fires else at) for urgency, fires, at in cursor.fetchall()]


def due(*, now: datetime, limit: int) -> list[tuple[int, int]]:
    """(organisation, alert) of what is to be placed, the longest due first."""
    rows = Alert.objects.filter(place_at__lte=now).order_by("place_at", "pk")
    return list(rows.values_list("organisation_id", "pk")[:limit])


def locked(*, ids: Sequence[int], now: datetime) -> list[Alert]:
    """Those that are still due, locked, with what placing asks of them."""
    rows = Alert.objects.filter(pk__in=ids, place_at__lte=now).order_by("pk")
    rows = rows.select_for_update(no_key=True, of=("self",)).select_related("organisation", "service", "integration")
    return list(rows.prefetch_related(Prefetch("incident", Incident.objects.select_related("organisation", "service"))))


def sources(*, organisation_id: int) -> QuerySet[Alert]:
    """Alerts that fire and may quiet others."""
    return Alert.objects.filter(organisation_id=organisation_id, quiets=True, state=Alert.State.FIRING)


#: What placing has decided of many alerts, in one statement.
_PLACED = """
UPDATE incidents_alert AS alert
SET service_id = given.service_id, incident_id = given.incident_id, kind = given.kind, urgency = given.urgency,
    state = given.state, ends_at = given.ends_at, reason = given.reason, route = given.route, told = given.told,
    muted_reason = given.muted_reason, muted_since = given.muted_since, muted_by_id = given.muted_by_id,
    quiets = given.quiets, place_at = given.place_at
FROM jsonb_to_recordset(%s::jsonb) AS given(
    id bigint, service_id bigint, incident_id bigint, kind text, urgency text, state text, ends_at timestamptz,
    reason text, route text, told text, muted_reason text, muted_since timestamptz, muted_by_id bigint, quiets boolean,
    place_at timestamptz)
WHERE alert.id = given.id
"""
_PLACED_FIELDS = (
    "service_id", "incident_id", "kind", "urgency", "state", "ends_at", "reason", "route", "told", "muted_reason",
    "muted_since", "muted_by_id", "quiets", "place_at",
)  # fmt: skip


def save_placed(*, alerts: Sequence[Alert]) -> None:
    rows = [{"id": alert.pk, **{name: getattr(alert, name) for name in _PLACED_FIELDS}} for alert in alerts]
    with connection.cursor() as cursor:
        cursor.execute(_PLACED, [orjson.dumps(rows).decode()])


def requeue_muted_by(*, alerts: Sequence[int], now: datetime) -> None:
    """What these quieted is judged anew: they are over."""
    Alert.objects.filter(muted_by__in=alerts, state=Alert.State.FIRING).update(place_at=now)


def requeue_explained(
    *,
    organisation_id: int,
    explained: Iterable[tuple[Rule, Mapping[str, str]]],
    lives_since: datetime,
    now: datetime,
) -> None:
    """What is in an incident already and may be quieted by an alert of these labels is judged anew."""
    there = Alert.objects.filter(organisation=organisation_id, state=Alert.State.FIRING, told=Alert.Told.FIRING)
    there = there.filter(incident__isnull=False, quiets=False)
    for rule, labels in explained:
        rows = that_may_fit(rows=there, rules=rule.target)
        for name in rule.equal:
            rows = rows.filter(**{f"labels__{name}": labels[name]}) if name in labels and name not in _OURS else rows
        if rule.topology is Topology.REGION:
            lives = Deployment.objects.filter(region=labels.get("region", ""), seen_until__gte=lives_since)
            rows = rows.filter(Q(labels__region=labels.get("region", "")) | Q(service__in=lives.values("service")))
        rows.update(place_at=now)


def explanation(*, incident: Incident) -> int | None:
    """The open incident that explains all that holds this one open: that of the alerts that quiet it, where they agree."""
    firing = Alert.objects.filter(incident=incident, state=Alert.State.FIRING).exclude(urgency=Alert.Urgency.INFO)
    found = set(firing.values_list("told", "muted_by__incident", "muted_by__incident__state"))
    if len(found) != 1:
        return None
    told, explains, state = found.pop()
    quiet = told == Alert.Told.MUTED and state not in {None, State.RESOLVED}
    return explains if quiet and explains != incident.pk else None


def alerts(*, organisation: Organisation) -> QuerySet[Alert]:
    """All alerts, newest first."""
    found = Alert.objects.filter(organisation=organisation)
    found = found.select_related("service", "incident", "integration", "muted_by")
    return found.defer("incident__diagnosis", "integration__secret").order_by(F("starts_at").desc(), "-pk")


def narrowed(
    *, organisation: Organisation, state: str = "all", text: str = "", incident: int | None = None
) -> QuerySet[Alert]:
    """Alerts that are firing, quiet (they fire and are muted), cleared or all; with words in the title, of one incident."""
    found = alerts(organisation=organisation)
    match state:
        case "firing":
            found = found.filter(state=Alert.State.FIRING).exclude(told=Alert.Told.MUTED)
        case "quiet":
            found = found.filter(state=Alert.State.FIRING, told=Alert.Told.MUTED)
        case "cleared":
            found = found.filter(state=Alert.State.CLEARED)
    if incident is not None:
        found = found.filter(incident__number=incident)
    return found.filter(title__icontains=text) if text else found


def counts(*, organisation: Organisation) -> dict[str, int]:
    """How many fire, and how many of them are quiet."""
    fires = Q(state=Alert.State.FIRING)
    rows = Alert.objects.filter(fires, organisation=organisation)
    return rows.aggregate(firing=Count("pk"), quiet=Count("pk", filter=Q(told=Alert.Told.MUTED)))


#: Labels that matchers see and that are no labels of the sender.
_OURS = {"kind", "urgency", "fingerprint", "integration", "service", "absence"}


def requeue_waiting(*, alert: Alert, reason: str, now: datetime) -> None:
    """Others that wait for their group are asked again: it has an incident now, which they join."""
    waiting = Alert.objects.filter(organisation=alert.organisation_id, place_at__gt=now, told="", reason=reason)
    waiting.update(place_at=now)


def that_may_fit(*, rows: QuerySet[Alert], rules: Iterable[Matcher]) -> QuerySet[Alert]:
    """Narrowed by what the database can tell of the rules; placing decides exactly."""
    for rule in rules:
        if rule.operator == "=" and rule.value and rule.name not in _OURS:
            rows = rows.filter(**{f"labels__{rule.name}": rule.value})
        elif rule.operator == "=" and rule.name == "fingerprint":
            rows = rows.filter(fingerprint=rule.value)
    return rows
