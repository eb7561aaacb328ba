"""A back-test counts as live does: exclusions, adjustments, treatment of no data, composites; from several sources too."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from observability.core import clock, permissions
from observability.core.services import default_organisation
from sloengine.backtests import queries
from sloengine.backtests.counted import Counted, Decided, Past
from sloengine.backtests.history import untold
from sloengine.backtests.replay import replay
from sloengine.backtests.whatif import variants
from sloengine.budgets.exclusions import services as exclusions
from sloengine.budgets.exclusions.calendar import Rule, Stretch
from sloengine.budgets.queries import statuses
from sloengine.objectives import services as objectives
from sloengine.objectives.calendars import Calendar
from sloengine.objectives.models import Objective
from sloengine.objectives.objective import Indicator, Method
from sloengine.objectives.terms import Combine, Member, Missing, Queries, Terms, Treatment
from sloengine.objectives.texts import Document
from sloengine.sources.base import Reading, SourceUnavailable
from tests import factories
from tests.conftest import NOW
from tests.sloengine.backtests.test_replay import AFTER, AVAILABILITY, CALM, track
from tests.sloengine.budgets.world import START, World
from tests.sloengine.readings import Replica, together

#: Ten minutes that fail, two hours in.
BAD = track(CALM + [1000] * 120 + [0] * 10 + [1000] * 120, CALM + [1000] * 250)
MAINTENANCE = Stretch(AFTER + timedelta(minutes=119), AFTER + timedelta(minutes=131))


def played(past):
    return replay(past=past, start=AFTER)


def test_what_is_excluded_raises_nothing_and_spends_nothing():
    assert [one.tier for one in played(Past(AVAILABILITY, BAD)).alerts] == ["fast"]
    outcome = played(Past(AVAILABILITY, BAD, Decided((MAINTENANCE,))))
    assert outcome.alerts == ()
    assert (outcome.budget.bad, outcome.budget.total) == (0, (4320 + 250 - 12) * 1000)
    assert {point.remaining_ratio for point in outcome.curve} == {1.0}


def test_an_adjustment_gives_back_what_was_spent_in_windows_that_hold_it():
    given = Decided(adjustments=((AFTER + timedelta(hours=1), Decimal("0.25")),))
    spent, with_it = (
        played(Past(AVAILABILITY, BAD, one)).budget.spent_ratio for one in (Decided(), given)
    )  # fmt: skip
    assert spent - with_it == pytest.approx(0.25)
    short = replace(AVAILABILITY, window=timedelta(hours=1))
    assert played(Past(short, BAD, given)).budget == played(Past(short, BAD)).budget


SLICES = replace(
    AVAILABILITY, method=Method.TIMESLICES, slice_target=0.95, terms=Terms(missing=Missing(no_data=Treatment.BAD))
)


def test_minutes_without_data_count_as_the_objective_says():
    dark = track(CALM + [1000] * 60 + [0] * 30 + [1000] * 30, CALM + [1000] * 60 + [-1] * 30 + [1000] * 30)
    ignored = played(Past(replace(SLICES, terms=Terms()), dark))
    assert (ignored.budget.bad, ignored.alerts) == (0, ())
    bad = played(Past(SLICES, dark))
    # 31 minutes lie between two readings, and the five before the second count as read, as live.
    assert bad.budget.bad == 26
    assert [one.severity for one in bad.alerts][:1] == ["page"]
    hour = Stretch(AFTER + timedelta(minutes=55), AFTER + timedelta(minutes=115))
    assert played(Past(SLICES, dark, Decided((hour,)))).budget.bad == 0


def composite(combine, *parts):
    members = tuple(Member(part.promise.key, weight) for part, weight in zip(parts, (3.0, 1.0), strict=False))
    promise = replace(
        AVAILABILITY, slug="whole", indicator=Indicator.COMPOSITE, terms=Terms(members=members, combine=combine)
    )
    return Past(promise, queries.nothing(), Decided(), parts)


@pytest.mark.parametrize(("combine", "share"), [(Combine.WORST, 1.0), (Combine.WEIGHTED, 0.25)])
def test_a_composite_is_made_of_its_parts_pasts(combine, share):
    calm = Past(AVAILABILITY, track(CALM + [1000] * 250, CALM + [1000] * 250))
    broken = Past(replace(AVAILABILITY, slug="other"), BAD)
    past = composite(combine, calm, broken)
    end = AFTER.timestamp() + 130 * 60
    bad, total, covered = Counted(past).over(np.array([end - 600]), np.array([end]))
    assert (bad[0] / total[0], total[0], covered[0]) == (pytest.approx(share), 20_000, 600)
    # A quarter of ten minutes is 4.2 % of an hour, and a page asks for 7.2 %.
    assert ("page" in {one.severity for one in played(past).alerts}) is (combine is Combine.WORST)
    excluded = composite(combine, calm, replace(broken, decided=Decided((MAINTENANCE,))))
    assert played(excluded).alerts == ()
    alone = replace(composite(combine, calm, broken), decided=Decided((MAINTENANCE,)))
    assert played(alone).alerts == ()
    assert played(alone).budget == played(replace(excluded, decided=Decided((MAINTENANCE,)))).budget
    assert played(composite(combine)).notices[-1] == "Nothing was measured."


def test_another_window_is_a_rolling_one():
    calendar = Calendar("M", 1, "2026-01-01T00:00:00", "UTC")
    monthly = replace(AVAILABILITY, terms=Terms(calendar=calendar))
    (week,) = variants(monthly, targets=(), windows=(timedelta(days=7),))
    assert (week.terms.calendar, week.window.days) == (None, 7)
    assert variants(monthly, targets=(Decimal("0.9"),), windows=())[0].terms.calendar == calendar


def test_why_a_source_tells_nothing_of_an_objective_is_said():
    asked = replace(AVAILABILITY, indicator=Indicator.QUERY, terms=Terms(queries=Queries(good="a", total="b")))
    assert untold(asked) == ""
    assert "pushed" in untold(replace(AVAILABILITY, indicator=Indicator.KPI, terms=Terms(kpi="orders")))
    assert "no share of events" in untold(replace(AVAILABILITY, indicator=Indicator.COST))
    assert untold(AVAILABILITY) == ""


WHOLE = """
apiVersion: openslo/v1
kind: SLO
metadata:
  name: whole
  annotations: {tailwatch/indicator: composite, tailwatch/members: "availability=3, first-token-p95=1"}
spec:
  service: chat
  budgetingMethod: Occurrences
  timeWindow: [{duration: 30d, isRolling: true}]
  objectives: [{target: 0.9}]
"""


@pytest.fixture
def world(db):
    """Good minutes, bad ones, good ones, then a load test that fails, which is excluded; a quarter was given back."""
    found = World(organisation=default_organisation(), replicas=1)
    found.apply_library()
    actor = permissions.system(found.organisation)
    for good, slow, failed in ((20, 0, 0), (10, 5, 5), (20, 0, 0), (0, 0, 20)):
        found.minutes(4, good=good, slow=slow, failed=failed)
    exclusions.exclude(
        organisation=found.organisation, rule=Rule(START + timedelta(minutes=12), timedelta(minutes=4)), reason="load test",
        actor=actor, now=found.now, service=found.service,
    )  # fmt: skip
    row = Objective.objects.get(slug="availability")
    at = found.now - timedelta(minutes=1)
    exclusions.adjust(objective=row, ratio=Decimal("0.25"), reason="x", at=at, actor=actor, now=found.now)
    return found


def test_the_budget_of_a_back_test_is_the_live_one_with_all_that_was_decided(world):
    actor = permissions.system(world.organisation)
    objectives.apply(organisation=world.organisation, documents=[Document("t", WHOLE)], actor=actor, now=world.now)
    rows = list(Objective.objects.select_related("service").order_by("slug"))
    live = {row.slug: one for row, one in zip(rows, statuses(objectives=rows, now=world.now), strict=True)}
    found = queries.pasts(
        organisation=world.organisation, promises=[row.promise for row in rows], sources=[], start=START, now=world.now
    )
    judged = 0
    for past in found:
        told, status = replay(past=past, start=START).budget, live[past.promise.slug]
        assert (told.bad, told.total) == pytest.approx((status.bad, status.total)), past.promise.slug
        assert told.spent_ratio == pytest.approx(status.spent_ratio), past.promise.slug
        judged += told.total > 0
    assert judged >= 3
    assert live["whole"].bad > 0


def test_the_command_says_which_past_it_replays(world, capsys):
    with clock.frozen(world.now):
        call_command("slo", "backtest", "--days", "1")
        assert "probe cannot tell its past: what was recorded is replayed." in capsys.readouterr().out
        with pytest.raises(CommandError, match="shows only what is now"):
            call_command("slo", "backtest", "--source", "probe")
        with pytest.raises(CommandError, match="there is no source 'nowhere'; there are: probe"):
            call_command("slo", "backtest", "--source", "nowhere")


def test_every_source_is_asked_where_all_of_them_tell_the_past(db):
    organisation = factories.make_organisation()
    assert queries.sources_of(organisation) == ([], "There is no source: what was recorded is replayed.")
    rows = [factories.make_source(organisation, name=name, kind="prometheus", url=f"http://{name}") for name in "ab"]
    assert queries.sources_of(organisation) == (rows, "")
    with pytest.raises(SourceUnavailable, match="there is no source"):
        queries.named_sources(organisation, ["c"])
    factories.make_source(organisation, name="c", kind="scrape", url="http://c")
    assert queries.sources_of(organisation)[0] == []


def test_the_series_of_two_sources_are_counted_together():
    one, two = Replica("chat-0"), Replica("chat-1")
    merge = queries._Together()
    apart = [Reading(NOW, together(one)), Reading(NOW, together(two))]
    assert len(merge.samples(apart)) == len(together(one)) + len(together(two))
    same = [Reading(NOW, together(one)), Reading(NOW, together(one))]
    assert len(merge.samples(same)) == 2 * len(together(one))
