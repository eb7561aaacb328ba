"""`cost hardware`: what replicas run on, and nodes that serve all services."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.markup import escape
from rich.table import Table

from observability.core import clock, permissions
from observability.core.models import Organisation
from sloengine.cost.ledger.models import Placement
from sloengine.cost.ledger.services import BadPlacement, end_placement, place
from sloengine.cost.ledger.tables import instant
from sloengine.management.cost.base import Write, add_service, service_named, show

HELP = "say what hardware replicas run on; without a kind, list what is said"


def arguments(parser: CommandParser) -> None:
    parser.add_argument("kind", nargs="?", help="H100, A100, or the kind of a shared node")
    add_service(parser)
    parser.add_argument(
        "--units", default="1", help="GPUs of a replica, parts of one too (1); without a service: nodes"
    )
    parser.add_argument("--reserved", default="0", help="GPUs that are paid whether they run or not (0)")
    parser.add_argument("--purchase", choices=["reserved", "on_demand"], default="")
    for name in ("model", "variant", "region"):
        parser.add_argument(f"--{name}", default="", help=f"only this {name}")
    parser.add_argument("--replicas", default="", help="only replicas that fit a pattern such as chat-h100-*")
    parser.add_argument("--since", default="", help="the hour from which on (this hour)")
    parser.add_argument("--end", type=int, metavar="NUMBER", help="end this one now")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    now = clock.now()
    actor = permissions.system(organisation, name="cost hardware")
    if options["end"] is not None:
        row = Placement.objects.filter(organisation=organisation, pk=options["end"]).first()
        if row is None:
            raise CommandError(f"There is no placement {options['end']}.")
        end_placement(placement=row, actor=actor, now=now)
    elif options["kind"]:
        try:
            place(
                organisation=organisation,
                hardware=options["kind"],
                service=service_named(organisation, options["service"]),
                units=_number(options["units"]),
                reserved=_number(options["reserved"]),
                effective_from=instant(options["since"]) if options["since"] else now,
                actor=actor,
                now=now,
                **{name: options[name] for name in ("model", "variant", "region", "replicas", "purchase")},
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
    _list(organisation, write)


def _number(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation as error:
        raise BadPlacement(f"found {text!r}, expected a number such as 2 or 0.5") from error
    if not found.is_finite():
        raise BadPlacement(f"found {text!r}, expected a number such as 2 or 0.5")
    return found


def _list(organisation: Organisation, write: Write) -> None:
    rows = Placement.objects.filter(organisation=organisation).select_related("service").order_by("service__slug", "pk")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("number", "service", "of", "hardware", "purchase", "units", "reserved", "from", "until"):
        table.add_column(name)
    for row in rows:
        part = " ".join(word for word in (row.model, row.variant, row.region, row.replicas) if word)
        words = (
            str(row.pk), row.service.slug if row.service else "all", part or "all", row.hardware, row.purchase or "-",
            f"{row.units.normalize():f}", f"{row.reserved.normalize():f}", f"{row.effective_from:%Y-%m-%d %H:%M}",
            f"{row.effective_until:%Y-%m-%d %H:%M}" if row.effective_until else "-",
        )  # fmt: skip
        table.add_row(*map(escape, words))
    if rows:
        show(table, write)
    else:
        write("No hardware is said yet; what it costs is not known.")
