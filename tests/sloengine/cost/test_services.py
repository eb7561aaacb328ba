"""evaluate_costs on readings made by hand, and what the commands print."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from observability.core import clock, permissions
from observability.core.models import AuditEntry, Role
from observability.core.permissions import NotAllowed
from sloengine.budgets.models import Finding
from sloengine.cost import queries
from sloengine.cost.models import Price, PriceUnit, UsageBucket
from sloengine.cost.services import evaluate_costs, set_price
from tests import factories
from tests.sloengine.budgets.world import START

pytestmark = pytest.mark.django_db


def price(world, usd="0.11", **given):
    fields = {
        "effective_from": START - timedelta(days=1),
        "now": START,
        "actor": permissions.system(world.organisation),
        **given,
    }
    return set_price(organisation=world.organisation, usd=Decimal(usd), **fields)


def test_a_runaway_tenant_is_found_once_and_clears(world):
    price(world)
    world.use(6)
    assert Finding.objects.count() == 0
    world.use(2, acme=3200)
    (finding,) = world.firing("cost/chat/acme")
    assert finding.evidence["driver"] == "tokens per request"
    assert finding.evidence["usd_per_hour_before"] == pytest.approx(12 * 300 * 400 / 1000 * 0.11, rel=0.01)
    assert finding.evidence["usd_per_hour_now"] == pytest.approx(12 * 300 * 3200 / 1000 * 0.11, rel=0.6)
    assert finding.severity == "page", "more than 100 USD an hour above the usual wakes somebody"
    world.use(4, acme=3200)
    assert Finding.objects.filter(kind="cost").count() == 1
    world.use(5)
    assert not world.firing("cost")


def test_longer_answers_of_all_tenants_are_one_anomaly_of_all(world):
    price(world)
    world.use(6)
    world.use(2, acme=1600, others=1600)
    (finding,) = world.firing("cost")
    assert (finding.fingerprint, finding.evidence["driver"]) == ("cost/chat/all tenants", "tokens per request")
    assert finding.reason.startswith("all tenants use")


def test_a_repeated_evaluation_changes_nothing(world):
    world.use(4)
    before = list(UsageBucket.objects.order_by("pk").values())
    assert evaluate_costs(now=world.now) == 0
    assert evaluate_costs(now=world.now + timedelta(minutes=4)) == 0
    assert list(UsageBucket.objects.order_by("pk").values()) == before


def test_a_spike_of_everyone_is_no_cost_anomaly(world):
    price(world)
    world.use(6)
    world.use(4, requests=900)
    assert Finding.objects.count() == 0


def test_spend_adds_up_and_follows_the_price(world):
    price(world)
    start = world.now
    world.use(2)
    price(world, "0.22", effective_from=world.now)
    world.use(2)
    spend = queries.spend(service=world.service, start=start, end=world.now)
    bucket = Decimal(3 * 300 * 400) / 1000
    assert spend.usd == 2 * bucket * Decimal("0.11") + 2 * bucket * Decimal("0.22")
    assert spend.usd == sum(tenant.usd for tenant in spend.tenants if tenant.usd is not None)
    assert (spend.tokens, spend.requests) == (4 * 3 * 300 * 400, 4 * 3 * 300)
    assert [tenant.tenant for tenant in spend.tenants] == ["acme", "globex", "initech"]
    cost = queries.cost_per_1k(service=world.service, start=start, end=world.now)
    assert cost.at_list_price == Decimal("0.165")
    assert queries.usd_per_hour(service=world.service, now=world.now) == bucket * Decimal("0.22") * 12


def test_without_a_price_the_cost_is_unknown_and_the_tokens_are_not(world):
    start = world.now
    world.use(1)
    spend = queries.spend(service=world.service, start=start, end=world.now)
    assert spend.usd is None
    assert spend.tokens == 3 * 300 * 400


def test_what_was_not_read_is_no_data(world):
    later = world.now + timedelta(days=1)
    assert queries.spend(service=world.service, start=later, end=later + timedelta(hours=1)).tokens is None


def test_hardware_cost_counts_replica_hours(world):
    price(world, "2.50", unit=PriceUnit.GPU_HOUR)
    start = world.now
    world.use(12)
    assert queries.hardware_cost(service=world.service, start=start, end=world.now) == Decimal("2.50") * 2


def test_prices_are_guarded_and_audited(world):
    viewer = factories.make_user(world.organisation, role=Role.VIEWER)
    with pytest.raises(NotAllowed):
        price(world, actor=permissions.of(viewer, world.organisation))
    with pytest.raises(ValueError, match="expected 0 or more"):
        price(world, "-1")
    price(world, "0.12")
    price(world, "0.13")
    assert [row.usd for row in Price.objects.all()] == [Decimal("0.13")]
    assert AuditEntry.objects.filter(verb="set_price").count() == 2


def command(*arguments):
    out = StringIO()
    call_command("cost", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_reports_prices_and_anomalies(world):
    world.use(2)
    with clock.frozen(world.now):
        assert "unknown" in command("report")
        assert "0.11 USD per 1,000 tokens from now on for every service." in command("price", "0.11")
        assert "acme" in command("report", "--hours", "1")
        assert command("anomalies") == "Nothing is unusual.\n"
        with pytest.raises(CommandError, match="expected USD"):
            command("price", "cheap")
        with pytest.raises(CommandError, match="no service"):
            command("price", "1", "--service", "shop")
