"""One organisation's, source's or moment's trouble must not hide another's outage."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sloengine.budgets import services
from sloengine.budgets.findings.steps import Condition
from sloengine.budgets.outages.outage import total_outage
from sloengine.budgets.services import evaluate_due
from sloengine.collect.models import MetricSource
from sloengine.collect.services import collect_reading
from sloengine.sources.base import Reading
from tests import factories
from tests.sloengine.budgets.test_outages import WELL, ticks
from tests.sloengine.budgets.world import World
from tests.sloengine.readings import Replica, together


@pytest.fixture
def world() -> World:
    world = World()
    world.minutes(3, good=100)
    return world


@pytest.mark.django_db
def test_an_organisation_that_cannot_be_evaluated_stops_no_other(monkeypatch, caplog):
    broken, well = World(), World()
    evaluate = services._evaluate

    def fails_for_one(*, organisation_id, **given):
        if organisation_id == broken.organisation.pk:
            raise ValueError("no")
        return evaluate(organisation_id=organisation_id, **given)

    monkeypatch.setattr(services, "_evaluate", fails_for_one)
    for world in (broken, well):
        world.tick(evaluate=False)
    assert evaluate_due(now=well.now) == 1
    assert "could not be evaluated" in caplog.text


@pytest.mark.django_db
def test_a_probe_that_was_given_up_does_not_silence_outages_elsewhere(world):
    """Somebody left a dead probe configured: weeks later a service that is read well goes down."""
    since = world.now - timedelta(days=20)
    factories.make_source(world.organisation, name="dead", failing_since=since, last_error="connection refused")
    world.tick(failed=50)
    world.tick(failed=50)
    assert [finding.fingerprint for finding in world.firing("outage")] == ["outage/chat/service"]


@pytest.mark.django_db
@pytest.mark.parametrize("seconds", [0, 3600])
def test_the_services_of_a_source_that_fails_have_not_vanished(world, seconds):
    """Another source goes on ticking: what is missing of this one is missing because it cannot be read."""
    other = factories.make_source(world.organisation, name="other", tick_seconds=30)
    code = Replica("code-0", service="code")
    failing = MetricSource.objects.filter(pk=world.source.pk)
    for played in range(8):
        code.serve(50, seconds=0.05)
        world.now += timedelta(seconds=30)
        collect_reading(source=other, reading=Reading(at=world.now, samples=together(code)))
        if played == 1:
            failing.update(failing_since=world.now - timedelta(seconds=seconds), last_error="connection refused")
        if played >= 1:
            evaluate_due(now=world.now)
    assert not world.firing("outage")
    assert len(world.firing("blind")) == 1


def test_the_last_callers_of_a_service_that_fails_do_not_make_it_well():
    failing = [(0, 50, 3, 3), (0, 1, 3, 3), (0, 1, 3, 3)]
    assert total_outage(ticks(WELL, *failing)).condition is Condition.UNKNOWN


@pytest.mark.django_db
def test_callers_that_have_given_up_are_no_recovery():
    """A burn that was paged does not clear because nobody asks any more; after its whole window without a request it does."""
    world = World()
    world.apply_library()
    world.minutes(6, good=100)
    world.until(lambda: bool(world.firing("burn", "availability", "fast")), good=50, failed=50)
    world.minutes(15)
    assert world.firing("burn", "availability", "fast")
    world.minutes(60)
    assert not world.firing("burn", "availability", "fast")
