"""A service's View: windows from rollups, Findings, changes.

Everything is asked at most once a diagnosis; rows of a window are shared by all families that lie in the same block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from incidents.alerts.models import Alert
from incidents.diagnosis.precision import precision
from incidents.diagnosis.replay import NOT_CONFIGURED, Replayed
from incidents.diagnosis.settling import SETTLED_CONFIDENCE, UNEXPLAINED
from incidents.diagnosis.view import ChangeSeen, Found, Period, Serving, When, Window
from incidents.response.models import Incident
from observability.core import questions
from sloengine.budgets.models import Finding, FindingKind, FindingState
from sloengine.catalog.models import Change, Deployment, Service
from sloengine.rollups import queries as rollups
from sloengine.rollups.windows import GaugeWindow, HistogramIncrement

NOW_AT_MOST = timedelta(minutes=5)
NOW_AT_LEAST = timedelta(minutes=1)
BEFORE_LENGTH = timedelta(hours=1)
BEFORE_ENDS = timedelta(minutes=1)  # before the impact began: its first minute is rarely exact
WEEK = timedelta(days=7)
AROUND_FROM = timedelta(minutes=10)
SINCE_AT_MOST = timedelta(minutes=20)
SERVED_WITHIN = timedelta(days=14)  # how far back a version is looked for
ELSEWHERE_WITHIN = timedelta(minutes=10)
CHANGES_FROM = timedelta(hours=2)
CHANGES_UNTIL = timedelta(minutes=10)
MOST_FROM_OUTSIDE = 50
LINGERS = timedelta(minutes=5)  # a Finding that cleared this recently is still what the incident is about

SETTLES_IN = timedelta(minutes=5)
GIVES_UP_AFTER = timedelta(hours=1)


def periods(*, impact_started_at: datetime, now: datetime) -> Mapping[When, Period]:
    """NOW: the last five minutes of the impact, at least one. BEFORE: the hour that ended a minute before it began.

    Impact at 12:00:00, asked at 12:02:30: NOW is 12:00:00 to 12:02:30, BEFORE 10:59 to 11:59.
    """
    start = min(max(now - NOW_AT_MOST, impact_started_at), now - NOW_AT_LEAST)
    before = impact_started_at - BEFORE_ENDS
    hour = (now - WEEK).replace(minute=0, second=0, microsecond=0)  # old history has a row an hour
    return {
        When.NOW: Period(start, now),
        When.BEFORE: Period(before - BEFORE_LENGTH, before),
        When.LATEST: Period(now - NOW_AT_LEAST, now),
        When.WEEK: Period(hour, hour + timedelta(hours=1)),
        When.AROUND: Period(impact_started_at - AROUND_FROM, now),
        When.SINCE: Period(min(max(now - SINCE_AT_MOST, impact_started_at), now - NOW_AT_LEAST), now),
    }


@dataclass(slots=True)
class ServiceView:
    """One service around one impact; lazy. `where` fixes labels: one replica, region, version or slice of it."""

    service_row: Service
    impact_started_at: datetime
    now: datetime
    replay: Callable[[], Replayed] = field(default=lambda: Replayed(reason=NOT_CONFIGURED))
    where: Mapping[str, str] = field(default_factory=dict)
    _periods: Mapping[When, Period] = field(init=False)
    _increments: dict[tuple[str, Window, tuple[str, ...]], rollups.Groups[float]] = field(default_factory=dict)
    _histograms: dict[tuple[str, Window, tuple[str, ...]], rollups.Groups[HistogramIncrement]] = field(
        default_factory=dict
    )
    _gauges: dict[tuple[str, Window, tuple[str, ...]], rollups.Groups[GaugeWindow]] = field(default_factory=dict)
    _findings: list[Found] | None = None
    _changes: list[ChangeSeen] | None = None
    _servings: list[Serving] | None = None
    _replayed: Replayed | None = None

    def __post_init__(self) -> None:
        self._periods = periods(impact_started_at=self.impact_started_at, now=self.now)

    @property
    def service(self) -> str:
        return self.service_row.slug

    def period(self, when: When) -> Period:
        return self._periods[when]

    def _span(self, when: Window) -> Period:
        return self._periods[when] if isinstance(when, When) else when

    def covered_seconds(self, family: str, when: Window) -> float | None:
        edges = self._counted(family, when, ()).edges
        return edges.seconds if edges is not None and edges.seconds > 0 else None

    def increments(self, family: str, when: Window, by: tuple[str, ...] = ()) -> Mapping[tuple[str, ...], float]:
        return self._counted(family, when, by)

    def _counted(self, family: str, when: Window, by: tuple[str, ...]) -> rollups.Groups[float]:
        key = (family, when, by)
        if key not in self._increments:
            period = self._span(when)
            self._increments[key] = rollups.increments(
                service=self.service_row, family=family, start=period.start, end=period.end, by=by, where=self.where
            )
        return self._increments[key]

    def histogram(
        self, family: str, when: Window, by: tuple[str, ...] = ()
    ) -> Mapping[tuple[str, ...], HistogramIncrement]:
        key = (family, when, by)
        if key not in self._histograms:
            period = self._span(when)
            self._histograms[key] = rollups.histogram(
                service=self.service_row, family=family, start=period.start, end=period.end, by=by, where=self.where
            )
        return self._histograms[key]

    def gauge(self, family: str, when: Window, by: tuple[str, ...] = ()) -> Mapping[tuple[str, ...], GaugeWindow]:
        key = (family, when, by)
        if key not in self._gauges:
            period = self._span(when)
            self._gauges[key] = rollups.gauge(
                service=self.service_row, family=family, start=period.start, end=period.end, by=by, where=self.where
            )
        return self._gauges[key]

    def findings(self) -> Sequence[Found]:
        if self._findings is None:
            rows = Finding.objects.filter(
                Q(state=FindingState.FIRING) | Q(cleared_at__gte=self.now - LINGERS),
                organisation_id=self.service_row.organisation_id,
                service=self.service_row,
                since__lte=self.now,
            )
            found = [Found(row.kind, row.severity, row.reason, row.evidence) for row in rows.order_by("since")]
            self._findings = found + self._told_by_others()
        return self._findings

    def _told_by_others(self) -> list[Found]:
        """Alerts from outside whose kind a route names: they answer the tree's questions as our own Findings do."""
        rows = Alert.objects.filter(
            Q(state=Alert.State.FIRING) | Q(ends_at__gte=self.now - LINGERS),
            service=self.service_row,
            integration__isnull=False,
            kind__in=FindingKind.values,
            starts_at__lte=self.now,
        ).exclude(told=Alert.Told.MUTED)
        return [
            Found(row.kind, row.urgency, row.title, {**row.annotations, **row.labels})
            for row in rows.order_by("starts_at")[:MOST_FROM_OUTSIDE]
        ]

    def changes(self) -> Sequence[ChangeSeen]:
        if self._changes is None:
            rows = Change.objects.filter(
                service=self.service_row,
                at__gte=self.impact_started_at - CHANGES_FROM,
                at__lte=min(self.impact_started_at + CHANGES_UNTIL, self.now),
            )
            self._changes = [_seen(row) for row in rows.order_by("-at")]
        return self._changes

    def servings(self) -> Sequence[Serving]:
        if self._servings is None:
            rows = Deployment.objects.filter(
                service=self.service_row, seen_from__lte=self.now, seen_until__gte=self.now - SERVED_WITHIN
            )
            fields = ("region", "version", "config_hash", "seen_from", "seen_until")
            self._servings = [Serving(*row) for row in rows.order_by("-seen_from").values_list(*fields)[:200]]
        return self._servings

    def elsewhere(self) -> Sequence[str]:
        """Services of the organisation with an open incident whose impact began at about the same time, ours left out."""
        began = self.impact_started_at
        rows = Incident.objects.unresolved().filter(
            organisation_id=self.service_row.organisation_id,
            service__isnull=False,
            impact_started_at__gte=began - ELSEWHERE_WITHIN,
            impact_started_at__lte=began + ELSEWHERE_WITHIN,
        )
        names = rows.exclude(service=self.service_row).order_by("service__slug").values_list("service__slug", flat=True)
        return list(names.distinct()[:MOST_FROM_OUTSIDE])

    def replayed(self) -> Replayed:
        if self._replayed is None:
            self._replayed = self.replay()
        return self._replayed


def _seen(row: Change) -> ChangeSeen:
    """What differs between the two sides: {version: v1} and {version: v2} is "v1" to "v2"."""
    before = row.before if isinstance(row.before, dict) else {}
    after = row.after if isinstance(row.after, dict) else {}
    moved = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    told = "version" if "version" in moved else moved[0] if moved else "version"
    sides = [[str(side.get(key, "")) for key in moved] for side in (before, after)]
    precise = precision(" ".join(sides[0])) != precision(" ".join(sides[1]))
    return ChangeSeen(row.kind, row.at, str(before.get(told, "?")), str(after.get(told, "?")), precise)


def versions(*, service: Service, now: datetime) -> tuple[str | None, str | None]:
    """(the version that serves, the one before it), as the catalog has seen them; None where it has not."""
    seen: list[str] = []
    rows = Deployment.objects.filter(service=service, seen_from__lte=now).order_by("-seen_from")
    for version in rows.values_list("version", flat=True)[:50]:
        if version and version not in seen:
            seen.append(version)
    return (seen[0] if seen else None, seen[1] if len(seen) > 1 else None)


def waiting_for_replay(*, now: datetime) -> QuerySet[Incident]:
    """Unsettled incidents whose second question was answered before the replay suite had run, oldest first."""
    return unsettled(now=now).filter(diagnosis__replay__pending=True)


_OPEN = f"SELECT FROM {Incident._meta.db_table} WHERE state <> 'resolved' AND service_id IS NOT NULL AND quiet_since IS NULL"
_LOOK_DUE = f"""
SELECT EXISTS ({_OPEN} AND coalesce(nullif(diagnosis ->> 'asked_at', '')::timestamptz <= %(before)s, true))
"""
_REPLAY_WAITS = f"""
SELECT EXISTS ({_OPEN} AND diagnosis -> 'replay' ->> 'pending' = 'true' AND diagnosis -> 'replay' ->> 'ran_at' IS NULL)
"""


def look_due(*, before: datetime) -> bool:
    """Whether an open incident was last looked at then or earlier."""
    return questions.holds(_LOOK_DUE, before=before)


def replay_waits() -> bool:
    """Whether an open incident waits for a run of the replay suite."""
    return questions.holds(_REPLAY_WAITS)


def unsettled(*, now: datetime) -> QuerySet[Incident]:
    """Open incidents whose diagnosis may still ripen: young, unexplained, of low confidence, or waiting for a replay."""
    return (
        Incident.objects.unresolved()
        .filter(service__isnull=False, quiet_since__isnull=True, opened_at__gt=now - GIVES_UP_AFTER)
        .filter(
            Q(opened_at__gt=now - SETTLES_IN)
            | Q(leaf__in=["", UNEXPLAINED])
            | Q(confidence__isnull=True)
            | Q(confidence__lt=SETTLED_CONFIDENCE)
            | Q(diagnosis__replay__pending=True)
        )
        .select_related("organisation", "service")
        .order_by("pk")
    )
