"""Nodes that serve every service: their time is given to all use of the hour by its tokens."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal

from observability.core import prepared
from sloengine.catalog.models import Service
from sloengine.cost.ledger.apportioning import apportion
from sloengine.cost.ledger.meters import MS_PER_HOUR, Quantities, Slice, TokenClass
from sloengine.cost.ledger.models import LedgerCursor, LedgerDays, Placement
from sloengine.cost.ledger.services.writing import write_hour
from sloengine.cost.ledger.stretches import HOUR

_TOKENS = f"""
SELECT series.service_id, series.tenant, series.tag, sum({" + ".join(one.value for one in TokenClass)})::bigint
FROM sloengine_usagehour AS used JOIN sloengine_costseries AS series ON series.id = used.series_id
WHERE series.organisation_id = %s AND used.at >= %s AND used.at < %s
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""  # noqa: S608 - our own names
MOST_HOURS = 24


def share_nodes(organisation_id: int) -> int:
    """The hours that every service has closed, a day at most at a time; the number of hours shared out."""
    cursors = LedgerCursor.objects.filter(service__organisation=organisation_id).values_list("until", flat=True)
    newest = max(cursors, default=None)
    days = LedgerDays.objects.filter(organisation=organisation_id).first()
    if newest is None or days is None:
        return 0
    # A service that is gone for a day holds nobody up.
    until = min(one for one in cursors if one >= newest - timedelta(hours=MOST_HOURS))
    nodes = list(Placement.objects.filter(organisation=organisation_id, service=None))
    first = min([until, *(node.effective_from for node in nodes)])
    at = days.shared_until or max(first, until - timedelta(hours=MOST_HOURS))
    end = min(until, at + timedelta(hours=MOST_HOURS))
    hours = 0
    while at < end:
        kinds: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for node in nodes:
            if node.effective_from <= at and (node.effective_until is None or at < node.effective_until):
                kinds[node.hardware, node.purchase] += node.units
        for (hardware, purchase), units in kinds.items():
            _share(organisation_id, hardware, purchase, int(units * MS_PER_HOUR), at)
        at += HOUR
        hours += 1
    if days.shared_until != at:
        LedgerDays.objects.filter(pk=days.pk).update(shared_until=at)
    return hours


def _share(organisation_id: int, hardware: str, purchase: str, whole_ms: int, at: datetime) -> None:
    """An hour without any use is nobody's, and stands with the first service."""
    services = {one.pk: one for one in Service.objects.filter(organisation=organisation_id).order_by("slug")}
    used = prepared.rows(_TOKENS, [organisation_id, at, at + HOUR])
    users = [(service, tenant, tag) for service, tenant, tag, _ in used] or [(next(iter(services)), "", "")]
    parts = apportion(whole_ms, [tokens for *_, tokens in used] or [1])
    by_service: dict[int, dict[Slice, Quantities]] = defaultdict(dict)
    for (service, tenant, tag), part in zip(users, parts, strict=True):
        if part:
            one = Slice(hardware=hardware, purchase=purchase, tenant=tenant, tag=tag)
            by_service[service][one] = Quantities(shared_ms=part)
    for service, usage in by_service.items():
        write_hour(service=services[service], at=at, usage=usage)
