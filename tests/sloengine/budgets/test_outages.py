"""Outages wake within two ticks; a blind source is one finding and silences the rest."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sloengine.budgets.findings.steps import Condition
from sloengine.budgets.models import Finding
from sloengine.budgets.outages.outage import OutageReason, ServiceTotals, replica_outage, total_outage
from sloengine.budgets.services import evaluate_due
from sloengine.collect.models import MetricSource
from tests import factories
from tests.sloengine.budgets.world import START, TICK, World


def ticks(*amounts: tuple[float, float, float, float]) -> list[ServiceTotals]:
    """Totals after ticks of (ok, counted, up, replicas); a tick of None amounts is one without metrics."""
    result = [ServiceTotals(0, 0, 0, 0, 0, 0, 0)]
    for ok, counted, up, replicas in amounts:
        last = result[-1]
        seen = 30 if replicas else 0
        result.append(
            ServiceTotals(
                last.at + 30, last.ok + ok, last.counted + counted, last.up + up, last.replicas + replicas,
                last.request_readings + seen, last.target_readings + seen,
            )
        )  # fmt: skip
    return result


WELL = (50, 50, 3, 3)
GONE = (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("played", "condition", "reason"),
    [
        ([WELL, WELL], Condition.FALSE, OutageReason.SERVING),
        ([WELL, (0, 50, 3, 3)], Condition.TRUE, OutageReason.ALL_FAIL),
        ([WELL, (0, 2, 3, 3)], Condition.FALSE, OutageReason.SERVING),
        ([WELL, (0, 2, 3, 3), (0, 2, 3, 3)], Condition.TRUE, OutageReason.ALL_FAIL),
        ([WELL, (0, 0, 0, 3)], Condition.TRUE, OutageReason.ALL_DOWN),
        ([WELL, GONE], Condition.UNKNOWN, OutageReason.UNKNOWN),
        ([WELL, GONE, GONE], Condition.TRUE, OutageReason.VANISHED),
        ([(0, 0, 3, 3), GONE, GONE], Condition.UNKNOWN, OutageReason.UNKNOWN),
        ([WELL, GONE, WELL], Condition.FALSE, OutageReason.SERVING),
        ([(0, 0, 3, 3), (0, 0, 3, 3)], Condition.FALSE, OutageReason.SERVING),
        ([WELL, (25, 50, 3, 3)], Condition.FALSE, OutageReason.SERVING),
        ([], Condition.UNKNOWN, OutageReason.UNKNOWN),
    ],
    ids=[
        "all is well", "a tick of 50 failures", "two failures are no outage", "four over two ticks are", "every replica down",
        "one gap in the scrape", "metrics vanish", "a service without traffic is scaled to zero", "and they come back",
        "zero traffic", "half fail", "nothing known",
    ],
)  # fmt: skip
def test_total_outage(played, condition, reason):
    found = total_outage(ticks(*played) if played else [])
    assert (found.condition, found.reason) == (condition, reason)


def test_it_began_at_the_end_of_the_last_good_tick():
    assert total_outage(ticks(WELL, WELL, (0, 50, 3, 3), (0, 50, 3, 3))).since == 60


@pytest.mark.parametrize(
    ("played", "condition"),
    [
        ([WELL, (45, 50, 2, 3), (45, 50, 2, 3)], Condition.TRUE),
        ([WELL, WELL, (45, 50, 2, 3)], Condition.FALSE),
        ([WELL, (50, 50, 2, 3), (50, 50, 2, 3)], Condition.FALSE),
        ([WELL, (45, 50, 3, 3), (45, 50, 3, 3)], Condition.FALSE),
    ],
    ids=[
        "down and felt",
        "down for one tick only",
        "a rolling restart that nobody feels",
        "failures without a dead replica",
    ],
)
def test_replica_outage(played, condition):
    assert replica_outage(ticks(*played))[0] is condition


@pytest.fixture
def world() -> World:
    world = World()
    world.minutes(3, good=100)
    return world


@pytest.mark.django_db
def test_every_request_failing_pages_within_two_ticks(world):
    world.tick(failed=50)
    assert world.until(lambda: bool(world.firing("outage/chat/service")), failed=50) <= 1
    (finding,) = world.firing("outage")
    assert (finding.severity, finding.evidence["signal"]) == ("page", "all_fail")
    assert finding.evidence["summary"] == "chat is out"
    world.minutes(2, failed=50)
    assert Finding.objects.filter(kind="outage").count() == 1
    assert world.until(lambda: not world.firing("outage"), good=100) <= 6


@pytest.mark.django_db
def test_vanished_metrics_page_and_their_return_clears(world):
    world.dark = True
    assert world.until(lambda: bool(world.firing("outage")), most=2) <= 1
    world.minutes(30)
    assert len(world.firing("outage")) == 1
    world.dark = False
    world.until(lambda: not world.firing("outage"), good=100, most=7)


@pytest.mark.django_db
def test_a_blind_source_is_one_finding_and_silences_absence(world):
    rows = MetricSource.objects.filter(pk=world.source.pk)
    rows.update(failing_since=world.now, last_error="connection refused")
    evaluate_due(now=world.now + timedelta(seconds=30))
    assert not world.firing()
    for minute in range(1, 30):
        evaluate_due(now=world.now + timedelta(minutes=minute))
    (finding,) = world.firing()
    assert (finding.kind, finding.service_id) == ("blind", None)
    assert finding.reason == "probe cannot be read: connection refused."
    world.now += timedelta(minutes=30)
    world.minutes(3, good=100)
    assert not world.firing()
    assert Finding.objects.count() == 1


@pytest.mark.django_db
def test_a_source_that_was_never_read_is_blind_too():
    since = START - timedelta(minutes=2)
    organisation = factories.make_organisation()
    fields = {"organisation": organisation, "name": "new", "kind": "scrape", "url": "http://127.0.0.1:1/metrics"}
    MetricSource.objects.create(**fields, failing_since=since, last_error="connection refused")
    evaluate_due(now=START)
    assert Finding.objects.get().fingerprint == "blind/new"


@pytest.mark.django_db
def test_a_dead_replica_that_users_feel_is_named(world):
    from probes.exposition import series

    labels = {"service": "chat", "model": "m", "version": "1", "replica": "chat-9", "region": "eu"}
    world.extra[series("tailwatch_target_up", **labels)] = 0.0
    world.minutes(2, good=45, failed=5)
    (finding,) = world.firing("outage/chat/replica")
    assert finding.evidence["replicas"] == ["chat-9"]
    assert (finding.evidence["replicas_down"], finding.evidence["replicas_known"]) == (1, 3)
    assert finding.evidence["summary"] == "chat has lost 1 of 3 replicas"
    assert finding.evidence["impact_start"] <= (world.now - 3 * TICK).isoformat()
