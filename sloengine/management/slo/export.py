"""`slo export`: the objectives as OpenSLO v1, or as Prometheus rules under Sloth's names."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from observability.core.models import Organisation
from sloengine.management.slo.base import Write
from sloengine.objectives import services
from sloengine.reports import sloth
from sloengine.reports.queries import objectives_of

HELP = "print the objectives as OpenSLO v1, or as Prometheus rules"


def arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "--rules", action="store_true", help="recording and alerting rules in Sloth's names, over a probe's series"
    )
    parser.add_argument(
        "--sloth-compat", action="store_true", help="the period as the mean of 5-minute ratios, as Sloth has it"
    )
    parser.add_argument("--service", default="", help="of this service alone")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    if not options["rules"]:
        write(services.export(organisation=organisation).removesuffix("\n"))
        return
    rows = objectives_of(organisation, service=options["service"])
    text, left_out = sloth.rules(((row.promise, row.bound) for row in rows), compat=options["sloth_compat"])
    write(text.removesuffix("\n"))
    for sentence in left_out:
        sys.stderr.write(f"left out: {sentence}\n")
