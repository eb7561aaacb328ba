from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from markdown_it import MarkdownIt

from incidents.learning.postmortem import BudgetSpent, Facts, Impact, Line, Question, count, draft, escape
from incidents.response.times import Times

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
FACTS = Facts(
    name="INC-4",
    title="Chat: first tokens are late",
    headline="queueing is 80 % of the time to first token",
    severity="SEV2",
    service="Chat",
    leaf="traffic-spike",
    leaf_title="Traffic spike",
    confidence=0.86,
    runbook="traffic-spike",
    cause="More requests arrive than the replicas can start.",
    refuted_by="Traffic is as before.",
    commander="Ana",
    resolved_reason="alerts cleared",
    times=Times(timedelta(minutes=3), timedelta(minutes=2), timedelta(minutes=30), timedelta(minutes=45)),
    impact=Impact(
        start=NOON,
        end=NOON + timedelta(minutes=30),
        requests=20000.0,
        failed=500.0,
        budgets=(BudgetSpent("ttft", "First token", "requests", 0.999, 2500.0, 20000.0, 0.25),),
    ),
    timeline=[
        Line(NOON, "tailwatch", "Opened"),
        Line(NOON + timedelta(minutes=5), "ana", "Acknowledged"),
        Line(NOON + timedelta(hours=13), "ana", "Note"),
    ],
    path=[Question("SLO breach?", "yes", ("chat burns 20 times too fast",)), Question("Where?", "queue", ())],
    rivals=["Stall (20%): tokens still flow"],
    escalations=0,
    failed_deliveries=0,
    reopened=0,
    simulated=False,
    drafted_at=NOON,
)


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def test_it_has_all_its_sections_in_order() -> None:
    titles = [line.removeprefix("## ") for line in draft(FACTS).splitlines() if line.startswith("## ")]
    assert titles == [
        "Summary",
        "Impact",
        "Times",
        "How it was diagnosed",
        "Timeline",
        "What went well",
        "What went badly",
        "Where we were lucky",
        "Action items",
    ]


def test_the_impact_in_failed_requests_and_budget() -> None:
    impact = section(draft(FACTS), "Impact")
    assert "From 2026-01-05 12:00:00 to 12:30:00 UTC (30 min)." in impact
    assert "- Failed requests: 500 of 20,000 (2.50%)" in impact
    assert "| First token | 2,500 of 20,000 requests | 25.0% |" in impact


def test_what_was_not_measured_reads_cannot_tell_and_never_0() -> None:
    unknown = Impact(start=None, end=None, requests=None, failed=None, budgets=())
    impact = section(draft(replace(FACTS, impact=unknown)), "Impact")
    assert "- Failed requests: cannot tell" in impact
    assert "- Error budget spent: cannot tell" in impact
    partly = replace(FACTS.impact, budgets=(BudgetSpent("ttft", "First token", "requests", 0.999, None, None, None),))
    assert "| First token | cannot tell | cannot tell |" in draft(replace(FACTS, impact=partly))
    assert "0 of" not in impact


def test_a_service_without_requests_has_no_share() -> None:
    still = replace(FACTS.impact, requests=0.0, failed=0.0)
    assert "- Failed requests: 0 of 0\n" in draft(replace(FACTS, impact=still))


def test_the_times_as_r26_defines_them() -> None:
    times = section(draft(FACTS), "Times")
    assert "| To detect (from impact start) | 3 min |" in times
    assert "| To acknowledge (from first page) | 2 min |" in times
    assert "| To mitigate (from impact start) | 30 min |" in times


def test_the_path_with_its_evidence_and_rivals() -> None:
    path = section(draft(FACTS), "How it was diagnosed")
    assert "1. SLO breach? **yes**\n   - chat burns 20 times too fast\n2. Where? **queue**" in path
    assert "- Stall (20%): tokens still flow" in path


def test_the_timeline_names_the_day_when_it_changes() -> None:
    timeline = section(draft(FACTS), "Timeline")
    assert "| 2026-01-05 12:00:00 | tailwatch | Opened |\n| 12:05:00 | ana | Acknowledged |" in timeline
    assert "| 2026-01-06 01:00:00 | ana | Note |" in timeline


@pytest.mark.parametrize(
    ("changed", "read"),
    [
        ({"escalations": 1}, "- It was escalated 1 time."),
        ({"escalations": 2}, "- It was escalated 2 times."),
        ({"failed_deliveries": 3}, "- 3 message(s) could not be delivered"),
        ({"reopened": 1}, "- It was reopened"),
        ({"leaf": "unexplained"}, "- The cause was not found"),
        ({"times": Times(timedelta(minutes=9), None, None, None)}, "- The impact lasted 9 min before it was detected"),
        ({"times": Times(None, None, None, None)}, "- Nobody acknowledged it."),
        ({"times": Times(None, timedelta(minutes=7), None, None)}, "- The first page waited 7 min for an answer."),
    ],
)
def test_what_went_badly_is_asked_about(changed: dict[str, object], read: str) -> None:
    assert read in section(draft(replace(FACTS, **changed)), "What went badly")  # type: ignore[arg-type]


def test_an_incident_of_which_nothing_is_known_still_gives_a_draft() -> None:
    bare = replace(
        FACTS, headline="", service="", leaf="", leaf_title="", confidence=None, runbook="", cause="", refuted_by="", commander="",
        resolved_reason="", times=Times(None, None, None, None), path=[], rivals=[], timeline=[],
        impact=Impact(None, None, None, None, ()), simulated=True,
    )  # fmt: skip
    text = draft(bare)
    assert "No decision path was recorded." in text
    assert "**Simulated fleet" in text
    assert "None" not in text


def test_what_people_and_machines_wrote_stays_text() -> None:
    nasty = "<script>alert(1)</script> | [x](javascript:1) `a` **b**\n# head"
    html = (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .render(draft(replace(FACTS, title=nasty, headline=nasty, timeline=[Line(NOON, nasty, nasty)])))
    )
    assert "<script>" not in html
    assert "href" not in html.replace('href="/runbooks/traffic-spike/"', "")
    assert html.count("<h1>") == 1
    assert escape("a|b\nc") == "a\\|b c"


def test_counts() -> None:
    assert (count(12345.4), count(0.0), count(None)) == ("12,345", "0", "cannot tell")
