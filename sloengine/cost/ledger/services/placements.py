"""What hardware replicas run on, from an hour on."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q

from observability.core import audit, permissions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from sloengine.catalog.models import Service
from sloengine.cost.ledger.models import LedgerCursor, Placement
from sloengine.cost.ledger.stretches import hour_of
from sloengine.cost.models import Purchase

MOST_UNITS = Decimal(100_000)


class BadPlacement(ValueError):
    """What is said of the hardware cannot be, or is said already."""


@transaction.atomic
def place(
    *, organisation: Organisation, hardware: str, units: Decimal, actor: Actor, now: datetime, effective_from: datetime,
    service: Service | None = None, model: str = "", variant: str = "", region: str = "", replicas: str = "",
    purchase: str = "", reserved: Decimal = Decimal(0), effective_until: datetime | None = None,
) -> Placement:  # fmt: skip
    """Each replica that fits runs on `units` of `hardware`; without a service, `units` nodes serve all of them.

    Two that fit the same replicas at the same time are refused; a more particular one stands beside a general one.
    """
    permissions.require(actor, Verb.MANAGE_PRICES, service or organisation)
    start, end = hour_of(effective_from), effective_until and hour_of(effective_until)
    if not hardware.strip() or purchase not in Purchase.values:
        raise BadPlacement(
            f"found hardware {hardware!r} {purchase}, expected a kind such as H100, reserved or on_demand or nothing"
        )
    if not 0 < units <= MOST_UNITS or not 0 <= reserved <= MOST_UNITS:
        raise BadPlacement(
            f"found {units} units and {reserved} reserved, expected more than 0 and at most {MOST_UNITS}"
        )
    if end is not None and end <= start:
        raise BadPlacement(f"found an end at {end:%Y-%m-%d %H}:00, expected one after {start:%Y-%m-%d %H}:00")
    if service is None and (model or variant or region or replicas or reserved):
        raise BadPlacement("found a part of a service for nodes that serve all services, expected a service or no part")
    closed = LedgerCursor.objects.filter(service=service).values_list("until", flat=True).first()
    if closed is not None and start < closed:
        raise BadPlacement(
            f"found {start:%Y-%m-%d %H}:00, expected {closed:%Y-%m-%d %H}:00 or later: hours before it are closed"
        )
    key = {"model": model, "variant": variant, "region": region, "replicas": replicas}
    rows = Placement.objects.filter(organisation=organisation, service=service, **key)
    overlaps = rows.filter(Q(effective_until=None) | Q(effective_until__gt=start))
    if end is not None:
        overlaps = overlaps.filter(effective_from__lt=end)
    if service is None:
        overlaps = overlaps.filter(hardware=hardware, purchase=purchase)
    clash = overlaps.order_by("pk").first()
    if clash is not None:
        raise BadPlacement(
            f"found {units} {hardware} from {start:%Y-%m-%d %H}:00, expected no overlap with {clash} (number {clash.pk}) from"
            f" {clash.effective_from:%Y-%m-%d %H}:00; end that one first"
        )
    row = Placement.objects.create(
        organisation=organisation, service=service, hardware=hardware, purchase=purchase, units=units, reserved=reserved,
        effective_from=start, effective_until=end, **key,
    )  # fmt: skip
    payload = {"hardware": hardware, "units": str(units), "service": service.slug if service is not None else None}
    audit.record(actor=actor, verb="place_hardware", obj=row, now=now, payload=payload)
    return row


@transaction.atomic
def end_placement(*, placement: Placement, actor: Actor, now: datetime) -> None:
    """From this hour on; one that would have begun later never was."""
    permissions.require(actor, Verb.MANAGE_PRICES, placement)
    audit.record(actor=actor, verb="end_placement", obj=placement, now=now, payload={"placement": str(placement)})
    if placement.effective_from >= hour_of(now):
        placement.delete()
        return
    placement.effective_until = hour_of(now)
    placement.save(update_fields=["effective_until"])
