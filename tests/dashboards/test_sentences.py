"""The answers in words and the pictures, from the same values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from dashboards import figures, sentences
from dashboards.report import Choice, ObjectiveRow
from incidents.screens.queries.costs import Cost

NOW = datetime(2026, 11, 17, 12, tzinfo=UTC)
ROW = ObjectiveRow(
    service="chat",
    slug="ttft",
    title="First token",
    target=Decimal("0.995"),
    attained=0.999,
    left=0.8,
    bad=12.0,
    total=12000.0,
    kind="ok",
    word="in budget",
    burn_down=((NOW - timedelta(hours=1), 1.0), (NOW, 0.8)),
)
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


def test_nothing_happened() -> None:
    assert sentences.headline(incidents=[], chosen="30d") == "Reliability cost nothing this month."


def test_requests_and_usd() -> None:
    assert (
        sentences.headline(incidents=[INCIDENT, INCIDENT], chosen="7d")
        == "Reliability cost 41,801 requests and $82.40 in the last 7 days."
    )


def test_unpriced_is_not_free() -> None:
    assert (
        sentences.headline(incidents=[replace(INCIDENT, usd=None)], chosen="30d")
        == "Reliability cost 20,900 requests this month."
    )


def test_uncounted_is_not_nothing() -> None:
    said = sentences.headline(incidents=[replace(INCIDENT, usd=None, bad=None)], chosen="30d")
    assert said == "1 incident this month; what it cost was not counted."


def test_every_budget_holds() -> None:
    said = sentences.answer(objectives=[ROW, replace(ROW, left=None)], incidents=[INCIDENT])
    assert said == "Every budget holds; least is left of chat, First token: 80 %. 1 incident. 1 without data."


def test_spent_budgets_are_named() -> None:
    said = sentences.answer(objectives=[ROW, replace(ROW, title="Answered", left=-0.2)], incidents=[])
    assert said == "1 of 2 budgets is spent: chat Answered. No incidents."


def test_no_data_is_no_budget() -> None:
    assert sentences.answer(objectives=[replace(ROW, left=None)], incidents=[]).startswith("No objective has data yet")


def test_the_burn_down_keeps_gaps_and_marks_incidents() -> None:
    row = replace(ROW, burn_down=((NOW, None), (NOW, 0.5)))
    figure = figures.burn_down(objectives=[row], incidents=[INCIDENT])
    assert figure["data"][0]["y"] == [None, 0.5]
    assert figure["data"][0]["connectgaps"] is False
    assert figure["layout"]["shapes"][1]["x0"] == NOW.isoformat()


def test_eight_lines_at_most_those_with_least_left() -> None:
    rows = [replace(ROW, title=str(index), left=index / 20) for index in range(18)]
    assert [row.title for row in figures.drawn(rows)] == [str(index) for index in range(8)]


def test_an_overspent_budget_does_not_squash_the_others() -> None:
    row = replace(ROW, burn_down=((NOW, -537.0), (NOW, 1.0)))
    assert figures.burn_down(objectives=[row], incidents=[])["layout"]["yaxis"]["range"] == [-1.05, 1.05]


def test_an_address_keeps_the_other_choice() -> None:
    assert Choice(service="chat", range="7d").address(range="90d") == "/dash/slo/?service=chat&range=90d"
