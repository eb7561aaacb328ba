"""From published updates to states and days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from incidents.statuspages import history
from incidents.statuspages.history import Message, Story
from incidents.updates.cadence import Impact, Phase

NOW = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)


def message(hours: float, phase: Phase = Phase.INVESTIGATING, impact: Impact = Impact.OUTAGE) -> Message:
    """An update of `hours` before NOW."""
    return Message(at=NOW - timedelta(hours=hours), phase=phase, impact=impact, headline="h", text="t")


def test_an_update_holds_until_the_next_and_resolved_ends_it() -> None:
    story = Story(1, (message(4), message(3, impact=Impact.DEGRADED), message(2, Phase.RESOLVED)))
    (today,) = history.days(stories=[story], now=NOW, count=1)
    assert (today.worst, today.noticed) == (Impact.OUTAGE, timedelta(hours=2))
    assert (story.ended_at, story.impact) == (NOW - timedelta(hours=2), Impact.NONE)


def test_midnight_cuts_and_what_overlaps_is_noticed_once() -> None:
    stories = [Story(1, (message(12),)), Story(1, (message(11, impact=Impact.DEGRADED),))]
    yesterday, today = history.days(stories=stories, now=NOW, count=2)
    assert (yesterday.noticed, today.noticed) == (timedelta(hours=2), timedelta(hours=10))


def test_reopened_after_resolved_goes_on() -> None:
    story = Story(1, (message(4), message(3, Phase.RESOLVED), message(1, impact=Impact.DEGRADED)))
    assert (story.ended_at, story.impact) == (None, Impact.DEGRADED)


def test_the_headline() -> None:
    none, down = Impact.NONE, Impact.OUTAGE
    assert history.headline(impacts=[none, none], going_on=0) == "Everything works"
    assert history.headline(impacts=[none], going_on=2) == "We are looking into 2 problems"
    assert history.headline(impacts=[none, down], going_on=1) == "1 of 2 services is degraded or down"


messages = st.builds(
    message, hours=st.floats(0, 24 * 95), phase=st.sampled_from(list(Phase)), impact=st.sampled_from(list(Impact))
)
stories = st.lists(messages, min_size=1, max_size=5).map(lambda ms: Story(1, tuple(sorted(ms, key=lambda m: m.at))))


@given(st.lists(stories, max_size=4))
def test_a_day_is_noticed_for_at_most_a_day_and_only_where_something_was(found: list[Story]) -> None:
    days = history.days(stories=found, now=NOW)
    assert len(days) == history.DAYS
    assert days[-1].on == NOW.date()
    for day in days:
        assert timedelta(0) <= day.noticed <= timedelta(days=1)
        assert (day.noticed > timedelta(0)) == (day.worst is not Impact.NONE)
