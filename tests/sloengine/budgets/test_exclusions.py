"""Exclusions: when they hold, how wide, that they count backwards; and adjustments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from observability.core import permissions
from observability.core.models import AuditEntry, Role
from observability.core.permissions import NotAllowed
from sloengine.budgets.exclusions import services
from sloengine.budgets.exclusions.calendar import (
    BadRule,
    Rule,
    Stretch,
    checked,
    excluded_seconds,
    stretches,
    united,
    widened,
    widening_notice,
)
from sloengine.budgets.queries import burn_down, burn_windows, statuses, what_if
from sloengine.budgets.services import evaluate_due
from sloengine.objectives.models import Objective
from sloengine.objectives.services import apply
from sloengine.objectives.texts import Document
from tests import factories
from tests.sloengine.budgets.world import START, World

BERLIN = "Europe/Berlin"


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


WEEKLY = Rule(at("2026-03-22T01:00"), timedelta(hours=2), "FREQ=WEEKLY;BYDAY=SU", BERLIN)


def starts(rule, start, end):
    return [f"{one.start:%m-%d %H:%M}" for one in stretches(rule, start=at(start), end=at(end))]


def test_a_rule_keeps_its_local_hour_when_clocks_change():
    assert starts(WEEKLY, "2026-03-01", "2026-04-13") == ["03-22 01:00", "03-29 01:00", "04-05 00:00", "04-12 00:00"]


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (Rule(at("2026-03-01T10:00"), timedelta(hours=1)), [("10:00", "11:00")]),
        (Rule(at("2026-03-01T08:30"), timedelta(hours=1)), [("09:00", "09:30")]),
        (Rule(at("2026-03-01T11:30"), timedelta(hours=1)), [("11:30", "12:00")]),
        (Rule(at("2026-03-01T12:00"), timedelta(hours=1)), []),
        (Rule(at("2026-03-01T10:00"), timedelta(hours=1), until=at("2026-03-01T10:20")), [("10:00", "10:20")]),
        (Rule(at("2026-03-01T08:00"), timedelta(minutes=10), "FREQ=HOURLY;COUNT=4"),
         [("09:00", "09:10"), ("10:00", "10:10"), ("11:00", "11:10")]),
    ],
    ids=["inside", "from before", "beyond", "after", "called off", "by the hour"],
)  # fmt: skip
def test_the_part_of_a_span_that_is_excluded(rule, found):
    parts = stretches(rule, start=at("2026-03-01T09:00"), end=at("2026-03-01T12:00"))
    assert [(f"{one.start:%H:%M}", f"{one.end:%H:%M}") for one in parts] == found


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule(datetime(2026, 1, 1), timedelta(hours=1)), "a moment with an offset"),
        (Rule(START, timedelta(0)), "1 minute to 31 days"),
        (Rule(START, timedelta(hours=1), zone="Mars/North"), "a name such as Europe/Berlin"),
        (Rule(START, timedelta(hours=1), "every sunday"), "an RRULE such as"),
        (Rule(START, timedelta(hours=1), "FREQ=NEVER"), "an RRULE such as"),
        (Rule(START, timedelta(hours=1), "FREQ=SECONDLY"), "15 minutes between starts"),
        (Rule(START, timedelta(hours=1), "FREQ=DAILY;UNTIL=20200101T000000Z"), "a rule that happens at all"),
    ],
)
def test_rules_that_cannot_be(rule, words):
    with pytest.raises(BadRule, match=words):
        checked(rule)


def test_overlapping_stretches_exclude_once():
    found = [
        Stretch(at("2026-03-01T10:00"), at("2026-03-01T11:00")),
        Stretch(at("2026-03-01T10:30"), at("2026-03-01T12:00")),
    ]
    assert united(found) == [Stretch(at("2026-03-01T10:00"), at("2026-03-01T12:00"))]
    assert excluded_seconds(found, start=at("2026-03-01T09:00"), end=at("2026-03-01T11:30")) == 5400


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("2026-03-01T12:00", "10:10:30", "10:20:00"),
        ("2026-03-02T12:00", "10:10:00", "10:20:00"),
        ("2026-03-20T12:00", "10:00:00", "11:00:00"),
    ],
    ids=["fresh, 30 s", "of yesterday, 5 min", "of last week, an hour"],
)
def test_old_stretches_are_widened_and_said_so(now, start, end):
    asked = Stretch(at("2026-03-01T10:10:45"), at("2026-03-01T10:20:00"))
    found = widened(asked, now=at(now))
    assert (f"{found.start:%H:%M:%S}", f"{found.end:%H:%M:%S}") == (start, end)
    assert widening_notice([asked], now=at(now))
    assert widening_notice([found], now=at(now)) == ""


@pytest.fixture
def world(db):
    """Five good minutes, five bad, five good; then judged."""
    found = World(replicas=1)
    for good, failed in ((20, 0), (0, 20), (20, 0)):
        for _ in range(10):
            found.tick(good=good, failed=failed, evaluate=False)
    found.apply_library()
    evaluate_due(now=found.now)
    return found


def bad_minutes(world):
    actor = permissions.system(world.organisation)
    rule = Rule(START + timedelta(minutes=5.5), timedelta(minutes=5.5))
    return services.exclude(organisation=world.organisation, rule=rule, reason="load test", actor=actor, now=world.now)


def test_an_exclusion_counts_backwards(world):
    objective = Objective.objects.get(slug="availability")
    before = statuses(objectives=[objective], now=world.now)[0]
    assert (before.bad, before.total) == (200, 600)
    exclusion = bad_minutes(world)
    after = statuses(objectives=[objective], now=world.now)[0]
    assert (after.bad, after.remaining_ratio) == (0, 1)
    assert after.total == 600 - 220
    assert "6 min of the window left out" in after.notice
    assert all(window.burn_long == 0 for window in burn_windows(objective=objective, now=world.now))
    left = burn_down(objective=objective, start=world.now - timedelta(minutes=10), end=world.now, points=3)
    assert [point.remaining_ratio for point in left] == [1, 1, 1]
    services.call_off(exclusion=exclusion, actor=permissions.system(world.organisation), now=START)
    assert statuses(objectives=[objective], now=world.now)[0].bad == 200


WHOLE = """
apiVersion: openslo/v1
kind: SLO
metadata:
  name: whole
  annotations: {tailwatch/indicator: composite, tailwatch/members: availability, tailwatch/combine: worst}
spec:
  service: chat
  budgetingMethod: Occurrences
  timeWindow: [{duration: 30d, isRolling: true}]
  objectives: [{target: 0.9}]
"""


def test_an_exclusion_of_a_composite_alone_is_taken_out_of_it_and_not_of_its_parts(world):
    actor = permissions.system(world.organisation)
    apply(organisation=world.organisation, documents=[Document("whole", WHOLE)], actor=actor, now=world.now)
    both = list(Objective.objects.filter(slug__in=("whole", "availability")).order_by("slug"))
    before = statuses(objectives=both, now=world.now)
    assert [(one.bad, one.total) for one in before] == [(200, 600), (200, 600)]
    rule = Rule(START + timedelta(minutes=5.5), timedelta(minutes=5.5))
    services.exclude(
        organisation=world.organisation, rule=rule, reason="x", actor=actor, now=world.now, objective=both[1]
    )
    after = statuses(objectives=both, now=world.now)
    assert [(one.bad, one.total) for one in after] == [(200, 600), (0, 380)]
    assert "6 min of the window left out" in after[1].notice
    assert not any(window.burn_long for window in burn_windows(objective=both[1], now=world.now))


def test_an_exclusion_of_another_service_touches_nothing(world):
    other = factories.make_service(world.organisation, slug="other")
    rule = Rule(START, timedelta(hours=1))
    actor = permissions.system(world.organisation)
    services.exclude(organisation=world.organisation, rule=rule, reason="x", actor=actor, now=world.now, service=other)
    assert statuses(objectives=[Objective.objects.get(slug="availability")], now=world.now)[0].bad == 200


def test_an_adjustment_has_a_reason_and_is_audited(world):
    objective = Objective.objects.get(slug="availability")
    actor = permissions.system(world.organisation)
    before = statuses(objectives=[objective], now=world.now)[0].spent_ratio
    with pytest.raises(BadRule, match="expected why"):
        services.adjust(objective=objective, ratio=Decimal("0.5"), reason=" ", at=world.now, actor=actor, now=world.now)
    services.adjust(
        objective=objective, ratio=Decimal("0.5"), reason="vendor's fault", at=world.now, actor=actor, now=world.now
    )
    after = statuses(objectives=[objective], now=world.now)[0]
    assert before is not None
    assert after.spent_ratio == pytest.approx(before - 0.5)
    assert "+50 % of the budget by adjustment" in after.notice
    other = what_if(objective=objective, target=objective.target, window=objective.window, now=world.now)
    assert other.spent_ratio == pytest.approx(after.spent_ratio), "what if nothing were changed"
    assert AuditEntry.objects.get(verb="adjust_budget").payload["reason"] == "vendor's fault"


def test_responders_may_not_exclude_time(db):
    organisation = factories.make_organisation()
    user = factories.make_user(organisation, role=Role.RESPONDER)
    with pytest.raises(NotAllowed):
        services.exclude(
            organisation=organisation, rule=Rule(START, timedelta(hours=1)), reason="x",
            actor=permissions.of(user, organisation), now=START,
        )  # fmt: skip
