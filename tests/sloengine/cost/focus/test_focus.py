"""FOCUS 1.2: the dataset conforms, adds up to what was spent, and says the same as CSV, Parquet, JSON and in the folder."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from observability.core import clock
from observability.core.models import Role
from observability.core.services import default_organisation
from sloengine.cost.focus.dataset import MANDATORY, Basis
from sloengine.cost.focus.exports import as_csv, as_parquet
from sloengine.cost.focus.queries import export
from sloengine.cost.focus.services import write_days
from sloengine.cost.ledger.models import FocusDay
from sloengine.cost.ledger.queries import spend
from sloengine.cost.ledger.services import close_hours
from tests import factories
from tests.sloengine.cost.focus import conformance

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 10, 31, tzinfo=UTC)
NOW = START + 3 * DAY


@pytest.fixture
def organisation():
    """Three days over the end of a month, a price that changes in one of them, a third of an hour of hardware, no price for reasoning."""
    found = default_organisation()
    chat = factories.make_service(found, slug="chat")
    factories.make_price(chat, usd="0.00011", at=START, token_class="input")
    factories.make_price(chat, usd="0.0275", at=START, token_class="output")
    factories.make_price(chat, usd="0.031", at=START + 30 * HOUR, token_class="output")
    factories.make_price(chat, usd="2.49", at=START, unit="gpu_hour")
    for hour in range(0, 72, 5):
        for tenant in ("acme", "globex", ""):
            factories.make_usage(
                chat, at=START + hour * HOUR, tenant=tenant, tag="live" if tenant else "", model="large", region="eu",
                hardware="H100", input=333 + hour, output=71, reasoning=5, requests_ok=1, busy_ms=1_200_001, idle_ms=7,
            )  # fmt: skip
    return found


def made(organisation, basis=Basis.TOKENS, since=START, until=NOW):
    return export(organisation=organisation, since=since, until=until, basis=basis, now=NOW)


def lines(data):
    reader = csv.DictReader(io.StringIO(data.decode()))
    return list(reader.fieldnames or ()), list(reader)


@pytest.mark.parametrize("basis", list(Basis))
def test_the_dataset_conforms(organisation, basis):
    names, rows = lines(as_csv(made(organisation, basis).rows))
    assert conformance.broken(names, rows) == []
    assert set(conformance.MANDATORY) == set(MANDATORY)
    assert rows


def test_it_adds_up_to_what_was_spent(organisation):
    found = made(organisation)
    (spent,) = spend(organisation=organisation, since=START, until=NOW, now=NOW)
    assert sum(Decimal(str(row["BilledCost"])) for row in found.rows) == spent.known_usd
    assert found.left_out == spent.unknown == 15 * 3 * 5
    hardware = made(organisation, Basis.HARDWARE)
    billed = sum(Decimal(str(row["BilledCost"])) for row in hardware.rows)
    assert abs(billed - spent.hardware.known) < Decimal("0.00002"), "hours are told to a millionth, and their sum too"


def test_charges_are_cut_where_days_months_and_prices_change(organisation):
    rows = [row for row in made(organisation).rows if row["x_Meter"] == "output" and row["SubAccountId"] == "acme"]
    cuts = [(row["ChargePeriodStart"], row["ListUnitPrice"], row["BillingPeriodStart"]) for row in rows]
    october, november = START.replace(day=1), START + DAY
    assert cuts == [
        (START, Decimal("0.0275"), october),
        (november, Decimal("0.0275"), november),
        (START + 30 * HOUR, Decimal("0.031"), november),
        (START + 2 * DAY, Decimal("0.031"), november),
    ]


def test_parquet_says_the_same_exactly(organisation):
    found = made(organisation)
    table = pq.read_table(io.BytesIO(as_parquet(found.rows)))
    assert table.schema.metadata[b"FocusVersion"] == b"1.2"
    for row, kept in zip(found.rows, table.to_pylist(), strict=True):
        assert {name: row[name] for name in row} == kept


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("BilledCost", "", "BilledCost: must not be null"),
        ("BilledCost", "1,000", "no NumericFormat"),
        ("ListCost", "1", "ListUnitPrice x PricingQuantity is another amount"),
        ("ChargePeriodStart", "2026-10-31", "no DateTimeFormat"),
        ("ChargePeriodStart", "2025-10-31T00:00:00Z", "within the billing period"),
        ("ChargeCategory", "usage", "no allowed value"),
        ("PricingUnit", "1000 tokens", "no UnitFormat"),
        ("BillingCurrency", "usd", "no ISO 4217"),
        ("SkuId", "", "SkuId: must not be null"),
        ("Tags", "live", "no KeyValueFormat"),
        ("SubAccountId", "", "SubAccountName: null where"),
    ],
)
def test_the_checks_find_what_is_broken(organisation, column, value, said):
    names, rows = lines(as_csv(made(organisation).rows))
    row = next(one for one in rows if one["SubAccountId"])
    assert said in "\n".join(conformance.broken(names, [{**row, column: value}]))


def test_every_closed_day_goes_to_the_folder_once_and_again_when_it_changes(organisation, tmp_path, settings):
    assert write_days(now=NOW) == 0, "no folder is named"
    settings.TAILWATCH_FOCUS_DIR = str(tmp_path)
    close_hours(now=NOW + 3 * HOUR)
    assert write_days(now=NOW + 3 * HOUR) == 3
    assert write_days(now=NOW + 4 * HOUR) == 0
    folder = tmp_path / organisation.slug
    assert sorted(file.name for file in folder.iterdir())[:2] == [
        "focus-hardware-2026-10-31.csv",
        "focus-hardware-2026-10-31.parquet",
    ]
    assert len(list(folder.iterdir())) == 12
    names, rows = lines((folder / "focus-tokens-2026-11-01.csv").read_bytes())
    assert conformance.broken(names, rows) == []
    chat = organisation.services.get()
    factories.make_usage(chat, at=START + DAY + 2 * HOUR, tenant="late", output=1000)
    assert write_days(now=NOW + 5 * HOUR) == 1
    assert "late" in (folder / "focus-tokens-2026-11-01.csv").read_text(encoding="utf-8")
    assert FocusDay.objects.count() == 3


def test_a_folder_that_cannot_be_written_is_tried_again(organisation, tmp_path, settings, caplog):
    close_hours(now=NOW + 3 * HOUR)
    file = tmp_path / "file"
    file.write_text("")
    settings.TAILWATCH_FOCUS_DIR = str(file)
    assert write_days(now=NOW + 3 * HOUR) == 0
    assert "could not be written" in caplog.text
    settings.TAILWATCH_FOCUS_DIR = str(tmp_path)
    assert write_days(now=NOW + 4 * HOUR) == 3


def test_on_request_by_page_api_and_command(organisation, client, tmp_path):
    client.force_login(factories.make_user(organisation, role=Role.LEADERSHIP))
    days = "since=2026-10-31&until=2026-11-02"
    with clock.frozen(NOW):
        page = client.get(f"/cost/focus/?{days}")
        assert (page.headers["Content-Type"], page.headers["X-Left-Out"]) == ("text/csv; charset=utf-8", "150")
        assert conformance.broken(*lines(page.content)) == []
        assert client.get("/cost/focus/?since=soon").status_code == 400
        assert client.get("/cost/focus/?since=2026-01-01&until=2026-03-01").status_code == 400
        assert (
            pq.read_table(io.BytesIO(client.get(f"/cost/focus/?{days}&format=parquet&basis=hardware").content)).num_rows
            > 0
        )
        answer = client.get("/api/v1/cost/focus?since=2026-10-31T00:00:00Z&until=2026-11-02T00:00:00Z").json()
        assert len(answer["rows"]) == len(lines(page.content)[1])
        assert client.get("/api/v1/cost/focus?since=2026-10-31T00:00:00Z&until=2026-12-31T00:00:00Z").status_code == 422
        out = StringIO()
        call_command(
            "cost", "export", str(tmp_path / "a.csv"), "--since", "2026-10-31", "--until", "2026-11-02", stdout=out
        )
        assert "150 tokens have no price and are left out" in out.getvalue()
        assert (tmp_path / "a.csv").read_bytes() == page.content
        for wrong, said in (
            (["a.xml"], "ends in .csv or .parquet"),
            (["a.csv", "--since", "soon"], "expected dates"),
            (["a.csv", "--since", "2026-11-02", "--until", "2026-11-01"], "expected a day after"),
            ([str(tmp_path / "no" / "a.csv")], "expected a file that can be written"),
        ):
            with pytest.raises(CommandError, match=said):
                call_command("cost", "export", *wrong)
