"""openslo/v1alpha objects are read as v1."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from sloengine.objectives.calendars import Calendar
from sloengine.objectives.terms import Queries
from tests.sloengine.objectives.test_kinds import read, refused

ALPHA = """\
apiVersion: openslo/v1alpha
kind: SLO
metadata:
  name: old
  displayName: Old
spec:
  description: From before.
  service: web-shop
  budgetingMethod: Occurrences
  timeWindows:
    - unit: Month
      count: 1
      isRolling: false
      calendar: {startTime: "2021-01-01 00:00:00", timeZone: America/New_York}
  objectives:
    - displayName: Good
      value: 1
      target: 0.98
      ratioMetrics:
        counter: true
        good: {source: prometheus, queryType: promql, query: ok_total}
        total: {source: prometheus, queryType: promql, query: all_total}
"""


def test_v1alpha_is_read():
    (found,) = read(ALPHA).objectives
    assert (found.key, found.target) == ("web-shop/old", Decimal("0.98"))
    assert found.terms.calendar == Calendar("M", 1, "2021-01-01T00:00:00", "America/New_York")
    assert found.terms.queries == Queries(good="ok_total", total="all_total")


def test_v1alpha_threshold_is_read():
    head, _ = ALPHA.split("  objectives:")
    text = (
        head.replace("unit: Month", "unit: Week")
        .replace("isRolling: false", "isRolling: true")
        .replace("      calendar", "      #")
        + "  indicator:\n    thresholdMetric: {source: prometheus, queryType: promql, query: p99}\n"
        + "  objectives:\n    - {op: lte, value: 0.5, target: 0.9}\n"
    )
    (found,) = read(text).objectives
    assert found.window == timedelta(days=7)
    assert found.terms.queries == Queries(threshold="p99", op="lte", counter=False)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("unit: Month", "unit: Moon", "spec.timeWindows[0]: found '1 Moon', expected unit: one of Second"),
        ("isRolling: false", "isRolling: true", "a month has no fixed length"),
        ("kind: SLO", "kind: SLI", "SLO or Service, the kinds of openslo/v1alpha"),
        ("query: ok_total", "text: ok", "expected source, queryType and query"),
        (
            "source: prometheus, queryType: promql, query: ok",
            "source: datadog, queryType: dd, query: ok",
            "expected Prometheus",
        ),
    ],
)
def test_v1alpha_refusals_name_path_found_and_expected(old, new, words):
    assert words in refused(ALPHA.replace(old, new))
