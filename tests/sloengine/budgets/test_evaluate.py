"""evaluate_due on readings made by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sloengine.budgets.models import Finding
from sloengine.budgets.services import evaluate_due
from tests.sloengine.budgets import tallied
from tests.sloengine.budgets.world import START, World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = World()
    world.minutes(1, good=100)
    world.apply_library()
    return world


def test_a_healthy_hour_finds_nothing(world):
    world.minutes(60, good=100, similarity=0.97)
    assert Finding.objects.count() == 0


def test_slow_minutes_page_once_per_objective_and_clear_when_they_end(world):
    world.minutes(20, good=100)
    taken = world.until(lambda: bool(world.firing("first-token-p95")), slow=100)
    assert taken <= 5
    (finding,) = world.firing("first-token-p95")
    assert finding.severity == "page"
    assert finding.evidence["unit"] == "slices"
    assert finding.evidence["summary"].startswith("chat is burning its first-token budget "), finding.evidence[
        "summary"
    ]
    assert "“First token, 95 % within 250 ms”" in finding.reason
    assert "first-token-p95" not in finding.reason, "a slug is no word"
    assert finding.evidence["impact_start"] == (START + timedelta(minutes=21)).isoformat(), "slices begin at the minute"
    world.minutes(10, slow=100)
    world.until(lambda: not world.firing(), good=100, most=15)
    world.minutes(60, good=100)
    assert not world.firing(), "what a faster tier paged is not alerted again by a slower one"
    finding.refresh_from_db()
    assert finding.state == "cleared"
    assert finding.evidence["bad_events"] > 2000


def test_a_repeated_tick_changes_nothing(world):
    world.minutes(20, good=100)
    world.minutes(6, slow=100)
    before = (list(Finding.objects.order_by("pk").values()), tallied.everything())
    assert evaluate_due(now=world.now) == 0
    evaluate_due(now=world.now + timedelta(seconds=5))
    assert (list(Finding.objects.order_by("pk").values()), tallied.everything()) == before
