"""Ten-second bursts as an objective (R11)."""

from __future__ import annotations

import pytest

from observability.core import permissions
from probes.exposition import series
from sloengine.budgets.queries import budget_status
from sloengine.objectives import services as objectives
from sloengine.objectives.openslo import InvalidObjectives, Known, parse
from sloengine.objectives.texts import Document
from tests.sloengine.budgets.world import World

BURST = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: burst, annotations: {tailwatch/indicator: burst}}
spec:
  service: chat
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Timeslices
  objectives: [{op: lte, value: 0.3, target: "0.99", timeSliceTarget: "0.999", timeSliceWindow: 1m}]
"""


def show(world, *, worst, late, bound="300"):
    for state, count, over in (("worst", worst, late), ("busiest", 10 * worst, 0)):
        labels = {"service": "chat", "state": state}
        world.extra[series("tailwatch_burst_requests", **labels)] = count
        if over is not None:
            world.extra[series(f"tailwatch_burst_over_{bound}ms_requests", **labels)] = over


def status(world, text=BURST):
    actor = permissions.system(world.organisation)
    objectives.apply(organisation=world.organisation, documents=[Document("a", text)], actor=actor, now=world.now)
    return lambda: budget_status(service=world.service, now=world.now)[0]


@pytest.mark.django_db
def test_a_minute_is_bad_when_its_worst_ten_seconds_are():
    world = World()
    show(world, worst=1000, late=0)
    now = status(world)
    world.minutes(5, good=1)
    show(world, worst=1000, late=2)  # 99.8 % within 300 ms, where the busiest ten seconds would have hidden it
    world.minutes(1, good=1)
    show(world, worst=1000, late=1)  # 99.9 %
    world.minutes(4, good=1)
    found = now()
    assert found.bad == 1
    assert found.goal.startswith(
        "99.9 % of requests of the worst ten seconds get their first token within 300 ms in 99 %"
    )


@pytest.mark.django_db
def test_a_source_without_the_bound_is_no_data_and_says_so():
    world = World()
    show(world, worst=1000, late=None)
    now = status(world)
    world.minutes(3, good=1)
    assert now().total == 0
    assert "no bound at or below 0.3 s" in now().notice
    show(world, worst=1000, late=5, bound="250")
    quarter = status(world, BURST.replace("0.3,", "0.25,"))
    world.minutes(3, good=1)
    assert quarter().bad >= 2


def test_only_what_the_probe_counts_can_be_promised():
    for text, sentence in ((BURST.replace("0.3,", "0.4,"), "0.25 or 0.3 s"), (BURST.replace("op: lte, ", ""), "lte")):
        with pytest.raises(InvalidObjectives, match=sentence):
            parse(documents=[Document("a", text)], known=Known(services=("chat",)))
