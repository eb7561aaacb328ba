"""`cost anomalies`: what departs from the usual, and what chance says of the last hour."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import numpy as np
from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from observability.core import clock
from observability.core.models import Organisation
from sloengine.cost.anomaly import queries, services, telling
from sloengine.cost.ledger.stretches import hour_of
from sloengine.management.cost.base import Write, show, sparkline

HELP = "tenants whose use departs from the usual"
HOURS = 48


def arguments(parser: CommandParser) -> None:
    parser.add_argument("--days", type=int, default=7, help="how far back, besides what departs now (7)")
    parser.add_argument(
        "--judge", action="store_true", help="judge the last hour of every tenant now, and open nothing"
    )
    parser.add_argument("--json", action="store_true", help="with all evidence")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    now = clock.now()
    if options["days"] < 1:
        raise CommandError(f"--days: found {options['days']}, expected 1 or more")
    if options["judge"]:
        _judge(organisation, now, write)
        return
    rows = list(queries.anomalies(organisation=organisation, since=now - timedelta(days=options["days"])))
    if options["json"]:
        plain = [
            {"id": row.pk, "state": row.state, "severity": row.severity, "since": row.since.isoformat(),
             "service": row.service.slug if row.service else None, "reason": row.reason, "evidence": row.evidence}
            for row in rows
        ]  # fmt: skip
        write(json.dumps(plain, indent=2))
        return
    if not rows:
        write("Nothing is unusual.")
        return
    _start, use = queries.use(organisation=organisation, until=hour_of(now))
    drawn = {key: sparkline(np.nan_to_num(use.priced[row, -HOURS:]).tolist()) for row, key in enumerate(use.keys)}
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("since (UTC)", "state", "severity", "what"):
        table.add_column(name, no_wrap=name != "what")
    table.add_column(f"last {HOURS} hours", no_wrap=True)
    for row in rows:
        key = row.service.slug if row.service else "", str(row.evidence.get("tenant") or "")
        table.add_row(
            f"{row.since:%Y-%m-%d %H:%M}", row.state, row.severity, escape(row.reason), drawn.get(key, ""),
            style="bold" if row.state == "firing" else "",
        )  # fmt: skip
    show(table, write)


def _judge(organisation: Organisation, now: Any, write: Write) -> None:
    with Console(stderr=True).status("Judging the last hour of every tenant"):
        found = services.judge(organisation=organisation, until=hour_of(now))
    for one in found:
        service, tenant = one.key
        write(telling.sentence(service=service, tenant=tenant, hour=one.hour, verdict=one.verdict))
        write(f"  {one.verdict.reason}; by chance {one.verdict.rate:.1g} such hours a week")
    if not found:
        write("Nobody departed in the last hour, or there are fewer than 8 days to judge by.")
