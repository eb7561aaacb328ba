"""Exclude time, call an exclusion off, adjust a budget: each with a permission, a reason and an audit entry."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from observability.core import audit, permissions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from sloengine.budgets.exclusions.calendar import BadRule, Rule, checked
from sloengine.budgets.exclusions.models import Adjustment, Exclusion
from sloengine.catalog.models import Service
from sloengine.objectives.models import Objective


@transaction.atomic
def exclude(
    *,
    organisation: Organisation,
    rule: Rule,
    reason: str,
    actor: Actor,
    now: datetime,
    service: Service | None = None,
    objective: Objective | None = None,
) -> Exclusion:
    """Take time out of an objective, of a service's, or of all. Raises BadRule, with what was expected."""
    permissions.require(actor, Verb.EXCLUDE_TIME, objective or service or organisation)
    if not reason.strip():
        raise BadRule("found no reason, expected why this time does not count")
    checked(rule)
    row = Exclusion.objects.create(
        organisation=organisation, service=None if objective is not None else service, objective=objective,
        reason=reason.strip()[:300], starts_at=rule.starts_at, duration=rule.duration, rrule=rule.rrule, zone=rule.zone,
        created_at=now, created_by=f"{actor.kind}:{actor.name}",
    )  # fmt: skip
    payload = {"reason": row.reason, "starts_at": row.starts_at.isoformat(), "seconds": row.duration.total_seconds(),
               "rrule": row.rrule, "zone": row.zone, "service": service.slug if service is not None else "",
               "objective": str(objective) if objective is not None else ""}  # fmt: skip
    audit.record(actor=actor, verb=Verb.EXCLUDE_TIME, obj=row, now=now, payload=payload)
    return row


@transaction.atomic
def call_off(*, exclusion: Exclusion, actor: Actor, now: datetime) -> Exclusion:
    """End an exclusion from now on; what it took out before stays out."""
    permissions.require(actor, Verb.EXCLUDE_TIME, exclusion)
    row = Exclusion.objects.select_for_update().get(pk=exclusion.pk)
    if row.until is None or row.until > now:
        row.until = now
        row.save(update_fields=["until"])
        audit.record(actor=actor, verb=Verb.EXCLUDE_TIME, obj=row, now=now, payload={"called_off": now.isoformat()})
    return row


@transaction.atomic
def adjust(
    *, objective: Objective, ratio: Decimal, reason: str, at: datetime, actor: Actor, now: datetime
) -> Adjustment:
    """Give back a share of a budget, or take one away: 0.25 is a quarter of it."""
    permissions.require(actor, Verb.ADJUST_BUDGET, objective)
    if not reason.strip():
        raise BadRule("found no reason, expected why the budget is adjusted")
    if not -10 <= ratio <= 10 or ratio == 0:
        raise BadRule(f"found {ratio}, expected a share of the budget such as 0.25, or -0.25 to take it away")
    if at > now:
        raise BadRule(f"found {at:%Y-%m-%d %H:%M}, expected a moment that has been")
    row = Adjustment.objects.create(
        objective=objective, at=at, ratio=ratio, reason=reason.strip()[:300], created_at=now,
        created_by=f"{actor.kind}:{actor.name}",
    )  # fmt: skip
    payload = {"ratio": str(ratio), "at": at.isoformat(), "reason": row.reason}
    audit.record(actor=actor, verb=Verb.ADJUST_BUDGET, obj=objective, now=now, payload=payload)
    return row
