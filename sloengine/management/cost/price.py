"""`cost price`: a price from now on."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import CommandError, CommandParser

from observability.core import clock, permissions
from observability.core.models import Organisation
from sloengine.cost.models import PriceUnit
from sloengine.cost.services import set_price
from sloengine.management.cost.base import Write, add_service, service_named

HELP = "set a price from now on"


def arguments(parser: CommandParser) -> None:
    parser.add_argument("usd", help="for instance 0.11")
    parser.add_argument("--unit", choices=[str(unit) for unit in PriceUnit.values], default=PriceUnit.TOKENS_1K.value)
    add_service(parser)


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    try:
        usd = Decimal(options["usd"])
    except InvalidOperation as error:
        raise CommandError(f"found {options['usd']!r}, expected USD such as 0.11") from error
    service = service_named(organisation, options["service"])
    now = clock.now()
    try:
        price = set_price(
            organisation=organisation,
            usd=usd,
            effective_from=now,
            actor=permissions.system(organisation, name="cost price"),
            now=now,
            service=service,
            unit=PriceUnit(options["unit"]),
        )
    except ValueError as error:
        raise CommandError(str(error)) from error
    write(f"{price} from now on for {service.slug if service else 'every service'}.")
