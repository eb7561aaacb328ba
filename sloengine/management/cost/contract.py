"""`cost contract`: keep contracts from YAML, show where they stand, close a review."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.markup import escape
from rich.table import Table

from observability.core import clock, permissions
from observability.core.models import Organisation
from observability.core.refusals import Refused
from sloengine.cost.contracts import queries, services
from sloengine.cost.contracts import standing as texts
from sloengine.cost.contracts.models import Contract, CostReview
from sloengine.cost.contracts.standing import Standing
from sloengine.cost.contracts.terms import BadContract
from sloengine.management.cost.base import Write, add_files, mappings, show, sparkline

HELP = "committed-use contracts: keep them, see how fast they are used up, close cost reviews"


def arguments(parser: CommandParser) -> None:
    add_files(parser, "contracts")
    parser.add_argument("--call-off", metavar="SLUG", help="look at this one no more")
    parser.add_argument("--close-review", metavar="NUMBER", type=int, help="close a cost review; needs --note")
    parser.add_argument("--note", default="", help="what was decided and why")
    parser.add_argument("--json", action="store_true", help="everything as JSON")


def run(organisation: Organisation, options: dict[str, Any], write: Write) -> None:
    now, actor = clock.now(), permissions.system(organisation, name="cost contract")
    for where, given in mappings(options["files"]):
        try:
            row = services.put(organisation=organisation, given=given, actor=actor, now=now)
        except BadContract as problem:
            raise CommandError("\n".join(f"{where}: {line}" for line in problem.problems)) from problem
        write(f"{row.name} is kept as {row.slug}.")
    if options["call_off"]:
        services.call_off(contract=_contract(organisation, options["call_off"]), actor=actor, now=now)
    if options["close_review"] is not None:
        review = CostReview.objects.filter(organisation=organisation, pk=options["close_review"]).first()
        if review is None:
            raise CommandError(f"There is no cost review {options['close_review']}.")
        try:
            services.close_review(review=review, note=options["note"], actor=actor, now=now)
        except Refused as refused:
            raise CommandError(f"--{refused}") from refused
    rows = list(queries.contracts(organisation=organisation).select_related("organisation"))
    found = [(row, None if row.ended_at else queries.standing(contract=row, now=now)) for row in rows]
    if options["json"]:
        write(json.dumps([_plain(row, standing) for row, standing in found], indent=2))
    elif not rows:
        write("There is no contract. `cost contract FILE.yaml` keeps one.")
    else:
        _table(found, write)


def _contract(organisation: Organisation, slug: str) -> Contract:
    row = Contract.objects.filter(organisation=organisation, slug=slug).first()
    if row is None:
        there = ", ".join(Contract.objects.filter(organisation=organisation).values_list("slug", flat=True)) or "none"
        raise CommandError(f"There is no contract {slug!r}; there are: {there}.")
    return row


def _table(found: list[tuple[Contract, Standing | None]], write: Write) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, justify in (("contract", "left"), ("state", "left"), ("used", "right"), ("tokens", "right"), ("owed", "right"),
                          ("per 1k", "right"), ("used up on", "left"), ("day by day", "left"), ("review due", "left")):  # fmt: skip
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for row, standing in found:
        due = ", ".join(f"{one.due_on} (review {one.pk})" for one in row.open_reviews)  # type: ignore[attr-defined]
        if standing is None:
            table.add_row(escape(row.name), "called off" if row.ended_at else "not begun", "", "", "", "", "", "", due)
            continue
        points = [amount for _, amount in standing.burn.points]
        steps = [after - before for before, after in pairwise(points)][-40:]
        rate, burn = standing.bill.effective_rate, standing.burn
        table.add_row(
            escape(row.name), standing.word, f"{standing.ratio * 100:.1f} %", texts.tokens_said(standing.tokens),
            texts.usd_said(standing.bill.usd, row.currency), "-" if rate is None else f"{rate:.4f}",
            burn.reached_on.isoformat() if burn.reached_on else "-", sparkline(steps), due,
        )  # fmt: skip
    show(table, write)
    for _, standing in found:
        if standing is not None:
            write(f"{texts.headline(standing)} {texts.outlook(standing)}")


def _plain(row: Contract, standing: Standing | None) -> dict[str, Any]:
    plain: dict[str, Any] = {"contract": row.slug, "called_off": row.ended_at is not None}
    if standing is None:
        return plain
    burn = standing.burn
    return plain | {
        "period_first": standing.span.key, "tokens": standing.tokens, "ratio": float(standing.ratio), "usd": str(standing.bill.usd),
        "past_cap": standing.past_cap, "reached_on": burn.reached_on and burn.reached_on.isoformat(),
        "projected_usd": None if standing.projected is None else str(standing.projected.usd),
    }  # fmt: skip
