"""Price lists: what a file says, what it may not say, and what is priced by which row."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from observability.core import permissions
from observability.core.models import AuditEntry, Role
from observability.core.permissions import NotAllowed
from sloengine.cost.ledger.meters import Quantities, TokenClass
from sloengine.cost.ledger.pricelist import Priced, added, read
from sloengine.cost.ledger.pricing import Prices
from sloengine.cost.ledger.queries import spend
from sloengine.cost.ledger.services import add_prices, withdraw_price
from sloengine.cost.ledger.tables import BadTable
from sloengine.cost.models import Price
from sloengine.cost.prices import PriceRow, Where
from sloengine.cost.services import set_price
from tests import factories

NOW = factories.NOW
HEAD = "effective_from,effective_until,price,currency,unit,token_class,service,model\n"


def problems(text, standing=()):
    with pytest.raises(BadTable) as found:
        added(standing=standing, new=read(text))
    return [str(one) for one in found.value.problems]


def test_a_price_per_million_is_one_per_thousand():
    (one,) = read("effective_from,price,currency,unit,token_class\n2026-11-01,0.15,USD,1m_tokens,cache_read\n")
    assert (one.row.usd, one.row.unit, one.row.token_class) == (Decimal("0.00015"), "1k_tokens", "cache_read")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("price,colour\n1,red\n", ["column colour: found an unknown column, expected out of effective_from"]),
        ("price,currency\n1,USD\n", ["column effective_from: found no such column, expected a date"]),
        (HEAD + "2026-11-01,,-1,USD,,,,\n", ["row 1, column price: found '-1', expected an amount of 0 or more such as 0.11"]),
        (HEAD + "2026-11-01,,,USD,,,,\n", ["row 1, column price: found nothing, expected an amount"]),
        (HEAD + "soon,,1,USD,litre,gold,,\n", ["column effective_from: found 'soon'", "column unit: found 'litre'", "column token_class"]),
        (HEAD + "2026-11-01,2026-10-01,1,USD,,,,\n", ["column effective_until: found 2026-10-01, expected later than effective_from"]),
        (HEAD + "2026-11-01,,1,USD,,,,,,\n", ["row 1, column -: found 10 cells, expected 8"]),
        (HEAD + "2026-11-01,,NaN,dollars,,,,\n", ["column price: found 'NaN'", "column currency: found 'dollars'"]),
        (HEAD + "2026-11-01,,0.000000001,USD,,,,\n", ["at most 8 decimals"]),
        ("", ["found an empty file"]),
        (HEAD + "2026-11-01,,1,USD,,,,\n2026-12-01,,1,EUR,,,,\n", ["row 2, column currency: found EUR, expected USD, in which the other"]),
        (
            HEAD + "2026-11-01,2026-12-01,1,USD,,,,\n2026-11-15,2027-01-01,2,USD,,,,\n",
            ["row 2, column effective_from: found 2 from 2026-11-15 until 2027-01-01", "no overlap with 1 from 2026-11-01 until 2026-12"],
        ),
        (HEAD + "2026-11-01,,1,USD,,,,\n2026-11-01,,1,USD,,,,\n", ["row 2, column effective_from: found 1 from 2026-11-01"]),
        (HEAD + "2026-11-01,,1,USD,,,,\n2026-11-15,2027-01-01,2,USD,,,,\n", ["what holds afterwards"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text, said):
    found = "\n".join(problems(text))
    assert all(one in found for one in said), found


def test_a_list_is_checked_against_the_prices_that_stand():
    standing = [Priced(PriceRow(Decimal(1), NOW, effective_until=NOW + timedelta(days=30)))]
    text = "effective_from,price,currency\n2026-11-20,2,USD\n"
    assert "expected no overlap with 1 from 2026-11-17 until 2026-12-17" in problems(text, standing)[0]
    later = added(standing=standing, new=read(text.replace("2026-11-20", "2027-01-01")))
    assert [one.row.usd for one in later] == [Decimal(2)]
    earlier = added(standing=standing, new=read(text.replace("2026-11-20", "2026-01-01")))
    assert [one.row.effective_until for one in earlier] == [NOW], "one without an end holds until the next"


def test_the_most_particular_price_holds():
    rows = [
        PriceRow(Decimal("0.10"), NOW),
        PriceRow(Decimal("0.20"), NOW, token_class="output"),
        PriceRow(Decimal("0.30"), NOW, model="large"),
        PriceRow(Decimal("0.05"), NOW, service="batch"),
    ]
    prices = Prices(rows)
    used = Quantities(input=1000, output=1000)

    def costs(**where):
        priced = prices.priced(used, where=Where(**where), at=NOW)
        return {one.value: amount.known for one, amount in priced.tokens.items()}

    assert costs(service="chat") == {"input": Decimal("0.10"), "output": Decimal("0.20")}
    assert costs(service="chat", model="large") == {"input": Decimal("0.30"), "output": Decimal("0.30")}
    assert costs(service="batch", model="large") == {"input": Decimal("0.05"), "output": Decimal("0.05")}


@pytest.mark.parametrize(
    ("variant", "usd"), [("8-bit", "0.065"), ("16-bit", "0.11"), ("full", "0.18")]
)  # fmt: skip
def test_a_thousand_tokens_of_each_precision(variant, usd):
    """R13: 8-bit 0.065, 16-bit 0.11, full precision 0.18 a thousand."""
    prices = Prices([PriceRow(Decimal(usd), NOW, model=variant)])
    priced = prices.priced(Quantities(output=1000), where=Where("chat", model=variant), at=NOW)
    assert priced.tokens[TokenClass.OUTPUT].usd == Decimal(usd)


@pytest.mark.django_db
def test_a_list_is_taken_whole_and_audited(tmp_path):
    organisation = factories.make_organisation("main")
    service = factories.make_service(organisation, slug="chat")
    actor = permissions.system(organisation)
    text = HEAD + "2026-11-01,,0.11,EUR,,,chat,\n2026-11-15,,0.12,EUR,,,chat,\n"
    assert add_prices(organisation=organisation, text=text, actor=actor, now=NOW) == 2
    assert [row.effective_until is None for row in Price.objects.order_by("effective_from")] == [False, True]
    with pytest.raises(BadTable, match="found 'shop', expected one of chat"):
        add_prices(organisation=organisation, text=HEAD + "2026-11-01,,1,EUR,,,shop,\n", actor=actor, now=NOW)
    with pytest.raises(BadTable, match="expected EUR"):
        add_prices(organisation=organisation, text=HEAD + "2027-11-01,,1,USD,,,chat,\n", actor=actor, now=NOW)
    viewer = permissions.of(factories.make_user(organisation, role=Role.VIEWER), organisation)
    with pytest.raises(NotAllowed):
        add_prices(organisation=organisation, text=text, actor=viewer, now=NOW)
    assert Price.objects.count() == 2
    factories.make_usage(service, at=NOW, tenant="acme", output=1000)
    withdraw_price(price=Price.objects.get(effective_until=None), actor=actor, now=NOW)
    (one,) = spend(organisation=organisation, since=NOW, until=NOW + timedelta(hours=2), now=NOW + timedelta(hours=2))
    assert (one.usd, one.unknown) == (None, 1000)
    assert list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True)) == ["add_prices", "withdraw_price"]


@pytest.mark.django_db
def test_the_command_lists_imports_and_withdraws(tmp_path):
    from observability.core.services import default_organisation

    default_organisation()
    file = tmp_path / "prices.csv"
    file.write_text(HEAD + "2026-11-01,,0.11,USD,,output,,\n", encoding="utf-8")

    def command(*arguments):
        out = StringIO()
        call_command("cost", "rates", *arguments, stdout=out)
        return out.getvalue()

    assert "There is no price yet" in command()
    assert "1 prices taken over from prices.csv." in command("--import", str(file))
    with pytest.raises(CommandError, match=r"Nothing was taken over\.\nrow 1, column effective_from"):
        command("--import", str(file))
    number = Price.objects.get().pk
    assert "0.11 USD" in command()
    assert "is withdrawn" in command("--withdraw", str(number))
    with pytest.raises(CommandError, match="There is no price 7"):
        command("--withdraw", "7")
    with pytest.raises(CommandError, match="expected a readable file"):
        command("--import", str(tmp_path / "no.csv"))


@pytest.mark.django_db
def test_a_single_price_keeps_to_the_list():
    organisation = factories.make_organisation()
    given: dict[str, Any] = {"organisation": organisation, "actor": permissions.system(organisation), "now": NOW}
    text = "effective_from,effective_until,price,currency,model\n2026-11-01,2026-12-01,1,EUR,\n2026-11-17T10:00:00Z,,5,EUR,large\n"
    add_prices(text=text, **given)
    with pytest.raises(
        ValueError, match="holds from 2026-11-01 until 2026-12-01, expected no price of the same key within it"
    ):
        set_price(usd=Decimal(2), effective_from=NOW, **given)
    earlier = set_price(usd=Decimal(2), effective_from=NOW - timedelta(days=60), **given)
    assert (earlier.currency, earlier.effective_until) == ("EUR", NOW.replace(day=1, hour=0)), (
        "ended by the next of its key"
    )
    assert Price.objects.filter(model="large").get().usd == 5
