"""Hardware: who pays for it at work, idle, reserved and shared; the fleets of R13 to the cent."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from observability.core import clock, permissions
from observability.core.services import default_organisation
from sloengine.cost.ledger.joining import Asked, Served, joined
from sloengine.cost.ledger.meters import MS_PER_HOUR, Quantities, Slice
from sloengine.cost.ledger.models import Placement
from sloengine.cost.ledger.placing import Place, placed
from sloengine.cost.ledger.pricing import Prices
from sloengine.cost.ledger.queries import Spend, spend
from sloengine.cost.ledger.reporting import report
from sloengine.cost.ledger.services import BadPlacement, close_hours, place
from sloengine.cost.prices import PriceRow, Where
from tests import factories

NOW = factories.NOW
HOUR = timedelta(hours=1)
FULL = Slice(model="m", variant="full", region="eu")
EIGHT = Slice(model="m", variant="8-bit", region="eu")


def a_place(hardware, units="1", **given):
    return Place(hardware, Decimal(units), NOW, **given)


def test_time_at_work_and_idle():
    homes = placed(
        served={(FULL, ""): Served(output=5)},
        up_ms={(FULL, ""): 2 * MS_PER_HOUR},
        places=[a_place("H100", "2")],
        working={"eu": 0.75},
    )
    assert homes == {Slice("m", "full", "eu", "H100"): Served(output=5, busy_ms=10_800_000, idle_ms=3_600_000)}


def test_reserved_hardware_that_does_not_run_is_idle():
    homes = placed(
        served={}, up_ms={(FULL, ""): MS_PER_HOUR}, places=[a_place("H100", reserved=Decimal(4))], working={}
    )
    assert homes == {Slice("m", "full", "eu", "H100"): Served(busy_ms=MS_PER_HOUR, idle_ms=3 * MS_PER_HOUR)}
    bare = placed(served={}, up_ms={}, places=[a_place("H100", reserved=Decimal(1))], working={})
    assert [one.idle_ms for one in bare.values()] == [MS_PER_HOUR]


def test_half_of_a_shared_gpu_and_the_most_particular_place():
    places = [a_place("A100", "0.5"), a_place("H100", replicas="chat-h-*"), a_place("L4", region="us")]
    up = {(FULL, name): MS_PER_HOUR for name in ("chat-a-1", "chat-h-1")}
    homes = placed(served={}, up_ms=up, places=places, working={})
    assert {home.hardware: one.busy_ms for home, one in homes.items()} == {"A100": 1_800_000, "H100": MS_PER_HOUR}


def fleet(*, tokens_per_second, gpus, price):
    """An hour of a fleet of one kind or two, as a report says it."""
    served = {(FULL, name): Served(output=tokens_per_second * 3600 // len(gpus)) for name in gpus}
    homes = placed(
        served=served,
        up_ms={(FULL, name): MS_PER_HOUR for name in gpus},
        places=[a_place(name, str(count), replicas=name) for name, count in gpus.items()],
        working={},
    )
    asked = {Slice(model="m", region="eu", tenant="acme"): Asked(tokens=tokens_per_second * 3600, ok=1000)}
    usage = joined(tenants=asked, engines=homes)
    prices = Prices([PriceRow(Decimal(price[name]), NOW, unit="gpu_hour", hardware=name) for name in gpus])
    spent = [
        Spend((one.hardware,), amounts, prices.priced(amounts, where=Where("chat", hardware=one.hardware), at=NOW))
        for one, amounts in usage.items()
    ]
    return report(spent, seconds=3600)


def test_a_split_fleet_costs_less_a_token_than_one_of_h100():
    """R13: A100 and H100 together 0.12 a thousand at 2,400 tokens/s, against 0.14 at 1,200."""
    split = fleet(tokens_per_second=2400, gpus={"A100": 128, "H100": 96}, price={"A100": "3.60", "H100": "6.00"})
    alone = fleet(tokens_per_second=1200, gpus={"H100": 96}, price={"H100": "6.30"})
    assert split.total.by_hardware.per_1k == Decimal("0.12")
    assert split.total.by_hardware.per_1m == Decimal(120)
    assert (split.total.tokens_per_second, alone.total.tokens_per_second) == (2400, 1200)
    assert alone.total.by_hardware.per_1k == Decimal("0.14")
    assert split.total.hardware_usd == sum(row.hardware_usd for row in split.rows) == Decimal("1036.80")
    assert {row.key: row.tokens_per_second for row in split.rows} == {("A100",): 1200, ("H100",): 1200}


def test_a_thousand_by_hardware_is_unknown_where_some_ran_elsewhere():
    prices = Prices([PriceRow(Decimal(2), NOW, unit="gpu_hour")])
    housed, unhoused = Quantities(output=1000, busy_ms=MS_PER_HOUR), Quantities(output=1000)
    spent = [
        Spend((name,), used, prices.priced(used, where=Where("chat", hardware=name), at=NOW))
        for name, used in (("H100", housed), ("", unhoused))
    ]
    found = report(spent, seconds=3600)
    assert [row.by_hardware.per_1k for row in (*found.rows, found.total)] == [Decimal(2), None, None]
    assert found.total.hardware_usd == Decimal("2.00")


def test_tokens_that_no_engine_counts_stand_with_the_hardware():
    asked = {Slice(model="m", region="eu", tenant=name): Asked(tokens=100, ok=4) for name in ("acme", "globex")}
    usage = joined(tenants=asked, engines={FULL: Served(busy_ms=30), EIGHT: Served(idle_ms=10)})
    assert {(one.tenant, one.variant): (used.unsplit, used.busy_ms, used.idle_ms) for one, used in usage.items()} == {
        ("acme", "full"): (75, 15, 0), ("acme", "8-bit"): (25, 0, 5), ("globex", "full"): (75, 15, 0), ("globex", "8-bit"): (25, 0, 5),
    }  # fmt: skip


def test_an_answer_carries_the_failed_and_the_aborted():
    """10 USD for 90 answers, 6 failures and 4 aborted: 0.10 a request, 0.111 an answer."""
    used = Quantities(requests_ok=90, requests_failed=6, requests_aborted=4, output=100_000)
    prices = Prices([PriceRow(Decimal("0.1"), NOW)])
    found = report([Spend((), used, prices.priced(used, where=Where("chat"), at=NOW))], seconds=60)
    assert found.total.at_list.per_request == Decimal("0.1")
    assert found.total.at_list.per_success == Decimal(10) / 90
    assert found.total.by_hardware.per_request is None, "no hardware was counted"


@pytest.mark.django_db
def test_replicas_that_are_up_cost_and_are_paid_by_who_uses_them(world):
    factories.make_price(world.service, usd="2.50", at=world.now - 24 * HOUR, unit="gpu_hour")
    organisation = world.organisation
    given = {"actor": permissions.system(organisation), "now": world.now, "effective_from": world.now}
    place(organisation=organisation, service=world.service, hardware="H100", units=Decimal(1), **given)
    place(organisation=organisation, hardware="c6", units=Decimal(3), **given)
    with pytest.raises(BadPlacement, match=r"expected no overlap with 1\.000 H100"):
        place(organisation=organisation, service=world.service, hardware="A100", units=Decimal(1), **given)
    close_hours(now=world.now)
    past = {**given, "effective_from": NOW - HOUR}
    with pytest.raises(BadPlacement, match="hours before it are closed"):
        place(organisation=organisation, service=world.service, hardware="A100", units=Decimal(1), **past)
    world.use(23)
    close_hours(now=world.now)
    assert world.now.hour == 12
    window = {"since": world.now.replace(hour=11, minute=0), "until": world.now.replace(minute=0), "now": world.now}
    tenants = spend(organisation=organisation, by=("tenant",), **window)
    # Two replicas an hour at 2.50, and three shared nodes at the same price, in three equal parts.
    assert sum(one.hardware.known for one in tenants) == Decimal("12.50")
    assert {one.key[0]: one.hardware.known.quantize(Decimal("0.001")) for one in tenants} == dict.fromkeys(
        ("acme", "globex", "initech"), Decimal("4.167")
    )
    kinds = {one.key[0]: one.priced for one in spend(organisation=organisation, by=("hardware",), **window)}
    assert (kinds["H100"].busy.known, kinds["c6"].shared.known) == (Decimal("5"), Decimal("7.5"))


@pytest.mark.django_db
def test_the_command_says_lists_and_ends(db):
    factories.make_service(default_organisation(), slug="chat")

    def command(*arguments):
        out = StringIO()
        with clock.frozen(NOW):
            call_command("cost", "hardware", *arguments, stdout=out)
        return out.getvalue()

    assert "No hardware is said yet" in command()
    assert "H100" in command("H100", "--service", "chat", "--units", "2", "--since", "2026-11-01")
    for wrong, said in (
        (["H100", "--units", "many"], "expected a number such as 2"),
        (["H100", "--units", "0"], "expected more than 0"),
        (["c6", "--region", "eu"], "expected a service or no part"),
        (["A100", "--service", "chat"], "end that one first"),
    ):
        with pytest.raises(CommandError, match=said):
            command(*wrong)
    row = Placement.objects.get()
    assert "2026-11-17 10:00" in command("--end", str(row.pk))
    command("A100", "--service", "chat")
    assert Placement.objects.count() == 2
