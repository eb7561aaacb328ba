"""More good than there was at all: clamped over the window, and said wherever it is reckoned."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sloengine.backtests.counted import Past
from sloengine.backtests.replay import replay
from sloengine.budgets.budget import OVERFULL
from sloengine.budgets.queries import statuses
from sloengine.reports.period import parse
from sloengine.reports.queries import report
from tests import factories
from tests.factories import NOW
from tests.sloengine.backtests.test_replay import AVAILABILITY, track


def test_good_and_all_that_run_ahead_of_each_other_in_turn_are_no_failures():
    outcome = replay(past=Past(AVAILABILITY, track([12, 8] * 60, [10, 10] * 60)), start=NOW)
    assert (outcome.budget.bad, outcome.budget.total) == (0, 1200)
    assert outcome.notices == ()


def test_a_back_test_says_that_more_was_good_than_there_was():
    outcome = replay(past=Past(AVAILABILITY, track([11] * 120, [10] * 120)), start=NOW)
    assert (outcome.budget.bad, outcome.budget.attained_ratio) == (0, 1)
    assert OVERFULL in outcome.notices


@pytest.mark.django_db
def test_an_objective_a_composite_of_it_and_their_report_say_so_while_it_is_so():
    service = factories.make_service(factories.make_organisation(), slug="chat")
    kind: dict[str, Any] = {"method": "occurrences", "slice_target": None, "threshold": None, "target": Decimal("0.9")}
    one = factories.make_objective(service, slug="answers", indicator="availability", **kind)
    terms = {"members": [{"key": "chat/answers"}]}
    whole = factories.make_objective(service, slug="whole", indicator="composite", terms=terms, **kind)
    for hours, good, total in ((0, 0.0, 0.0), (1, 110.0, 100.0), (2, 200.0, 250.0)):
        at = NOW + timedelta(hours=hours)
        factories.make_tally(one, at=at, good=good, total=total, covered_seconds=3600.0 * hours)
    then, later = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    for status in statuses(objectives=[one, whole], now=then):
        assert (status.bad, status.total, status.attained_ratio) == (0, 100, 1)
        assert OVERFULL in status.notice
    told = report(organisation=service.organisation, period=parse("30d", now=then), now=then)
    assert [OVERFULL in row.notice for row in told] == [True, True]
    for status in statuses(objectives=[one, whole], now=later):
        assert (status.bad, status.total, OVERFULL in status.notice) == (50, 250, False)
