"""A signal that is no longer there: told once, through gaps, restarts and scaling to zero, by the engine as it runs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from observability.core import permissions
from probes.exposition import series
from sloengine.budgets.services import evaluate_due
from sloengine.collect.models import MetricSource
from sloengine.objectives import services as objectives
from sloengine.objectives.asked import Asked, samples
from sloengine.objectives.texts import Document
from tests import factories
from tests.sloengine.budgets.world import World
from tests.sloengine.objectives.test_kinds import inline, metric

pytestmark = pytest.mark.django_db
QUERY = f"{{ratioMetric: {{good: {metric('ok_total')}, total: {metric('all_total')}}}}}"
ASKED = Asked("shop", "q", (("good", "ok_total"), ("total", "all_total")), True, False, "", 0.0)
SIMILAR = """
apiVersion: openslo/v1
kind: SLO
metadata:
  name: similar
  annotations: {tailwatch/indicator: quality, tailwatch/absent-after: 5m}
spec:
  service: chat
  budgetingMethod: Timeslices
  timeWindow: [{duration: 30d, isRolling: true}]
  objectives: [{op: gte, value: 0.92, target: 0.995, timeSliceWindow: 1m}]
"""
TOLD = """  alertPolicies:
    - kind: AlertPolicy
      metadata: {name: told}
      spec:
        alertWhenNoData: true
        conditions:
          - kind: AlertCondition
            metadata: {name: c}
            spec: {severity: page, condition: {threshold: 2, lookbackWindow: 1h, alertAfter: 0m}}
"""


def apply(world: World, text: str) -> None:
    actor = permissions.system(world.organisation)
    objectives.apply(organisation=world.organisation, documents=[Document("a", text)], actor=actor, now=world.now)


@pytest.fixture
def world() -> World:
    """Similarity is measured, promised, and missed after five minutes."""
    world = World(replicas=1)
    world.minutes(1, good=10, similarity=0.97)
    apply(world, SIMILAR)
    world.minutes(5.5, good=10, similarity=0.97)
    return world


def test_a_signal_that_goes_while_others_stay_is_one_ticket_until_it_is_back(world):
    gone = dict(world.extra)
    world.extra.clear()
    world.minutes(4, good=10)
    for _ in range(4):
        world.tick(good=10, evaluate=False)
        MetricSource.objects.filter(pk=world.source.pk).update(failing_since=world.now, last_error="refused")
        evaluate_due(now=world.now)
    assert not world.firing("absent/"), "while its source fails nobody knows"
    world.tick(good=10)
    (finding,) = world.firing("absent/chat/similar")
    assert (finding.severity, finding.kind) == ("ticket", "absent")
    world.minutes(2, good=10)
    assert [one.pk for one in world.firing("absent/")] == [finding.pk]
    world.extra.update(gone)
    assert 5 <= world.until(lambda: not world.firing("absent/"), good=10, similarity=0.97) <= 6
    finding.refresh_from_db()
    assert finding.evidence["cleared_because"] == "it is shown again"


def test_neither_a_gap_nor_a_rolling_restart_nor_scaling_to_zero_is_an_absence(world):
    world.dark = True
    world.minutes(3)
    world.dark = False
    world.minutes(1, good=10, similarity=0.97)
    world.replicas[0].restart(world.now.timestamp())
    world.minutes(4, good=10)
    world.minutes(5, similarity=0.97)
    assert not world.firing("absent/")
    world.dark = True
    world.minutes(8)
    assert not world.firing(), "nobody asked for anything when it went"


def shop(world: World) -> None:
    """A service that nothing but its query is known of."""
    factories.make_service(world.organisation, slug="shop")
    spec = (
        inline(QUERY).replace("service: chat", "service: shop").replace("  budgetingMethod", TOLD + "  budgetingMethod")
    )
    apply(world, spec)
    for _ in range(4):
        answer(world, 10)


def answer(world: World, more: int) -> None:
    """Two minutes and a half later; an answer of None is an empty one."""
    total = world.extra.pop(series("tailwatch_x", service="x"), 0.0) + more
    world.extra.clear()
    if more:
        world.extra.update(samples(ASKED, {"good": [((), total)], "total": [((), total)]}))
    world.extra[series("tailwatch_x", service="x")] = total
    world.now += timedelta(minutes=2)
    world.tick(good=10)


def test_a_service_known_by_its_query_alone_is_missed_where_its_policy_asks(world):
    shop(world)
    for _ in range(3):
        answer(world, 0)
    assert not world.firing("absent/shop")
    answer(world, 0)
    answer(world, 0)
    (finding,) = world.firing("absent/shop/q")
    assert finding.evidence["absent_after_seconds"] == 600
    assert finding.evidence["summary"] == f"shop no longer shows “{finding.evidence['title']}”"
    for _ in range(4):
        answer(world, 10)
    assert not world.firing("absent/shop")


ANSWERS = """
apiVersion: openslo/v1
kind: SLO
metadata:
  name: answers
  annotations: {tailwatch/indicator: availability, tailwatch/alerts: "off"}
spec:
  service: chat
  budgetingMethod: Occurrences
  timeWindow: [{duration: 30d, isRolling: true}]
  objectives: [{target: 0.9}]
"""
PARTS = """
apiVersion: openslo/v1
kind: SLO
metadata:
  name: whole
  annotations: {tailwatch/indicator: composite, tailwatch/members: answers, tailwatch/combine: worst}
spec:
  service: chat
  budgetingMethod: Occurrences
  timeWindow: [{duration: 30d, isRolling: true}]
  alertPolicies:
    - kind: AlertPolicy
      metadata: {name: held}
      spec:
        conditions:
          - kind: AlertCondition
            metadata: {name: held}
            spec: {severity: page, condition: {threshold: 2, lookbackWindow: 12m, alertAfter: 3m}}
  objectives: [{target: 0.9}]
"""


def test_a_composite_that_has_burned_for_as_long_as_its_condition_asks_fires_with_its_figures(world):
    apply(world, ANSWERS + "---" + PARTS)
    world.minutes(6, good=10)
    assert 4 <= world.until(lambda: bool(world.firing("burn/chat/whole")), failed=20, most=9) <= 5
    (finding,) = world.firing("burn/chat/whole")
    evidence = finding.evidence
    assert evidence["tier_name"] == "held"
    assert 160 <= evidence["bad_events"] <= 200
    assert evidence["impact_start"] < (finding.since - timedelta(minutes=3)).isoformat()
