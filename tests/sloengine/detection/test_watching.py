"""Moved signals through collect and evaluate: what opens, what does not, what it costs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from observability.core import prepared
from sloengine.budgets.models import EvaluationCursor, Finding
from sloengine.detection import services as detection
from sloengine.detection.queries import leading
from sloengine.objectives.models import Objective
from sloengine.screens.queries import slo_page
from tests.sloengine.budgets.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    """So long that the levels are known."""
    world = World()
    for _ in range(20):
        world.tick(good=100, evaluate=False)
    world.minutes(1, good=100)
    return world


def moved(world):
    return list(Finding.objects.firing().filter(organisation=world.organisation, kind="moved").order_by("pk"))


def test_requests_that_became_slow_open_a_finding_of_low_severity_within_two_ticks(world):
    before = world.now
    world.minutes(1, good=10, slow=90)
    (finding,) = moved(world)
    assert finding.severity == "ticket"
    assert finding.since - before <= timedelta(seconds=60)
    assert finding.evidence["indicator"] == "ttft"
    assert "time to first token" in finding.reason
    assert finding.evidence["impact_start"] == before.isoformat()


def test_it_clears_soon_after_the_signal_is_back(world):
    world.minutes(2, good=10, slow=90)
    assert moved(world)
    world.minutes(6, good=100)
    assert not moved(world)
    assert Finding.objects.get(kind="moved").state == "cleared"


def test_failures_are_found_before_any_budget_burns(world):
    world.minutes(1, good=90, failed=10)
    assert [one.evidence["indicator"] for one in moved(world)] == ["availability"]


def test_more_requests_of_the_same_speed_a_gap_and_a_restart_are_nothing(world):
    for good in range(100, 300, 10):
        world.tick(good=good)
    world.dark = True
    world.minutes(2)
    world.dark = False
    world.replicas[0].restart(world.now.timestamp(), version="2")
    world.minutes(3, good=200)
    assert not Finding.objects.filter(kind="moved").exists()


def test_the_page_of_a_quality_objective_says_whether_latency_precedes_its_falls(world):
    world.apply_library()
    world.tick(good=100, similarity=0.97)
    found = leading(service=world.service, now=world.now)
    assert found.sentence == "Cannot tell: there is too little history."
    assert found.measured == "the mean gap between tokens"
    objective = Objective.objects.get(service=world.service, indicator="quality")
    assert slo_page(objective=objective, now=world.now).leading == found.sentence


def test_signals_that_break_the_watch_keep_no_budget_from_being_judged(world, monkeypatch, caplog):
    world.minutes(1, good=10, slow=90)
    (finding,) = moved(world)

    def broken(**_given):
        raise ValueError("no such row")

    monkeypatch.setattr(detection, "watched", broken)
    world.minutes(1, good=100)
    assert EvaluationCursor.objects.get().tick == world.now
    assert moved(world) == [finding]
    assert "could not be watched" in caplog.text


def test_a_calm_tick_asks_the_database_nothing_more(world, monkeypatch):
    """What is kept travels with the cursor's row, and the sums of a tick are in memory."""
    asked = []
    real = prepared.rows

    def noted(statement, given=(), /):
        asked.append(statement)
        return real(statement, given)

    monkeypatch.setattr(prepared, "rows", noted)
    world.tick(good=100)
    with_watch = len(asked)
    asked.clear()
    monkeypatch.setattr(detection, "watched", lambda **given: detection.Watched([], given["kept"]))
    world.tick(good=100)
    assert with_watch == len(asked)
