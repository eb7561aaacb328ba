"""Invoices: to the cent, and what differs by quantity and by price for each class of tokens."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from observability.core import clock
from observability.core.services import default_organisation
from sloengine.cost.ledger.invoicing import Line, Why, compared, read
from sloengine.cost.ledger.meters import TokenClass
from sloengine.cost.ledger.pricing import Amount
from sloengine.cost.ledger.tables import BadTable
from tests import factories

NOW = factories.NOW
HEAD = "token_class,model,tokens,amount,currency,text\n"


def paid(tokens, per_1k):
    return Amount(tokens * Decimal(per_1k) / 1000, priced=tokens)


def only(lines, ours):
    (row,) = compared(lines=lines, ours=ours).rows
    return row


def test_a_difference_is_split_into_quantity_and_price():
    row = only([Line("output", "", 1_100_000, Decimal("132.00"))], {("output", "m"): paid(1_000_000, "0.10")})
    assert (row.ours, row.theirs, row.difference) == (Decimal("100.00"), Decimal("132.00"), Decimal("32.00"))
    assert (row.by_quantity, row.by_price, row.why) == (Decimal("10.00"), Decimal("22.00"), Why.DIFFERS)


@pytest.mark.parametrize(
    ("line", "held", "why"),
    [
        (Line("output", "", 1000, Decimal("0.10")), paid(1000, "0.10"), Why.AGREES),
        (Line("output", "", 1000, Decimal("0.104")), paid(1000, "0.10"), Why.AGREES),
        (Line("output", "", 0, Decimal(0)), paid(1000, "0.10"), Why.NOT_INVOICED),
        (Line("output", "", 1000, Decimal("0.10")), Amount(), Why.NOT_COUNTED),
        (Line("output", "", 1000, Decimal("0.10")), Amount(unknown=1000), Why.NO_PRICE),
    ],
)
def test_why_a_class_differs(line, held, why):
    row = only([line], {("output", "m"): held})
    assert row.why is why
    assert (row.difference is None) == (why is Why.NO_PRICE), "an unknown price is no difference of 0"


def test_missed_cache_reads_are_found_where_they_are():
    """A ledger that took cached tokens for input: the two classes explain each other, the total is what is to be asked about."""
    found = compared(
        lines=[Line("input", "", 600_000, Decimal("1.80")), Line("cache_read", "", 400_000, Decimal("0.12"))],
        ours={("input", "m"): paid(1_000_000, "0.003")},
    )
    assert [(row.token_class, row.by_quantity, row.by_price) for row in found.rows] == [
        ("input", Decimal("-1.20"), Decimal("0.00")),
        ("cache_read", Decimal("0.00"), Decimal("0.12")),
    ]
    assert (found.ours, found.theirs, found.difference) == (Decimal("3.00"), Decimal("1.92"), Decimal("-1.08"))


def test_models_are_compared_one_by_one_where_the_invoice_names_them():
    ours = {("output", "large"): paid(1000, "0.10"), ("output", "small"): paid(1000, "0.01")}
    lines = [Line("output", "large", 1000, Decimal("0.10")), Line("", "", 0, Decimal("-5"), "credit")]
    rows = {(row.token_class, row.model): row.why for row in compared(lines=lines, ours=ours).rows}
    assert rows == {("output", "large"): Why.AGREES, ("", "credit"): Why.OTHER, ("output", "small"): Why.NOT_INVOICED}


CLASSES = st.sampled_from(list(TokenClass))
MONEY = st.decimals(min_value=-1000, max_value=10**6, places=6)


@settings(max_examples=60)
@given(
    st.dictionaries(CLASSES, st.tuples(st.integers(0, 10**9), MONEY), min_size=1),
    st.dictionaries(CLASSES, st.tuples(st.integers(1, 10**9), st.decimals(min_value=0, max_value=1, places=8))),
)
def test_rows_add_up_to_the_totals_and_parts_to_their_row(lines, ours):
    found = compared(
        lines=[Line(one.value, "", tokens, money) for one, (tokens, money) in lines.items()],
        ours={(one.value, "m"): paid(tokens, price) for one, (tokens, price) in ours.items()},
    )
    assert sum(row.theirs for row in found.rows) == found.theirs
    assert sum(row.ours for row in found.rows if row.ours is not None) == found.ours
    assert sum(row.difference for row in found.rows if row.difference is not None) == found.difference
    for row in found.rows:
        assert (row.by_quantity or 0) + (row.by_price or 0) == row.difference


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD, "found no line"),
        (HEAD + "gold,,1,1,USD,\n", "row 1, column token_class: found 'gold', expected one of input"),
        (HEAD + "output,,1,1,USD,\ninput,,1,1,EUR,\n", "row 2, column currency: found EUR, expected USD"),
        (
            HEAD + "output,,1,1,USD,\noutput,,1,1,USD,\n",
            "row 2, column token_class: found output, expected once; row 1",
        ),
        (HEAD + "output,,-1,1,USD,\n", "column tokens: found '-1'"),
        (HEAD + "output,,1,much,USD,\n", "column amount: found 'much'"),
    ],
)
def test_what_is_wrong_is_named(text, said):
    with pytest.raises(BadTable) as found:
        read(text)
    assert said in str(found.value)


@pytest.mark.django_db
def test_the_command_takes_and_compares(tmp_path):
    chat = factories.make_service(default_organisation(), slug="chat")
    day = NOW.replace(hour=0) - timedelta(days=3)
    factories.make_price(chat, usd="0.003", at=day)
    factories.make_usage(chat, at=day, model="large", input=600_000, cache_read=400_000)
    file = tmp_path / "invoice.csv"
    file.write_text(HEAD + "input,,600000,1.80,USD,\ncache_read,,400000,0.12,USD,\n", encoding="utf-8")

    def command(*arguments):
        out = StringIO()
        with clock.frozen(NOW):
            call_command("cost", "invoice", *arguments, stdout=out)
        return out.getvalue()

    dates = ("--since", "2026-11-14", "--until", "2026-11-15")
    assert "No invoice was taken over yet" in command()
    out = command("A-1", "--file", str(file), "--service", "chat", *dates)
    assert "agrees to the cent" in out
    assert "-1.08" in out, "cache reads are priced as input by us"
    assert "A-1: 2026-11-14 to 2026-11-15, chat, USD" in command()
    for wrong, said in (
        (
            ("A-1", "--file", str(file), *dates),
            "column number: found A-1, expected an invoice that was not taken before",
        ),
        (("A-2", "--file", str(file)), "expected dates"),
        (("A-2", "--file", str(file), "--since", "2026-11-15", "--until", "2026-11-14"), "column until"),
        (("A-3",), "There is no invoice A-3"),
    ):
        with pytest.raises(CommandError, match=said):
            command(*wrong)
    file.write_text(HEAD + "input,,600000,1.80,EUR,\n", encoding="utf-8")
    with pytest.raises(CommandError, match="found EUR, expected USD, in which the prices are"):
        command("A-2", "--file", str(file), *dates)
