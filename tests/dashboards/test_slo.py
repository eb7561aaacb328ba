"""The SLO page's answers in words, from the same values as its pictures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from dashboards.reports.slo import answer, headline
from incidents.screens.queries.costs import Cost
from sloengine.overview.standing import Overview, Promise, overview

NOW = datetime(2026, 11, 17, 12, tzinfo=UTC)
PROMISE = Promise("chat", "chat", "ttft", "First token", Decimal("0.995"), 0.999, 0.8)
INCIDENT = Cost(
    number=4,
    title="t",
    service="chat",
    leaf="Traffic spike",
    severity=2,
    started_at=NOW,
    lasted_seconds=600,
    bad=20900.4,
    usd=Decimal("41.2"),
    simulated=True,
)
MONTH = "this month"


def of(*promises: Promise) -> Overview:
    return overview(promises)


def test_nothing_happened() -> None:
    assert headline(incidents=[], when=MONTH) == "Reliability cost nothing this month."


def test_requests_and_usd() -> None:
    said = headline(incidents=[INCIDENT, INCIDENT], when="in the last 7 days")
    assert said == "Reliability cost 41,801 requests and $82.40 in the last 7 days."


def test_unpriced_is_not_free() -> None:
    said = headline(incidents=[replace(INCIDENT, usd=None)], when=MONTH)
    assert said == "Reliability cost 20,900 requests this month."


def test_uncounted_is_not_nothing() -> None:
    said = headline(incidents=[replace(INCIDENT, usd=None, bad=None)], when=MONTH)
    assert said == "1 incident this month; what it cost was not counted."


def test_every_budget_holds() -> None:
    said = answer(overview=of(PROMISE, replace(PROMISE, slug="b", left=None, attained=None)), incidents=1)
    assert said == "Every budget holds; least is left of chat, First token: 80 %. 1 incident. 1 without data."


def test_spent_budgets_are_named() -> None:
    said = answer(overview=of(PROMISE, replace(PROMISE, title="Answered", left=-0.2)), incidents=0)
    assert said == "1 of 2 budgets is spent: chat Answered. No incidents."


def test_no_data_is_no_budget_and_says_what_to_do() -> None:
    said = answer(overview=of(replace(PROMISE, left=None, attained=None)), incidents=0)
    assert said.startswith("No objective has data yet")
    assert "manage.py connect" in said
