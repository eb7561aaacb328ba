from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from incidents.response.times import Moments, times, words

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


MOMENTS = Moments(
    impact_started_at=NOON,
    detected_at=at(3),
    first_paged_at=at(4),
    acknowledged_at=at(6),
    mitigated_at=at(30),
    resolved_at=at(45),
)


def test_mttd_counts_from_impact_mtta_from_the_first_page_mttr_to_mitigation() -> None:
    found = times(MOMENTS)
    assert (found.to_detect, found.to_acknowledge, found.to_mitigate, found.to_resolve) == tuple(
        timedelta(minutes=minutes) for minutes in (3, 2, 30, 45)
    )


def test_what_has_not_happened_has_no_figure() -> None:
    found = times(replace(MOMENTS, acknowledged_at=None, mitigated_at=None, resolved_at=None))
    assert (found.to_detect, found.to_acknowledge, found.to_mitigate, found.to_resolve) == (
        timedelta(minutes=3),
        None,
        None,
        None,
    )


def test_without_an_impact_start_nothing_counts_from_it() -> None:
    found = times(replace(MOMENTS, impact_started_at=None))
    assert (found.to_detect, found.to_mitigate, found.to_acknowledge) == (None, None, timedelta(minutes=2))


def test_an_answer_from_the_list_before_the_first_page_took_no_time() -> None:
    assert times(replace(MOMENTS, acknowledged_at=at(3.5))).to_acknowledge == timedelta(0)


@pytest.mark.parametrize(
    ("span", "read"),
    [
        (None, "not known"),
        (timedelta(0), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(seconds=200), "3 min 20 s"),
        (timedelta(hours=2, minutes=5, seconds=9), "2 h 5 min"),
        (timedelta(hours=24), "1 d"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
    ],
)
def test_spans_in_words(span: timedelta | None, read: str) -> None:
    assert words(span) == read
