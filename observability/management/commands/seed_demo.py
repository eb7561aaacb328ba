"""`manage.py seed_demo`: gives the demo its thirty days of past, once, and points its source at the probe."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from observability import demo, demo_setup
from observability.core import clock
from observability.core.services import default_organisation
from observability.supervisor import home


class Command(BaseCommand):
    help = "Gives the demo its thirty days of past, once, and points its source at the probe (TAILWATCH_PROBE_URLS)."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.TAILWATCH_PROBE_URLS:
            raise CommandError(
                "TAILWATCH_PROBE_URLS is empty: name the probe's /metrics whose series the demo goes on with."
            )
        settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = [
            *settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND,
            "127.0.0.1",
        ]  # its pagers are here
        began = time.perf_counter()
        demo.seed_past(
            organisation=default_organisation(),
            now=clock.now(),
            probe_url="\n".join(settings.TAILWATCH_PROBE_URLS),
            progress=self._say,
        )
        if settings.TAILWATCH_DEMO_FLEET_URL:
            demo_setup.bind_gateway(
                organisation=default_organisation(),
                url=settings.TAILWATCH_DEMO_FLEET_URL,
                secret=home.secret(settings.TAILWATCH_HOME, home.GATEWAY_SECRET),
                now=clock.now(),
            )
        self.stdout.write(f"seeded in {time.perf_counter() - began:.0f} s")

    def _say(self, what: str, share: float) -> None:
        width = 20
        filled = round(share * width)
        self.stdout.write(f"{'━' * filled}{'╌' * (width - filled)} {share:4.0%}  {what}")
        self.stdout.flush()
