"""`cost fill`: the ledger's hours from before it began."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.progress import track

from observability.core import clock
from observability.core.models import Organisation
from sloengine.catalog.models import Service
from sloengine.cost.ledger.services import close_hours, fill_hours
from sloengine.management.cost.base import Write

HELP = "take use of the last days into the ledger, as far as it was kept"
MOST_DAYS = 400


def arguments(parser: CommandParser) -> None:
    parser.add_argument("--days", type=int, default=30, help="how far back (30)")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    now = clock.now()
    if not 1 <= options["days"] <= MOST_DAYS:
        raise CommandError(f"--days: found {options['days']}, expected 1 to {MOST_DAYS}")
    close_hours(now=now)
    services = list(Service.objects.filter(organisation=organisation).order_by("slug"))
    for service in track(services, description="Services", transient=True, disable=not sys.stdout.isatty()):
        hours = fill_hours(service=service, since=now - timedelta(days=options["days"]))
        write(f"{service.slug}: {hours:,} hours were taken into the ledger.")
