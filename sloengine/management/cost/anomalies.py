"""`cost anomalies`: what is unusual now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from observability.core.models import Organisation
from sloengine.budgets.models import Finding, FindingKind
from sloengine.management.cost.base import Write

HELP = "tenants whose use departs from the usual"


def arguments(_parser: CommandParser) -> None: ...


def run(organisation: Organisation, _options: dict[str, Any], write: Write) -> None:
    rows = Finding.objects.firing().filter(organisation=organisation, kind__in=[FindingKind.COST, FindingKind.SHIFT])
    for row in rows.order_by("since"):
        write(f"{row.since:%Y-%m-%d %H:%M} UTC  {row.severity:<7} {row.reason}")
    if not rows:
        write("Nothing is unusual.")
