"""No data, zero traffic and all bad, from readings to the budget page."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from observability.core import permissions
from probes.exposition import series
from sloengine.budgets import queries
from sloengine.budgets.budget import BudgetState
from sloengine.budgets.burnrate import Reason
from sloengine.budgets.models import EvaluationCursor, Finding, TallyPlace
from sloengine.budgets.services import evaluate_due
from sloengine.collect.models import MetricSource
from sloengine.collect.services import collect_reading
from sloengine.collect.totals import State
from sloengine.objectives import services as objectives
from sloengine.objectives.models import Objective
from sloengine.objectives.queries import last_state
from sloengine.rollups.services import Chunk, backfill
from sloengine.sources.base import Reading
from tests import factories
from tests.sloengine.budgets import tallied
from tests.sloengine.budgets.world import START, TICK, World
from tests.sloengine.readings import together

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = World()
    world.minutes(1, good=100)
    world.apply_library()
    return world


def status(world: World, slug: str) -> queries.BudgetStatus:
    (found,) = (one for one in queries.budget_status(service=world.service, now=world.now) if one.slug == slug)
    return found


def reasons(world: World, slug: str) -> list[Reason]:
    objective = Objective.objects.get(service=world.service, slug=slug)
    return [window.reason for window in queries.burn_windows(objective=objective, now=world.now)]


def test_no_data_is_no_data(world):
    world.minutes(10, good=100)
    assert status(world, "answer-quality").state is BudgetState.NO_DATA
    assert status(world, "answer-quality").remaining_ratio is None
    assert reasons(world, "answer-quality")[0] is Reason.NO_DATA


def test_what_the_last_reading_says_of_its_counters(world):
    """Ok, no traffic, partial, no data: each slot's own state, read at the last tick."""
    availability, quality = (
        Objective.objects.get(service=world.service, slug=one) for one in ("availability", "answer-quality")
    )
    world.tick(good=1)
    assert (last_state(availability), last_state(quality)) == (State.OK, None)
    world.tick()
    assert last_state(availability) is State.ZERO_TRAFFIC
    world.now += TICK
    samples = {**together(*world.replicas), **world.extra}
    collect_reading(source=world.source, reading=Reading(world.now, samples, partial=True))
    assert last_state(availability) is State.PARTIAL
    world.dark = True
    world.tick()
    assert last_state(availability) is State.NO_DATA


def test_zero_traffic_spends_nothing_and_is_not_no_data(world):
    world.tick(good=100)
    before = status(world, "first-token-300ms")
    world.minutes(10)
    after = status(world, "first-token-300ms")
    assert (after.total, after.bad) == (before.total, before.bad)
    assert reasons(world, "first-token-300ms")[0] is Reason.ZERO_TRAFFIC
    assert Finding.objects.count() == 0


def test_all_bad_exhausts_and_burns(world):
    world.minutes(10, slow=100)
    found = status(world, "first-token-300ms")
    assert found.state is BudgetState.BURNING
    assert found.remaining_ratio is not None
    assert found.remaining_ratio < 0
    assert found.firing == ("fast",)
    assert found.notice == "Judged at 0.25 s: the engine has no 0.3 s bound."
    assert reasons(world, "first-token-300ms")[0] is Reason.BURNING


def test_bad_minutes_are_counted_of_the_whole_window(world):
    world.minutes(20, good=100)
    world.minutes(5, slow=100)
    found = status(world, "first-token-p95")
    assert found.unit == "minutes"
    assert found.allowed == pytest.approx(216)
    assert found.bad == pytest.approx(5, abs=1)
    assert found.spent_ratio == pytest.approx(found.bad / 216)
    assert found.partial


def test_poor_answers_page_the_quality_objective_and_no_other(world):
    world.minutes(20, good=100, similarity=0.97)
    assert not world.firing()
    taken = world.until(lambda: bool(world.firing()), good=100, similarity=0.80)
    (finding,) = world.firing()
    assert 2 <= taken <= 6
    assert (finding.severity, finding.evidence["indicator"]) == ("page", "quality")
    assert finding.evidence["mean"] == pytest.approx(0.8, abs=0.05)


def test_five_bad_minutes_in_a_row_page_whatever_the_budget(world):
    Objective.objects.filter(slug="first-token-p95").update(target="0.9", changed_at=START + timedelta(seconds=1))
    world.minutes(40, good=100)
    taken = world.until(lambda: bool(world.firing("first-token-p95/sustained")), slow=100)
    assert 4 <= taken <= 6
    assert not world.firing("first-token-p95/fast"), "14.4 x cannot fire at 90 %"
    assert "14.4" in status(world, "first-token-p95").notice


def test_a_burn_down_has_gaps_before_the_first_data_and_falls(world):
    world.minutes(10, good=100)
    world.minutes(5, slow=100)
    objective = Objective.objects.get(slug="first-token-p95")
    points = queries.burn_down(objective=objective, start=START - timedelta(minutes=30), end=world.now, points=60)
    assert points[0].remaining_ratio is None
    known = [point.remaining_ratio for point in points if point.remaining_ratio is not None]
    assert known[0] == 1.0
    assert known[-1] == pytest.approx(1 - status(world, "first-token-p95").bad / 216)
    assert queries.budget_spent(objective=objective, start=START, end=world.now) == pytest.approx(1 - known[-1])


def test_an_objective_applied_later_knows_the_past(world):
    world.minutes(10, good=90, slow=10)
    before = status(world, "first-token-300ms")
    TallyPlace.objects.all().delete()
    EvaluationCursor.objects.update(tick=None)
    world.tick(good=90, slow=10)
    after = status(world, "first-token-300ms")
    assert after.total == before.total + 100
    assert after.bad == before.bad + 10


def test_missed_ticks_are_caught_up(world):
    world.minutes(5, good=100)
    for _ in range(10):
        world.tick(good=90, slow=10, evaluate=False)
    world.tick(good=100)
    ticks = [tick for tick, _ in tallied.rows(Objective.objects.get(slug="first-token-p95"))]
    assert {(after - before).total_seconds() for before, after in pairwise(ticks)} == {30}
    assert status(world, "first-token-p95").bad == pytest.approx(5, abs=1)


def test_a_past_in_steps_of_five_minutes_counts_every_minute(world):
    """History written straight into the tiers has a row every five minutes: each is five slices, and nothing is partial."""
    source = MetricSource.objects.create(
        organisation=factories.make_organisation(), name="past", kind="memory", url="memory:past"
    )
    labels = {"service": "chat", "model": "m", "version": "1", "region": "eu", "replica": "a"}
    within, every = ({**labels, "le": bound} for bound in ("0.25", "+Inf"))
    names = [
        ("ttft_seconds_bucket", within),
        ("ttft_seconds_bucket", every),
        ("ttft_seconds_sum", labels),
        ("ttft_seconds_count", labels),
    ]
    keys = [series(f"tailwatch_{name}", **known) for name, known in names]
    ticks = [START - timedelta(days=2) + timedelta(minutes=5 * index) for index in range(1, 577)]
    amounts = np.tile([100.0, 100.0, 5.0, 100.0], (576, 1))
    amounts[100:103, 0] = 50.0
    backfill(source=source, chunks=[Chunk(ticks=ticks, series=keys, amounts=amounts)], now=START)
    objectives.apply_library(organisation=source.organisation, actor=permissions.system(source.organisation), now=START)
    evaluate_due(now=START)
    objective = Objective.objects.get(organisation=source.organisation, slug="first-token-p95")
    (found,) = queries.statuses(objectives=[objective], now=START)
    assert found.bad == 15
    assert found.total == pytest.approx(2880, abs=5), "the first row is where counting begins"
    assert tallied.rows(objective)[-1][1]["covered"] == pytest.approx(2 * 86400, abs=600)
    assert Finding.objects.count() == 0, "what is long over wakes nobody"


def test_statements_do_not_grow_with_objectives(world, django_assert_max_num_queries):
    world.minutes(2, good=100)
    rows = list(Objective.objects.select_related("service"))
    for some in (rows[:1], rows):
        with django_assert_max_num_queries(5):
            queries.statuses(objectives=some, now=world.now)
