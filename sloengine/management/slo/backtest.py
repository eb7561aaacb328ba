"""`slo backtest`: the alerts that objectives would have raised over the past, and what they would have spent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from observability.core import clock
from observability.core.models import Organisation
from sloengine.backtests import queries
from sloengine.backtests.counted import Past
from sloengine.backtests.whatif import Backtest, alert_lines, as_json, backtest, parse_targets, parse_windows, rows
from sloengine.collect.models import MetricSource
from sloengine.management.slo.base import Write, add_paths, documents, wide_console
from sloengine.objectives import services
from sloengine.objectives.objective import Objective
from sloengine.objectives.openslo import InvalidObjectives
from sloengine.sources.base import SourceUnavailable

HELP = "replay the past through the alerts of these files: what would have fired, what would have been spent"


def arguments(parser: CommandParser) -> None:
    add_paths(parser)
    parser.add_argument("--days", type=float, default=30.0, help="how far back alerts are looked for (30)")
    parser.add_argument(
        "--source",
        help="names of sources that can tell the past, by commas, or `recorded` for the rollups;"
        " every source where all of them are a Prometheus, else recorded",
    )
    parser.add_argument("--step", type=int, default=60, help="seconds between readings of a source's past (60)")
    parser.add_argument("--targets", default="", help="other targets to try: 0.99,99.9%%")
    parser.add_argument("--windows", default="", help="other windows to try: 7d,4w")
    parser.add_argument("--json", action="store_true")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    now = clock.now()
    start = now - timedelta(days=options["days"])
    try:
        targets, windows = parse_targets(options["targets"]), parse_windows(options["windows"])
        parsed = services.validate(organisation=organisation, documents=documents(options["paths"]))
        found, said = _pasts(organisation, parsed.objectives, start, options)
    except (InvalidObjectives, SourceUnavailable, ValueError) as error:
        raise CommandError(str(error)) from error
    tests = [backtest(past=past, start=start, targets=targets, windows=windows) for past in found]
    if options["json"]:
        write(json.dumps([as_json(test) for test in tests], indent=2))
        return
    show(wide_console(), tests)
    if said:
        write(said)


def show(console: Console, tests: Sequence[Backtest]) -> None:
    """The table of budgets, each alert in order, and what could not be told."""
    head, *body = rows(tests)
    table = Table(*head, box=None, header_style="bold", pad_edge=False)
    for row in body:
        table.add_row(*row)
    console.print(table)
    for test in tests:
        if test.outcome.alerts:
            console.print(f"\n[bold]{test.outcome.promise.key}[/]: {len(test.outcome.alerts)} alerts would have fired")
            for line in alert_lines(test.outcome):
                console.print(f"  {line}", highlight=False, markup=False)
    for notice in dict.fromkeys(
        f"{test.outcome.promise.key}: {notice}" for test in tests for notice in test.outcome.notices
    ):
        console.print(notice, style="yellow", markup=False)


def bar() -> Progress:
    """A bar on standard error, so that --json stays clean."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _pasts(
    organisation: Organisation, promises: Sequence[Objective], start: datetime, options: dict[str, Any]
) -> tuple[list[Past], str]:
    """The pasts, and the sentence that says why rollups are replayed where nobody asked for them."""
    now, name, said = clock.now(), options["source"], ""
    sources: list[MetricSource] = []
    if name is None:
        sources, said = queries.sources_of(organisation)
    elif name != "recorded":
        sources = queries.named_sources(organisation, [one.strip() for one in name.split(",")])
    if not 15 <= options["step"] <= 300:
        raise ValueError(f"found --step {options['step']}, expected 15 to 300 seconds")
    with bar() as progress:
        task = progress.add_task(f"Reading {', '.join(one.name for one in sources) or 'rollups'}", total=None)
        found = queries.pasts(
            organisation=organisation,
            promises=promises,
            sources=sources,
            start=start,
            now=now,
            step=timedelta(seconds=options["step"]),
            progress=lambda done, whole: progress.update(task, completed=done, total=whole),
        )
    return found, said
