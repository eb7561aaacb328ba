from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from incidents.ingest.folding import Fold, Known, fold
from incidents.ingest.payloads import Report

TEN = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return TEN + timedelta(minutes=minutes)


def report(since: float, until: float | None = None) -> Report:
    return Report("f", until is None, {}, {}, at(since), None if until is None else at(until))


def known(
    since: float, until: float | None = None, *, heard: float = 0, before: float | None = None, same=True
) -> Known:
    ends_at, previous = (None if moment is None else at(moment) for moment in (until, before))
    return Known(at(since), ends_at, at(heard), previous, same)


CASES = [
    ("unknown and firing", report(0), None, 0, Fold.NEW),
    ("unknown and over", report(0, 5), None, 6, Fold.OVER),
    ("all is well, where nothing was wrong", report(5, 5), None, 5, Fold.SAME),
    ("all is well ends what fires", report(5, 5), known(0), 5, Fold.ENDS),
    ("the same again", report(0), known(0), 1, Fold.SAME),
    ("it says more", report(0), known(0, same=False), 1, Fold.UPDATED),
    ("it ends", report(0, 20), known(0), 21, Fold.ENDS),
    ("a resolve of the episode before", report(-60, -40), known(0), 1, Fold.STALE),
    ("a resolve of the episode before, its end wrong by clocks", report(-60, 1), known(0, before=-1), 2, Fold.STALE),
    ("the other half of the pair began earlier", report(-0.2), known(0), 1, Fold.SAME),
    ("a late firing of the episode before", report(-60), known(0, before=-1), 1, Fold.STALE),
    ("firing heard just after its end", report(0), known(0, 20, heard=21), 22, Fold.STALE),
    ("firing heard long after its end", report(0), known(0, 20, heard=21), 40, Fold.AGAIN),
    ("a new episode", report(25), known(0, 20, heard=21), 26, Fold.NEW),
    ("a new episode at once", report(20), known(0, 20, heard=20), 20, Fold.NEW),
    ("the end again", report(0, 20), known(0, 20, heard=21), 22, Fold.STALE),
    ("an episode that nobody saw begin", report(30, 35), known(0, 20, heard=21), 36, Fold.OVER),
]


@pytest.mark.parametrize(
    ("said", "before", "now", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_by_time_not_by_arrival(said: Report, before: Known | None, now: float, expected: Fold) -> None:
    assert fold(report=said, known=before, now=at(now)) is expected


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_whatever_the_order_of_arrival_the_last_state_by_time_stands(order: tuple[int, ...]) -> None:
    """Fired 0 to 5, and again from 8: the three reports arrive within a minute, in any order; it fires in the end."""
    said = [report(0), report(0, 5), report(8)]
    state: Known | None = None
    for step, index in enumerate(order):
        one, now = said[index], at(9 + step / 10)
        verdict = fold(report=one, known=state, now=now)
        if verdict in {Fold.NEW, Fold.OVER}:
            state = Known(one.starts_at, one.ends_at, now, state.ends_at if state else None, True)
        elif verdict is Fold.UPDATED and state is not None:
            state = replace(state, fires_since=max(one.starts_at, state.starts_at))
        elif verdict is Fold.ENDS and state is not None:
            state = replace(state, ends_at=one.ends_at, ended_heard_at=now)
    assert state is not None
    assert state.ends_at is None
