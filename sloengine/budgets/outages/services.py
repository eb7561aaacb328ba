"""Claims about services that are out and sources that cannot be read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sloengine.budgets.findings.services import Claim
from sloengine.budgets.findings.steps import Condition
from sloengine.budgets.models import FindingKind, FindingSeverity
from sloengine.budgets.outages import outage
from sloengine.budgets.outages.outage import ServiceTotals
from sloengine.budgets.windows import table
from sloengine.catalog.models import Service
from sloengine.collect.models import MetricSource
from sloengine.objectives.objective import MEASURES, Indicator, Measure, Reading
from sloengine.objectives.queries import DENOMINATOR, NUMERATOR, SEEN, Readings
from sloengine.objectives.selection import Want
from sloengine.rollups import queries as rollups

UP = Measure(Reading.GAUGE, "target_up", noun="replicas")
#: A source that could not be read for so long is blind; one slow answer, or a restart, is not.
BLIND_AFTER = timedelta(minutes=2)
BLIND_CLEARS_AFTER = timedelta(seconds=60)


def wants(services: Sequence[Service]) -> list[Want]:
    """Requests and replicas up of each service, in this order."""
    return [
        want
        for service in services
        for want in (Want(service.pk, MEASURES[Indicator.AVAILABILITY]), Want(service.pk, UP))
    ]


def totals(services: Sequence[Service], readings: Readings) -> dict[int, ServiceTotals]:
    """What `wants` read at the last edge, by service."""
    values = readings.values[-1]
    return {
        service.pk: ServiceTotals(
            at=readings.edges[-1].timestamp(),
            ok=float(values[2 * i, NUMERATOR]),
            counted=float(values[2 * i, DENOMINATOR]),
            up=float(values[2 * i + 1, NUMERATOR]),
            replicas=float(values[2 * i + 1, DENOMINATOR]),
            request_readings=float(values[2 * i, SEEN]),
            target_readings=float(values[2 * i + 1, SEEN]),
        )
        for i, service in enumerate(services)
    }


def outage_claims(
    *, services: Sequence[Service], histories: Mapping[int, Sequence[ServiceTotals]], unread: Collection[int]
) -> list[Claim]:
    """Two claims a service: it is out altogether, or a replica is out and users feel it.

    Of the services in `unread` a source fails: that their metrics are missing says nothing then. What is read of them
    still counts, and so does everything of the others.
    """
    return [
        claim
        for service in services
        for claim in _of_service(service, histories.get(service.pk, ()), service.pk in unread)
    ]


def _of_service(service: Service, history: Sequence[ServiceTotals], unread: bool) -> list[Claim]:
    whole = outage.total_outage(history)
    part, failed, counted, since = outage.replica_outage(history)
    if unread:
        part = Condition.UNKNOWN
        if whole.reason is outage.OutageReason.VANISHED:
            whole = outage.Outage(Condition.UNKNOWN, outage.OutageReason.UNKNOWN, None)
    if whole.condition is Condition.TRUE:
        part = Condition.UNKNOWN
    down, known = outage.replicas_down(history)

    def evidence(scope: str, impact: float | None, bad: float, total: float) -> dict[str, Any]:
        start = datetime.fromtimestamp(impact if impact is not None else history[-1].at, UTC)
        end = datetime.fromtimestamp(history[-1].at, UTC)
        return {
            "scope": scope,
            "summary": f"{service.slug} is out"
            if scope == "service"
            else f"{service.slug} has lost {down} of {known} replicas",
            "indicator": str(Indicator.AVAILABILITY),
            "tier": "page",
            "bad": bad,
            "total": total,
            "replicas_down": down,
            "replicas_known": known,
            "replicas": _down_names(service, start, end) if down else [],
            "impact_start": start.isoformat(),
        }

    first = history[max(0, len(history) - 3)] if history else None
    all_counted = history[-1].counted - first.counted if first is not None else 0.0
    return [
        Claim(
            fingerprint=f"outage/{service.slug}/service",
            kind=FindingKind.OUTAGE,
            severity=FindingSeverity.PAGE,
            service_id=service.pk,
            condition=whole.condition,
            reason=f"{service.slug} is out: {whole.reason}.",
            evidence=lambda: (
                evidence("service", whole.since, all_counted, all_counted) | {"signal": whole.reason.name.lower()}
            ),
            clear_after=table().clear_after,
        ),
        Claim(
            fingerprint=f"outage/{service.slug}/replica",
            kind=FindingKind.OUTAGE,
            severity=FindingSeverity.PAGE,
            service_id=service.pk,
            condition=part,
            reason=f"{down} of {known} replicas of {service.slug} down; {failed:.0f} of {counted:.0f} requests failed in 2 min.",
            evidence=lambda: evidence("replica", since, failed, counted) | {"signal": "replica_down"},
            clear_after=table().clear_after,
        ),
    ]


def _down_names(service: Service, start: datetime, end: datetime) -> list[str]:
    up = rollups.gauge(
        service=service, family="target_up", start=min(start, end - timedelta(seconds=60)), end=end, by=("replica",)
    )
    return sorted(replica for (replica,), window in up.items() if window.mean is not None and window.mean < 1)


def is_blind(source: MetricSource, *, now: datetime) -> bool:
    return source.failing_since is not None and now - source.failing_since >= BLIND_AFTER


def blind_claims(*, sources: Sequence[MetricSource], now: datetime) -> list[Claim]:
    """One claim a source. While it cannot be read its services cannot vanish: that would be guessing."""
    return [_blind(source, now) for source in sources]


def _blind(source: MetricSource, now: datetime) -> Claim:
    def evidence() -> dict[str, Any]:
        since = source.failing_since or now
        last = source.last_tick.isoformat() if source.last_tick else None
        known = {"source": source.name, "kind": source.kind, "error": source.last_error, "last_tick": last}
        return known | {"impact_start": since.isoformat()}

    error = f": {source.last_error}" if source.last_error else ""
    return Claim(
        fingerprint=f"blind/{source.name}",
        kind=FindingKind.BLIND,
        severity=FindingSeverity.PAGE,
        service_id=None,
        condition=Condition.TRUE
        if is_blind(source, now=now)
        else Condition.FALSE
        if source.failing_since is None
        else Condition.UNKNOWN,
        reason=f"{source.name} cannot be read{error}.",
        evidence=evidence,
        clear_after=BLIND_CLEARS_AFTER,
    )
