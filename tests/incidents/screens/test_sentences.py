"""What the pages say before anything else, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidents.response.lifecycle import State
from incidents.screens import board, panels, sheet
from incidents.screens.board import Fire, Kind, ServiceRow, Standing
from incidents.screens.changes import describe

NOW = datetime(2026, 11, 17, 12, tzinfo=UTC)
BURNS = Fire("burn", "page", 20.13)
SMOULDERS = Fire("burn", "ticket", 1.42)


def row(kind: Kind, name: str = "chat") -> ServiceRow:
    return ServiceRow(
        slug=name,
        name=name,
        simulated=False,
        standing=Standing(kind, ""),
        p95=None,
        spark="",
        split=None,
        budget=None,
        budget_of="",
        budget_address=None,
        similarity=None,
        per_1k_usd=None,
    )


@pytest.mark.parametrize(
    ("fires", "requests", "objectives", "said"),
    [
        ([BURNS, SMOULDERS], 100.0, True, Standing(Kind.BURN, "burning 20.1x")),
        ([Fire("outage", "page", None)], 100.0, True, Standing(Kind.BURN, "outage")),
        ([Fire("blind", "ticket", None), SMOULDERS], 100.0, True, Standing(Kind.NO_DATA, "no data")),
        ([SMOULDERS], 100.0, True, Standing(Kind.WARN, "slow burn 1.42x")),
        ([Fire("cost", "ticket", None)], 100.0, True, Standing(Kind.WARN, "cost anomaly")),
        ([], None, True, Standing(Kind.NO_DATA, "no data")),
        ([], 0.0, True, Standing(Kind.QUIET, "no traffic")),
        ([], 100.0, True, Standing(Kind.OK, "in budget")),
        ([], 100.0, False, Standing(Kind.QUIET, "no objectives")),
        ([BURNS], None, True, Standing(Kind.BURN, "burning 20.1x")),
    ],
)
def test_how_a_service_stands(fires: list[Fire], requests: float | None, objectives: bool, said: Standing) -> None:
    assert board.standing(fires=fires, requests=requests, has_objectives=objectives) == said


def test_the_newest_minute_warns_before_the_verdict_and_never_calls_it_burning() -> None:
    slow = board.Glimpse("p95", 4.9, 0.25)

    def said(*fires: Fire, newest: board.Glimpse = slow, requests: float | None = 100.0) -> Standing:
        return board.standing(fires=fires, requests=requests, has_objectives=True, newest=[newest])

    assert said() == Standing(Kind.WARN, "p95 4.9 s, over 250 ms goal")
    assert said(newest=board.Glimpse("p95", 0.25, 0.25)) == Standing(Kind.OK, "in budget")
    assert said(SMOULDERS) == Standing(Kind.WARN, "p95 4.9 s, over 250 ms goal")
    assert said(BURNS) == Standing(Kind.BURN, "burning 20.1x")
    assert said(requests=None) == Standing(Kind.NO_DATA, "no data")


def test_a_service_that_fell_silent_is_not_green_and_what_burns_goes_on_burning() -> None:
    given: dict[str, Any] = {"requests": 100.0, "has_objectives": True, "silent": timedelta(seconds=130)}
    assert board.standing(fires=[], **given) == Standing(Kind.NO_DATA, "no data for 2 min")
    assert board.standing(fires=[BURNS], **given) == Standing(Kind.BURN, "burning 20.1x")


@pytest.mark.parametrize(
    ("kinds", "incidents", "said"),
    [
        ([], 0, "Nothing is watched yet."),
        ([Kind.OK, Kind.OK], 0, "All is well."),
        ([Kind.OK], 1, "No service is burning; one incident is still open."),
        ([Kind.OK], 2, "No service is burning; two incidents are still open."),
        ([Kind.BURN, Kind.OK], 1, "One service is burning."),
        ([Kind.BURN, Kind.NO_DATA, Kind.OK], 1, "One service is burning, one cannot be seen."),
        ([Kind.BURN, Kind.BURN, Kind.WARN], 1, "Two services are burning, one needs a look."),
        ([Kind.WARN, Kind.WARN], 0, "Two services need a look."),
        ([Kind.WARN, Kind.OK], 3, "Three incidents are open, one service needs a look."),
        ([Kind.NO_DATA], 0, "One service cannot be seen."),
        ([Kind.NO_DATA] * 3, 0, "Three services cannot be seen."),
    ],
)
def test_the_headline(kinds: list[Kind], incidents: int, said: str) -> None:
    assert board.headline([row(kind) for kind in kinds], incidents) == said


def test_what_is_said_of_the_rest() -> None:
    assert board.rest([row(Kind.OK, "a"), row(Kind.OK, "b")]) == "a and b are within budget."
    assert board.rest([row(Kind.BURN, "a"), row(Kind.OK, "b")]) == "Everything else is within budget."
    assert board.rest([row(Kind.QUIET, "a"), row(Kind.OK, "b")]) == "b: within budget."
    assert board.rest([row(Kind.NO_DATA)]) == ""


def test_an_outage_is_no_burn_and_what_needs_a_look_is_said() -> None:
    out, slow = row(Kind.BURN, "code"), row(Kind.WARN, "chat")
    out = replace(out, standing=board.OUT)
    slow = replace(slow, standing=Standing(Kind.WARN, "p95 4.9 s, over 250 ms goal"))
    assert board.headline([out], 1) == "One service is out."
    assert board.headline([row(Kind.BURN), out, out], 1) == "One service is burning, two are out."
    assert (
        board.rest([slow, row(Kind.OK, "b")]) == "chat: p95 4.9 s, over 250 ms goal. Everything else is within budget."
    )


def test_the_split_is_of_all_the_time_or_nothing() -> None:
    assert board.split(queue=7.0, prefill=2.0, decode=1.0) == board.Split(0.7, 0.2, 0.1)
    assert board.split(queue=None, prefill=2.0, decode=1.0) is None
    assert board.split(queue=0.0, prefill=0.0, decode=0.0) is None


def test_a_quantile_says_its_bucket() -> None:
    assert board.Latency(0.391, 0.25, 0.5).bracket == "between 250 ms and 500 ms"
    assert board.Latency(5.0, 5.0, float("inf")).bracket == "between 5 s and over the last bucket"


@pytest.mark.parametrize(
    ("severity", "state", "said"),
    [
        (2, State.OPEN, Standing(Kind.BURN, "SEV2, not acknowledged")),
        (4, State.OPEN, Standing(Kind.WARN, "SEV4, not acknowledged")),
        (1, State.ACKNOWLEDGED, Standing(Kind.BURN, "SEV1, acknowledged")),
        (1, State.MITIGATED, Standing(Kind.WARN, "SEV1, mitigated")),
        (2, State.RESOLVED, Standing(Kind.OK, "SEV2, resolved")),
    ],
)
def test_how_an_incident_stands(severity: int, state: State, said: Standing) -> None:
    assert sheet.standing(severity=severity, state=state) == said


def moments(**given: object) -> sheet.Moments:
    start = NOW - timedelta(minutes=6)
    base: dict[str, object] = dict.fromkeys(sheet.Moments.__dataclass_fields__)
    base |= {
        "impact_started_at": start,
        "opened_at": NOW,
        "detected_at": NOW,
        "acknowledged_by": "",
        "to_detect": timedelta(seconds=64),
    }
    return sheet.Moments(**(base | given))  # type: ignore[arg-type]


def test_the_facts_of_a_running_incident() -> None:
    facts = {fact.name: fact for fact in sheet.facts(moments=moments(), harm=None)}
    assert facts["Started"].running == NOW - timedelta(minutes=6)
    assert facts["Detected after"].value == "1 min"
    assert (facts["Acknowledged after"].value, facts["Acknowledged after"].quiet) == ("not yet", True)


def test_the_facts_of_one_that_is_over() -> None:
    over = moments(resolved_at=NOW, to_resolve=timedelta(minutes=6))
    facts = {fact.name: fact.value for fact in sheet.facts(moments=over, harm=None)}
    assert (facts["Lasted"], facts["Resolved after"]) == ("6 min", "6 min")


def test_the_harm_is_counted_or_left_out() -> None:
    harm = sheet.Harm(bad=20900, total=209000, budget_left=0.806, objective="TTFT", exhausted_in=timedelta(hours=29))
    facts = {fact.name: (fact.value, fact.note) for fact in sheet.facts(moments=moments(), harm=harm)}
    assert facts["Over goal"] == ("20,900", "10 % of 209,000")
    assert facts["Budget left"] == ("80.6 %", "lasts 1 d 5 h at this rate")
    unknown = sheet.Harm(bad=None, total=None, budget_left=None, objective="", exhausted_in=None)
    assert len(sheet.facts(moments=moments(), harm=unknown)) == len(sheet.facts(moments=moments(), harm=None))


def test_the_buttons_are_those_that_would_do_something_and_are_allowed() -> None:
    everything = frozenset({"acknowledge", "mitigate", "resolve", "reopen"})
    assert [move.verb for move in sheet.buttons(state=State.OPEN, may=everything, blast="chat")] == [
        "acknowledge",
        "mitigate",
        "resolve",
    ]
    assert [move.verb for move in sheet.buttons(state=State.RESOLVED, may=everything, blast="chat")] == ["reopen"]
    assert sheet.buttons(state=State.OPEN, may=frozenset(), blast="chat") == ()


def test_command_is_offered_to_who_may_hold_it_and_does_not() -> None:
    may = frozenset({"take_role"})
    assert [move.verb for move in sheet.buttons(state=State.OPEN, may=may, blast="chat")] == ["command"]
    assert sheet.buttons(state=State.OPEN, may=may, blast="chat", commands=True) == ()
    assert sheet.buttons(state=State.RESOLVED, may=may, blast="chat") == ()


def test_a_slip_is_asked_about_with_its_reach() -> None:
    (resolve,) = sheet.buttons(state=State.MITIGATED, may=frozenset({"resolve"}), blast="chat")
    assert "Paging for chat stops" in resolve.confirm


def test_paging_in_words() -> None:
    soon = NOW + timedelta(minutes=4)
    said = sheet.paging_said(sent=[("alice", NOW)], failed=1, pending=0, next_step=("bob", soon), state=State.OPEN)
    assert [(one.said, one.at, one.end) for one in said] == [
        ("Page sent to alice", NOW, ", not acknowledged."),
        ("1 page could not be delivered.", None, ""),
        ("Next, bob", soon, "."),
    ]
    assert (
        sheet.paging_said(sent=[], failed=0, pending=1, next_step=None, state=State.OPEN)[0].said
        == "A page is on its way."
    )


@pytest.mark.parametrize(
    ("kind", "before", "after", "said"),
    [
        ("deploy", {"version": "v7.1"}, {"version": "v7.2"}, "deploy, version v7.1 to v7.2"),
        ("config", {"config_hash": "a"}, {"config_hash": "b"}, "configuration changed"),
        ("deploy", {"config_hash": "a"}, {"config_hash": "b"}, "deploy, configuration only"),
        ("deploy", {}, {"version": "v1", "config_hash": "b"}, "deploy, version nothing to v1"),
        ("maintenance", {}, {}, "maintenance"),
    ],
)
def test_a_change_in_words(kind: str, before: dict[str, str], after: dict[str, str], said: str) -> None:
    assert describe(kind=kind, before=before, after=after) == said


def test_the_time_axis_reaches_back_as_far_as_it_lasts() -> None:
    first, last, step = panels.span(start=NOW - timedelta(hours=1), end=None, now=NOW)
    assert (first, last, step) == (NOW - timedelta(hours=2), NOW, 90)
    first, last, _ = panels.span(start=NOW - timedelta(minutes=5), end=None, now=NOW)
    assert (first, last) == (NOW - timedelta(minutes=25), NOW)
    _, last, _ = panels.span(start=NOW - timedelta(hours=2), end=NOW - timedelta(hours=1), now=NOW)
    assert last == NOW - timedelta(hours=1) + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("ago", "step"),
    [
        (timedelta(hours=1), 30),
        (timedelta(hours=8), 300),
        (timedelta(days=3), 300),
        (timedelta(days=4), 3600),
        (timedelta(days=40), 3600),
    ],
)
def test_the_step_is_what_is_kept_of_that_age_and_gives_a_line(ago: timedelta, step: int) -> None:
    end = NOW - ago
    first, last, found = panels.span(start=end - timedelta(minutes=18), end=end, now=NOW)
    assert found == step
    assert first.timestamp() % step == 0, "points fall on the rows that are there"
    assert (last - first).total_seconds() / step >= 15
    assert last >= end + timedelta(minutes=5)


def test_a_long_incident_is_drawn_with_about_ninety_points() -> None:
    first, last, step = panels.span(start=NOW - timedelta(days=2), end=NOW - timedelta(days=1), now=NOW)
    assert step % 300 == 0
    assert 60 <= (last - first).total_seconds() / step <= 120


def test_the_resolution_is_said() -> None:
    assert [panels.resolution(step) for step in (30, 90, 300, 3600)] == [
        "one point each 30 s",
        "one point each 90 s",
        "one point each 5 min",
        "one point each 1 h",
    ]


def test_the_strips_are_the_three_then_what_was_asked() -> None:
    diagnosis = {
        "nodes": [
            {"on_path": True, "evidence": [{"query": {"family": "kv_cache_ratio"}}, {"query": None}]},
            {"on_path": False, "evidence": [{"query": {"family": "target_up"}}]},
        ]
    }
    assert [panel.title for panel in panels.panels_for(diagnosis)] == [
        "p95 first token",
        "Where, mean",
        "Traffic",
        "KV cache in use",
    ]
    assert len(panels.panels_for({})) == 3


def test_the_strictest_goal_is_drawn() -> None:
    assert (
        panels.threshold(panels.FIRST_TOKEN, [("ttft", 0.3), ("ttft", 0.25), ("queue", 0.1), ("availability", None)])
        == 0.25
    )
    assert panels.threshold(panels.TRAFFIC, [("ttft", 0.3)]) is None
    assert panels.threshold(panels.WHERE, [("ttft", 0.3)]) is None
