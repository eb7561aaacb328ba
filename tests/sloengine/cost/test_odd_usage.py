"""Usage that no tenant has on a good day: none at all, tokens without a request, a service that cannot be judged."""

from __future__ import annotations

import json

import pytest

from sloengine.budgets.models import Finding
from sloengine.cost import anomalies, services
from sloengine.cost.anomalies import Bucket, CostReason
from sloengine.cost.services import evaluate_costs
from tests.sloengine.cost.test_services import price

USUAL = [Bucket(tokens=1000.0, requests=10.0, others_tokens=4000.0, others_requests=40.0)] * 12


def judge(recent: list[Bucket]) -> anomalies.Departure:
    return anomalies.judge(history=USUAL, recent=recent, bucket_seconds=300, usd_per_1k=None)


def test_a_tenant_that_stopped_while_others_go_on_is_no_anomaly():
    assert judge([Bucket(0.0, 0.0, 4000.0, 40.0)] * 2).reason is CostReason.STOPPED
    assert judge([]).reason is CostReason.NO_DATA
    assert judge([Bucket(0.0, 0.0, 0.0, 0.0)] * 2).reason is CostReason.NO_DATA


def test_tokens_of_requests_that_are_still_running_make_figures_that_can_be_stored():
    found = judge([Bucket(5_000_000.0, 0.0, 4000.0, 40.0)] * 2)
    assert found.reason is CostReason.DEPARTED
    assert found.tokens_per_request_ratio is None
    json.dumps([found.factor, found.requests_ratio, found.noises], allow_nan=False)


def test_the_only_tenant_with_tokens_and_no_request_divides_by_nothing():
    assert judge([Bucket(500_000.0, 0.0, 0.0, 0.0)] * 2).reason is CostReason.NO_DATA


@pytest.mark.django_db
def test_a_runaway_tenant_that_was_cut_off_clears(world):
    """Its quota is zero now, as the runbook says: the incident must not stay open for the six hours of history."""
    price(world)
    world.use(6)
    world.use(2, acme=3200)
    assert Finding.objects.get(kind="cost").state == "firing"
    world.use(6, acme=0)
    # That the others' share of what is left has doubled is no excess of theirs.
    assert Finding.objects.get(kind="cost").state == "cleared"


@pytest.mark.django_db
def test_a_service_that_cannot_be_judged_stops_no_other(world, monkeypatch, caplog):
    def breaks(*_given, **_named):
        raise ValueError("no")

    monkeypatch.setattr(services, "_evaluate", breaks)
    for _ in range(10):
        world.tick(evaluate=False)
    assert evaluate_costs(now=world.now) == 0
    assert "could not be judged" in caplog.text
