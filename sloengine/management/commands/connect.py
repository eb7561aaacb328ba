"""`manage.py connect [URL]`: where the platform reads from; of an existing Prometheus also what is there, what to promise, and what
these promises would have said over the last 30 days."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from observability.core import clock, permissions
from observability.core.fields import encrypt
from observability.core.models import Organisation
from sloengine.backtests import queries
from sloengine.backtests.counted import Past
from sloengine.backtests.whatif import Backtest, as_json, backtest
from sloengine.collect import services
from sloengine.collect.models import MetricSource
from sloengine.collect.overview import Overview
from sloengine.collect.services.connect import PROMETHEUS, SETTINGS
from sloengine.collect.services.survey import Survey, detect, lag_of, survey
from sloengine.collect.services.ticks import floor
from sloengine.management.slo.backtest import bar, show
from sloengine.management.slo.base import organisation_named
from sloengine.objectives import openslo, rendering
from sloengine.objectives import services as objectives
from sloengine.objectives.objective import goal_sentence
from sloengine.objectives.openslo import InvalidObjectives
from sloengine.objectives.proposals import Proposals, proposals
from sloengine.objectives.texts import Document
from sloengine.sources.base import Reading, SourceUnavailable, without_credentials
from sloengine.sources.engines import Naming
from sloengine.sources.flavours import Flavour

FILES = ("bearer_file", "ca_file", "certificate_file", "key_file")
NAMED = ("service", "replica", "version", "region")


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be connected and promised."""

    source: MetricSource
    survey: Survey
    proposals: Proposals
    tests: tuple[Backtest, ...]


class Command(BaseCommand):
    help = "Connect an existing Prometheus by its URL; without one, what PROMETHEUS_URL or TAILWATCH_PROBE_URLS name."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", nargs="?", help="http(s)://prometheus:9090; Thanos, Mimir and VictoriaMetrics too")
        parser.add_argument("--organisation", help="slug; the default organisation where left out")
        parser.add_argument("--name", default=PROMETHEUS, help="of the source, where there are several (prometheus)")
        parser.add_argument("--yes", action="store_true", help="connect and apply without asking")
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--days", type=float, default=30.0, help="of the back-test (30); 0 for none")
        parser.add_argument("--step", type=int, default=60, help="seconds between readings of the back-test (60)")
        parser.add_argument(
            "--flavour", choices=[one.value for one in Flavour], help="which server it is, where it is not found out"
        )
        parser.add_argument("--matchers", default="", help='narrows all that is read: cluster="eu",namespace=~"llm.*"')
        parser.add_argument(
            "--sums", action="store_true", help="for very large fleets: the server sums counters over its targets"
        )
        parser.add_argument("--lag", type=int, help="seconds that samples arrive late")
        parser.add_argument("--tick", type=int, default=30, help="seconds between readings, 15 to 60 (30)")
        parser.add_argument("--username", default="", help="for basic authentication")
        parser.add_argument("--password-file", default="", help="its password; kept encrypted")
        parser.add_argument("--org-id", default="", help="X-Scope-OrgID")
        for name in FILES:
            parser.add_argument(f"--{name.replace('_', '-')}", default="", help="a path; the file stays where it is")
        for name in NAMED:
            parser.add_argument(
                f"--{name}-label", default="", help=f"which label names the {name}; several, by commas, in order"
            )

    def handle(self, *, url: str | None, **options: Any) -> None:
        organisation, now = organisation_named(options["organisation"]), clock.now()
        if url is None:
            self._configured(organisation, now)
            return
        if not url.startswith(("http://", "https://")):
            raise CommandError(f"{url!r} is no address that starts with http:// or https://.")
        console = Console(stderr=options["json"])
        source = _source(organisation, url, options)
        try:
            plan = _planned(source, options, now=now, console=console)
        except SourceUnavailable as problem:
            raise CommandError(f"Nothing was connected: {problem.reason}.") from problem
        except InvalidObjectives as problem:
            raise CommandError(str(problem)) from problem
        _show(console, plan)
        agreed = options["yes"] or (not options["json"] and _asked(plan))
        if agreed:
            _apply(organisation, plan, now=now)
        if options["json"]:
            self.stdout.write(json.dumps(_json(plan, applied=agreed), indent=2))
        elif agreed:
            console.print(
                f"Connected, and {len(plan.proposals.promises)} objectives applied. The workers of `manage.py up` read on from here."
            )
        else:
            console.print("Nothing was changed.")

    def _configured(self, organisation: Organisation, now: datetime) -> None:
        sources = services.connect_configured(
            organisation=organisation,
            probe_urls=settings.TAILWATCH_PROBE_URLS,
            prometheus_url=settings.PROMETHEUS_URL,
            now=now,
        )
        if not sources:
            raise CommandError(
                "Nothing to connect: give a Prometheus's URL, or set PROMETHEUS_URL or TAILWATCH_PROBE_URLS."
            )
        console = Console()
        for source in sources:
            console.print(f"{source.name}: {', '.join(without_credentials(line) for line in source.url.splitlines())}")
            try:
                seen = survey(source=source, now=now, naming=Naming())
            except SourceUnavailable as problem:
                console.print(f"[yellow]connected, but nothing can be read yet:[/] {problem.reason}")
                continue
            _show_overview(console, seen.overview)
            if seen.engines and seen.overview.services:
                console.print("These are engines' own series: `manage.py connect URL` reads them without a probe.")


def _source(organisation: Organisation, url: str, options: dict[str, Any]) -> MetricSource:
    """The row as it would be saved. What is already there keeps its ticks."""
    found = MetricSource.objects.filter(organisation=organisation, name=options["name"]).first()
    source = found or MetricSource(organisation=organisation, name=options["name"])
    source.kind, source.url, source.naming = MetricSource.Kind.PROMETHEUS, url, None
    source.matchers, source.org_id, source.username = options["matchers"], options["org_id"], options["username"]
    source.summed = options["sums"]
    if not 15 <= options["tick"] <= 60:
        raise CommandError(f"found --tick {options['tick']}, expected 15 to 60 seconds")
    source.tick_seconds, source.password = options["tick"], ""
    if options["password_file"]:
        try:
            source.password = encrypt(Path(options["password_file"]).read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError) as problem:
            raise CommandError(f"--password-file: {problem}") from problem
    for name in FILES:
        if options[name] and not Path(options[name]).is_file():
            raise CommandError(f"--{name.replace('_', '-')}: there is no file {options[name]!r}")
        setattr(source, name, options[name])
    return source


def _planned(source: MetricSource, options: dict[str, Any], *, now: datetime, console: Console) -> Plan:
    source.flavour = options["flavour"] or Flavour.PROMETHEUS.value
    if not options["flavour"]:
        source.flavour = detect(source).value
    labels = {name: tuple(filter(None, options[f"{name}_label"].split(","))) for name in NAMED}
    naming = Naming(**{name: given for name, given in labels.items() if given})
    with console.status("Looking at what is there"):
        seen = survey(source=source, now=floor(now, options["tick"]), naming=naming)
    source.lag_seconds = options["lag"]
    if source.lag_seconds is None:
        source.lag_seconds = lag_of(Flavour(source.flavour), newest_seconds=seen.newest_seconds)
    chosen = proposals(
        openslo.parse(
            documents=objectives.library(),
            known=openslo.Known(
                services=tuple(one.service for one in seen.overview.services), tick_seconds=options["tick"]
            ),
        ).objectives,
        families=seen.overview.families(),
    )
    return Plan(source, seen, chosen, _tests(source, chosen, options, now=now))


def _tests(source: MetricSource, chosen: Proposals, options: dict[str, Any], *, now: datetime) -> tuple[Backtest, ...]:
    if not chosen.promises or options["days"] <= 0:
        return ()
    start = now - timedelta(days=options["days"])
    with bar() as progress:
        task = progress.add_task(f"Back-testing {options['days']:g} days", total=None)
        tracks = queries.asked(
            sources=[source],
            promises=chosen.promises,
            start=start,
            end=now - timedelta(seconds=source.lag_seconds),
            step=timedelta(seconds=options["step"]),
            progress=lambda done, whole: progress.update(task, completed=done, total=whole),
        )
    return tuple(backtest(past=Past(promise, tracks[promise.key]), start=start) for promise in chosen.promises)


def _apply(organisation: Organisation, plan: Plan, *, now: datetime) -> None:
    """Save the source, count a first reading so that its services are known, and promise what was proposed."""
    actor = permissions.system(organisation, "connect")
    row, wanted = plan.source, {field: getattr(plan.source, field) for field in SETTINGS}
    saved, _ = services.connect(
        organisation=organisation, name=row.name, kind=row.kind, url=row.url, actor=actor, now=now, **wanted
    )
    first = floor(now - timedelta(seconds=saved.lag_seconds), saved.tick_seconds)
    if saved.last_tick is None:
        services.collect_due(now=now)
        saved.refresh_from_db()
    if saved.last_tick is None:  # it broke off meanwhile; what was seen a moment ago names the services all the same
        services.collect_reading(source=saved, reading=Reading(first, plan.survey.reading.samples))
    if plan.proposals.promises:
        document = Document("connect", rendering.render(plan.proposals.promises))
        objectives.apply(organisation=organisation, documents=[document], actor=actor, now=now)


def _asked(plan: Plan) -> bool:
    what = f"Connect {plan.source.name} and apply {len(plan.proposals.promises)} objectives? [y/N] "
    try:
        return input(what).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _show(console: Console, plan: Plan) -> None:
    newest = plan.survey.newest_seconds
    fresh = "" if newest is None else f", newest sample {newest:.0f} s old"
    read = "engines' own series, no probe" if plan.survey.engines else "a probe's series"
    console.print(
        f"[bold]{plan.source.name}[/]: {without_credentials(plan.source.url)} ({plan.source.flavour}{fresh}); {read};"
        f" read every {plan.source.tick_seconds} s, {plan.source.lag_seconds} s late"
    )
    _show_overview(console, plan.survey.overview)
    if not plan.proposals.promises:
        return
    console.print("\n[bold]Proposed objectives[/]")
    for promise in plan.proposals.promises:
        console.print(f"  {promise.key}: {goal_sentence(promise)}", highlight=False)
    for key, family in plan.proposals.left_out:
        console.print(f"  [dim]not {key}: nothing gives {family}[/]", highlight=False)
    if plan.tests:
        console.print(f"\n[bold]What they would have said since {plan.tests[0].outcome.start:%Y-%m-%d}[/]")
        show(console, plan.tests)


def _show_overview(console: Console, seen: Overview) -> None:
    if not seen.services:
        console.print("No series of an engine that we know, and none of a probe: see docs/connect.md.")
        return
    table = Table(
        "service", "replicas", "models", "versions", "GPUs", "signals", box=None, header_style="bold", pad_edge=False
    )
    for one in seen.services:
        table.add_row(
            one.service,
            str(len(one.replicas)),
            ", ".join(one.models) or "unknown",
            ", ".join(one.versions) or "unknown",
            str(len(one.gpus)),
            str(len(one.families)),
        )
    console.print(table)
    if seen.gpus:
        console.print(f"{seen.gpus} GPUs, {seen.gpus - seen.unjoined_gpus} of them with a replica.")
    if seen.cannot_tell:
        console.print("[bold]It cannot tell[/]")
        for gap in seen.cannot_tell:
            console.print(f"  {gap}", highlight=False)


def _json(plan: Plan, *, applied: bool) -> dict[str, Any]:
    seen = plan.survey.overview
    return {
        "source": plan.source.name,
        "url": without_credentials(plan.source.url),
        "flavour": plan.source.flavour,
        "engines": plan.survey.engines,
        "lag_seconds": plan.source.lag_seconds,
        "newest_sample_seconds": plan.survey.newest_seconds,
        "services": [
            {
                "service": one.service,
                "replicas": list(one.replicas),
                "models": list(one.models),
                "versions": list(one.versions),
                "gpus": list(one.gpus),
                "signals": sorted(one.families),
            }
            for one in seen.services
        ],
        "gpus": seen.gpus,
        "unjoined_gpus": seen.unjoined_gpus,
        "cannot_tell": list(seen.cannot_tell),
        "objectives": [{"objective": one.key, "goal": goal_sentence(one)} for one in plan.proposals.promises],
        "left_out": [{"objective": key, "missing": family} for key, family in plan.proposals.left_out],
        "backtest": _tests_json(plan.tests),
        "applied": applied,
    }


def _tests_json(tests: Sequence[Backtest]) -> list[dict[str, Any]]:
    return [as_json(test) for test in tests]
