"""`manage.py cost report|price|anomalies`."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from observability.core import clock, permissions
from observability.core.models import Organisation
from observability.core.services import default_organisation
from sloengine.budgets.models import Finding, FindingKind
from sloengine.catalog.models import Service
from sloengine.cost.models import PriceUnit
from sloengine.cost.queries import spend_by_service
from sloengine.cost.services import set_price


class Command(BaseCommand):
    help = "Cost: who spends how much, prices, and what is unusual."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        report = actions.add_parser("report", help="tokens and USD by service and tenant")
        report.add_argument("--hours", type=int, default=24)
        price = actions.add_parser("price", help="set a price from now on")
        price.add_argument("usd", help="for instance 0.11")
        price.add_argument(
            "--unit", choices=[str(unit) for unit in PriceUnit.values], default=PriceUnit.TOKENS_1K.value
        )
        price.add_argument("--service", help="slug; every service where left out")
        actions.add_parser("anomalies", help="tenants whose use departs from the usual")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['action']}")(default_organisation(), options)

    def _report(self, organisation: Organisation, options: dict[str, Any]) -> None:
        now = clock.now()
        spends = spend_by_service(organisation=organisation, start=now - timedelta(hours=options["hours"]), end=now)
        self.stdout.write(f"{'service':<16}{'tenant':<20}{'tokens':>16}{'requests':>12}{'share':>8}{'USD':>14}")
        for service, spend in spends.items():
            for tenant in spend.tenants:
                self.stdout.write(
                    f"{service:<16}{tenant.tenant:<20}{tenant.tokens:>16,.0f}{tenant.requests:>12,.0f}"
                    f"{tenant.share_ratio:>8.1%}{money(tenant.usd):>14}"
                )
            self.stdout.write(
                f"{service:<16}{'':<20}{spend.tokens:>16,.0f}{spend.requests:>12,.0f}{'':>8}{money(spend.usd):>14}"
            )
        if not spends:
            self.stdout.write("Nothing was read in that time.")

    def _price(self, organisation: Organisation, options: dict[str, Any]) -> None:
        try:
            usd = Decimal(options["usd"])
        except InvalidOperation as error:
            raise CommandError(f"found {options['usd']!r}, expected USD such as 0.11") from error
        service = None
        if options["service"]:
            service = Service.objects.filter(organisation=organisation, slug=options["service"]).first()
            if service is None:
                raise CommandError(f"There is no service {options['service']!r}.")
        now = clock.now()
        actor = permissions.system(organisation, name="cost price")
        try:
            price = set_price(
                organisation=organisation,
                usd=usd,
                effective_from=now,
                actor=actor,
                now=now,
                service=service,
                unit=PriceUnit(options["unit"]),
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{price} from now on for {service.slug if service else 'every service'}.")

    def _anomalies(self, organisation: Organisation, options: dict[str, Any]) -> None:
        rows = Finding.objects.firing().filter(
            organisation=organisation, kind__in=[FindingKind.COST, FindingKind.SHIFT]
        )
        for row in rows.order_by("since"):
            self.stdout.write(f"{row.since:%Y-%m-%d %H:%M} UTC  {row.severity:<7} {row.reason}")
        if not rows:
            self.stdout.write("Nothing is unusual.")


def money(usd: Decimal | None) -> str:
    return "unknown" if usd is None else f"{usd:,.2f}"
