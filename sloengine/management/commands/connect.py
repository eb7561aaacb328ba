"""`manage.py connect [URL]`: where the platform reads from, and what is there."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from observability.core import clock, permissions
from observability.core.services import default_organisation
from sloengine.collect import services
from sloengine.collect.models import MetricSource
from sloengine.collect.services.connect import PROMETHEUS
from sloengine.sources.base import SourceUnavailable, without_credentials


class Command(BaseCommand):
    help = "Connect an existing Prometheus by its URL; without one, what PROMETHEUS_URL or TAILWATCH_PROBE_URLS name."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "url", nargs="?", help="http(s)://prometheus:9090 of the Prometheus that scrapes the probes"
        )

    def handle(self, *, url: str | None, **options: Any) -> None:
        organisation, now = default_organisation(), clock.now()
        if url is None:
            sources = services.connect_configured(
                organisation=organisation,
                probe_urls=settings.TAILWATCH_PROBE_URLS,
                prometheus_url=settings.PROMETHEUS_URL,
                now=now,
            )
        else:
            if not url.startswith(("http://", "https://")):
                raise CommandError(f"{url!r} is no address that starts with http:// or https://.")
            kind = MetricSource.Kind.PROMETHEUS.value
            actor = permissions.system(organisation, "command line")
            sources = [
                services.connect(organisation=organisation, name=PROMETHEUS, kind=kind, url=url, actor=actor, now=now)[
                    0
                ]
            ]
        if not sources:
            raise CommandError(
                "Nothing to connect: give a Prometheus's URL, or set PROMETHEUS_URL or TAILWATCH_PROBE_URLS."
            )
        for source in sources:
            self._show(source)

    def _show(self, source: MetricSource) -> None:
        console = Console()
        console.print(f"{source.name}: {', '.join(without_credentials(line) for line in source.url.splitlines())}")
        try:
            found = services.look(source=source, now=clock.now())
        except SourceUnavailable as problem:
            console.print(f"[yellow]connected, but nothing can be read yet:[/] {problem.reason}")
            return
        table = Table("service", "series", box=None, header_style="bold", pad_edge=False)
        for service, count in found.services.items():
            table.add_row(service, str(count))
        console.print(
            table
            if found.services
            else "No tailwatch_ series there yet: point this Prometheus at the probes' /metrics."
        )
