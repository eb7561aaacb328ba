"""evaluate_due: tallies, verdicts and findings of every organisation that has a new tick, each in one transaction."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson
from django.db import transaction

from observability.core import prepared, questions
from sloengine.budgets.burns import services as burn_services
from sloengine.budgets.findings.services import Claim, settle, standing_and_paged
from sloengine.budgets.findings.steps import Condition
from sloengine.budgets.models import EvaluationCursor, Finding, FindingKind
from sloengine.budgets.outages import services as outage_services
from sloengine.budgets.outages.outage import ServiceTotals, shows_anything
from sloengine.budgets.slices import FINE_SECONDS, boundary
from sloengine.budgets.tallies import services as tallies
from sloengine.collect.models import MetricSource
from sloengine.detection import services as detection
from sloengine.objectives.queries import SlotMap, enabled_objectives, slot_map

log = logging.getLogger(__name__)

KINDS = (FindingKind.BURN, FindingKind.OUTAGE, FindingKind.BLIND, FindingKind.ABSENT, FindingKind.MOVED)
#: Ticks of service totals kept for outages: four minutes at 30 s.
RECENT = 9


#: An organisation that was never evaluated, one with a tick after the last that was, or with a source that cannot be read.
_NEW = f"""
    FROM sloengine_metricsource AS source
    LEFT JOIN sloengine_evaluationcursor AS cursor USING (organisation_id)
    WHERE source.enabled AND (
        source.failing_since IS NOT NULL OR cursor.id IS NULL
        OR source.last_tick >= coalesce(cursor.tick, '-infinity') + interval '{FINE_SECONDS} s'
    )
"""
_ANY_NEW = questions.Question(f"EXISTS (SELECT {_NEW})")
_THEIR_SOURCES = f"WHERE enabled AND organisation_id IN (SELECT organisation_id {_NEW}) ORDER BY id"


@questions.first(_ANY_NEW)
def evaluate_due(*, now: datetime) -> int:
    """Evaluate what has a new tick since last time, or a source that cannot be read; the number of organisations evaluated.

    Safe to call at any rate from any number of workers: a repeated call finds nothing new and changes nothing.
    """
    by_organisation: dict[int, list[MetricSource]] = defaultdict(list)
    for source in prepared.objects(MetricSource, _THEIR_SOURCES):
        by_organisation[source.organisation_id].append(source)
    return sum(
        _guarded(organisation_id=organisation, sources=sources, now=now)
        for organisation, sources in by_organisation.items()
    )


def _guarded(*, organisation_id: int, sources: Sequence[MetricSource], now: datetime) -> int:
    """What breaks in one organisation is logged and tried again; the others are evaluated all the same."""
    try:
        return _evaluate(organisation_id=organisation_id, sources=sources, now=now)
    except Exception:
        log.exception("organisation %s could not be evaluated", organisation_id)
        tallies.forget()  # what was read may have been rolled back
        return 0


def _newest(sources: Sequence[MetricSource]) -> datetime | None:
    """The last tick that any source has, on the grid of tallies."""
    ticks = [source.last_tick for source in sources if source.last_tick is not None]
    return boundary(max(ticks), slice_seconds=FINE_SECONDS) if ticks else None


def _is_new(tick: datetime | None, evaluated: datetime | None) -> bool:
    return tick is not None and (evaluated is None or tick > evaluated)


_MOVE_ON = "UPDATE sloengine_evaluationcursor SET tick = %s, recent = %s::jsonb, watched = %s WHERE id = %s"


@transaction.atomic
def _evaluate(*, organisation_id: int, sources: Sequence[MetricSource], now: datetime) -> int:
    """Evaluate one organisation under its cursor's lock; 0 where another worker holds it."""
    cursor = _locked(organisation_id)
    if cursor is None:
        EvaluationCursor.objects.bulk_create([EvaluationCursor(organisation_id=organisation_id)], ignore_conflicts=True)
        cursor = _locked(organisation_id)
    if cursor is None:
        return 0
    since = now - burn_services.PAGED_WITHIN
    open_findings, cleared = standing_and_paged(organisation_id=organisation_id, kinds=KINDS, since=since)
    claims = outage_services.blind_claims(sources=sources, now=now)
    tick = _newest(sources)
    if tick is not None and _is_new(tick, cursor.tick):
        objectives = enabled_objectives(organisation_id=organisation_id)
        slots = slot_map(organisation_id=organisation_id, sources=sources)
        services = slots.services
        advanced = tallies.advance(
            organisation_id=organisation_id,
            objectives=objectives,
            slots=slots,
            until=cursor.tick,
            tick=tick,
            extra=outage_services.wants(services),
        )
        histories = _histories(cursor, outage_services.totals(services, advanced.extra))
        moved = _moved(cursor, slots, tick, open_findings)
        # Before evidence is gathered: sums are looked for up to the tick that the row says.
        cursor.tick = tick
        prepared.rows(_MOVE_ON, [tick, orjson.dumps(cursor.recent).decode(), cursor.watched, cursor.pk])
        unread = slots.services_of({source.pk for source in sources if source.failing_since is not None})
        claims += outage_services.outage_claims(services=services, histories=histories, unread=unread)
        present = {one.pk: None if one.pk in unread else shows_anything(histories.get(one.pk, ())) for one in services}
        claims += burn_services.claims(
            objectives=objectives,
            counted=advanced,
            tick=tick,
            open_findings=open_findings,
            cleared=cleared,
            present=present,
        )
        claims += moved
        settle(organisation_id=organisation_id, claims=claims, open_findings=open_findings, now=now)
    else:
        known = {claim.fingerprint for claim in claims}
        settle(
            organisation_id=organisation_id,
            claims=claims,
            open_findings={fingerprint: row for fingerprint, row in open_findings.items() if fingerprint in known},
            now=now,
        )
    return 1


def _locked(organisation_id: int) -> EvaluationCursor | None:
    """None where another worker holds it, or before the first evaluation."""
    held = "WHERE organisation_id = %s FOR UPDATE SKIP LOCKED"
    return next(iter(prepared.objects(EvaluationCursor, held, [organisation_id])), None)


def _moved(
    cursor: EvaluationCursor, slots: SlotMap, tick: datetime, open_findings: Mapping[str, Finding]
) -> list[Claim]:
    """What detection claims; where it breaks, budgets are judged and paged for all the same, and its findings stand as they are."""
    try:
        found = detection.watched(
            organisation_id=cursor.organisation_id,
            slots=slots,
            kept=bytes(cursor.watched),
            since=cursor.tick,
            tick=tick,
        )
    except (ArithmeticError, LookupError, TypeError, ValueError):
        log.exception("the signals of organisation %s could not be watched", cursor.organisation_id)
        return [
            Claim(row.fingerprint, row.kind, row.severity, row.service_id, Condition.UNKNOWN)
            for row in open_findings.values()
            if row.kind == FindingKind.MOVED
        ]
    cursor.watched = found.kept
    return found.claims


def _histories(cursor: EvaluationCursor, totals: Mapping[int, ServiceTotals]) -> dict[int, list[ServiceTotals]]:
    """The last ticks of each service, this one included; kept on the cursor for the next."""
    histories: dict[int, list[ServiceTotals]] = defaultdict(list)
    for row in cursor.recent:
        for service, data in row.items():
            histories[int(service)].append(ServiceTotals.load(data))
    for service, total in totals.items():
        histories[service].append(total)
    cursor.recent = [*cursor.recent, {str(service): total.dump() for service, total in totals.items()}][-RECENT:]
    return histories
