"""A service's View: windows from rollups, Findings, changes.

Everything is asked at most once a diagnosis; rows of a window are shared by all families that lie in the same block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from incidents.diagnosis.replay import NOT_CONFIGURED, Replayed
from incidents.diagnosis.settling import SETTLED_CONFIDENCE, UNEXPLAINED
from incidents.diagnosis.surroundings.queries import CHANGES_FROM, CHANGES_UNTIL, Surroundings, surroundings
from incidents.diagnosis.view import ChangeSeen, Found, Period, Serving, When, Window
from incidents.response.models import Incident
from observability.core import questions
from sloengine.catalog.models import Deployment, Service
from sloengine.detection import queries as detection
from sloengine.detection.precedence import Precedence
from sloengine.rollups import queries as rollups
from sloengine.rollups.windows import GaugeWindow, HistogramIncrement

NOW_AT_MOST = timedelta(minutes=5)
NOW_AT_LEAST = timedelta(minutes=1)
BEFORE_LENGTH = timedelta(hours=1)
BEFORE_ENDS = timedelta(minutes=1)  # before the impact began: its first minute is rarely exact
WEEK = timedelta(days=7)
AROUND_FROM = timedelta(minutes=10)
SINCE_AT_MOST = timedelta(minutes=20)
ELSEWHERE_WITHIN = timedelta(minutes=10)

LOOK_AGAIN_AFTER = timedelta(seconds=55)
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
    around: Surroundings | None = None
    _periods: Mapping[When, Period] = field(init=False)
    _increments: dict[tuple[str, Window, tuple[str, ...]], rollups.Groups[float]] = field(default_factory=dict)
    _histograms: dict[tuple[str, Window, tuple[str, ...]], rollups.Groups[HistogramIncrement]] = field(
        default_factory=dict
    )
    _gauges: dict[tuple[str, Window, tuple[str, ...]], rollups.Groups[GaugeWindow]] = field(default_factory=dict)
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
        return self._rows().findings.get(self.service_row.pk, ())

    def changes(self) -> Sequence[ChangeSeen]:
        first = self.impact_started_at - CHANGES_FROM
        last = min(self.impact_started_at + CHANGES_UNTIL, self.now)
        return [one for one in self._rows().changes.get(self.service_row.pk, ()) if first <= one.at <= last]

    def servings(self) -> Sequence[Serving]:
        return self._rows().servings.get(self.service_row.pk, ())

    def elsewhere(self) -> Sequence[str]:
        """Services of the organisation with an open incident whose impact began at about the same time, ours left out."""
        return sorted(
            {
                slug
                for slug, began in self._rows().impacts
                if slug != self.service and abs(began - self.impact_started_at) <= ELSEWHERE_WITHIN
            }
        )

    def _rows(self) -> Surroundings:
        if self.around is None:
            self.around = surroundings(services=[self.service_row], since=self.impact_started_at, now=self.now)
        return self.around

    def replayed(self) -> Replayed:
        if self._replayed is None:
            self._replayed = self.replay()
        return self._replayed

    def leading(self) -> Precedence:
        return detection.leading(service=self.service_row, now=self.now)


def versions(*, service: Service, now: datetime) -> tuple[str | None, str | None]:
    """(the version that serves, the one before it), as the catalog has seen them; None where it has not."""
    seen: list[str] = []
    rows = Deployment.objects.filter(service=service, seen_from__lte=now).order_by("-seen_from")
    for version in rows.values_list("version", flat=True)[:50]:
        if version and version not in seen:
            seen.append(version)
    return (seen[0] if seen else None, seen[1] if len(seen) > 1 else None)


def waiting_for_replay(*, now: datetime) -> QuerySet[Incident]:
    """Unsettled incidents whose second question was answered before the replay suite had run, and those for which somebody asked."""
    young = Q(quiet_since__isnull=True, opened_at__gt=now - GIVES_UP_AFTER)
    waiting = Incident.objects.unresolved().filter(service__isnull=False, diagnosis__replay__pending=True)
    return (
        waiting.filter(young | Q(diagnosis__replay__on_demand=True))
        .select_related("organisation", "service")
        .order_by("pk")
    )


_OPEN = f"SELECT FROM {Incident._meta.db_table} WHERE state <> 'resolved' AND service_id IS NOT NULL AND quiet_since IS NULL"
#: Whether one of `unsettled` was last looked at so long ago.
LOOK_DUE = questions.Question(f"""
EXISTS (
    {_OPEN} AND opened_at > %(now)s - interval '{GIVES_UP_AFTER.total_seconds():.0f} s'
    AND (
        opened_at > %(now)s - interval '{SETTLES_IN.total_seconds():.0f} s'
        OR first_paged_at > %(now)s - interval '{SETTLES_IN.total_seconds():.0f} s' OR leaf IN ('', '{UNEXPLAINED}')
        OR confidence IS NULL OR confidence < {SETTLED_CONFIDENCE} OR diagnosis -> 'replay' ->> 'pending' = 'true'
    )
    AND coalesce(
        nullif(diagnosis ->> 'asked_at', '')::timestamptz <= %(now)s - interval '{LOOK_AGAIN_AFTER.total_seconds():.0f} s', true
    )
)
""")
#: Whether an open incident waits for a run of the replay suite.
REPLAY_WAITS = questions.Question(f"""
EXISTS (
    SELECT FROM {Incident._meta.db_table} WHERE state <> 'resolved' AND service_id IS NOT NULL
    AND diagnosis -> 'replay' ->> 'pending' = 'true' AND diagnosis -> 'replay' ->> 'ran_at' IS NULL
    AND (quiet_since IS NULL OR diagnosis -> 'replay' ->> 'on_demand' = 'true')
)
""")


def unsettled(*, now: datetime) -> QuerySet[Incident]:
    """Open incidents whose diagnosis may still ripen: young, unexplained, of low confidence, or waiting for a replay."""
    return (
        Incident.objects.unresolved()
        .filter(service__isnull=False, quiet_since__isnull=True, opened_at__gt=now - GIVES_UP_AFTER)
        .filter(
            Q(opened_at__gt=now - SETTLES_IN)
            | Q(first_paged_at__gt=now - SETTLES_IN)
            | Q(leaf__in=["", UNEXPLAINED])
            | Q(confidence__isnull=True)
            | Q(confidence__lt=SETTLED_CONFIDENCE)
            | Q(diagnosis__replay__pending=True)
        )
        .select_related("organisation", "service")
        .order_by("pk")
    )
