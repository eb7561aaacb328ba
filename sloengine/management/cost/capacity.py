"""`cost capacity`: when do we run out, and what does one more replica buy."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from observability.core import clock
from observability.core.models import Organisation
from sloengine.catalog.models import Service
from sloengine.cost.capacity import queries, telling
from sloengine.cost.capacity.headroom import BadTarget, target_of
from sloengine.management.cost.base import Write, add_service, service_named

HELP = "when services run out of replicas, and what one more buys"


def arguments(parser: CommandParser) -> None:
    add_service(parser)
    parser.add_argument("--target", default="", help="per cent of measured saturation that a peak may fill (70)")
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    try:
        target = target_of(options["target"])
    except BadTarget as problem:
        raise CommandError(str(problem)) from problem
    named = service_named(organisation, options["service"])
    services = Service.objects.filter(organisation=organisation).select_related("organisation").order_by("slug")
    found = [
        queries.look(service=one, now=clock.now(), target=target).capacity
        for one in ([named] if named is not None else services)
    ]
    if options["json"]:
        write(json.dumps([telling.plain(one) for one in found], indent=2))
        return
    if not found:
        write("There is no service yet.")
    for one in found:
        write(f"{telling.headline(one)}.")
        write(f"  {telling.one_more(one)}")
