"""Readings to increments: each reason by a sentence, the telescoping sum, and a brute-force oracle over random histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.exposition import Series, series
from sloengine.collect.increments import Readings, Reason, advance, forget, restore

OK = series("tailwatch_requests_total", service="chat", replica="chat-0", outcome="ok")
ERROR = series("tailwatch_requests_total", service="chat", replica="chat-0", outcome="error")
START = series("tailwatch_process_start_seconds", service="chat", replica="chat-0")
PROBE_START = series("tailwatch_probe_start_seconds")
CANARY = series("tailwatch_canary_requests_total", service="chat", outcome="ok")
THROTTLED = series("tailwatch_gpu_throttled_seconds_total", service="chat", replica="chat-0", gpu="0", reason="power")


def play(*readings: Mapping[Series, float], every: float = 30.0) -> list[dict[Series, tuple[float, Reason]]]:
    """The increments of readings 30 s apart, the first at second 1000."""
    kept, found = Readings(), []
    for number, samples in enumerate(readings):
        step = advance(kept, samples, at=1000 + number * every)
        kept = step.readings
        names = [step.order.keys[i] for i in step.order.counters]
        found.append(
            {name: (float(a), Reason(r)) for name, a, r in zip(names, step.amounts, step.reasons, strict=True)}
        )
    return found


def test_what_was_there_at_the_first_reading_is_not_ours() -> None:
    assert play({OK: 100})[0] == {OK: (0, Reason.BASELINE)}


def test_a_grown_counter_counts_what_was_added() -> None:
    assert play({OK: 100}, {OK: 130})[1] == {OK: (30, Reason.GROWN)}


def test_a_fallen_counter_restarted_and_counts_what_it_has() -> None:
    assert play({OK: 100}, {OK: 7})[1] == {OK: (7, Reason.RESTARTED)}


def test_a_dip_of_a_process_that_is_the_same_counts_nothing_twice() -> None:
    """Behind one address two Prometheus servers answer in turn, one a scrape behind the other."""
    steps = play(*({OK: value, START: 500} for value in (1000, 998, 1003, 400, 410)))
    assert [step[OK] for step in steps[1:]] == [
        (0, Reason.GROWN), (3, Reason.GROWN), (400, Reason.RESTARTED), (10, Reason.GROWN),
    ]  # fmt: skip
    assert play({OK: 1000}, {OK: 998})[1] == {OK: (998, Reason.RESTARTED)}  # nobody says which process


def test_a_sum_that_was_added_up_in_another_order_has_not_restarted() -> None:
    total = series("tailwatch_ttft_seconds_sum", service="chat", replica="chat-0")
    one, other = 0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1
    assert other < one
    assert play({total: one}, {total: other}, {total: one + 1})[1:] == [
        {total: (0, Reason.GROWN)}, {total: (pytest.approx(1), Reason.GROWN)},
    ]  # fmt: skip


def test_a_moved_process_start_is_a_restart_even_where_the_value_passed_the_old_one() -> None:
    assert play({OK: 100, START: 500}, {OK: 120, START: 1010})[1][OK] == (120, Reason.RESTARTED)


def test_a_trembling_process_start_is_none() -> None:
    assert play({OK: 100, START: 500.0}, {OK: 120, START: 500.4})[1][OK] == (20, Reason.GROWN)


def test_a_process_born_after_the_reading_before_is_counted_whole() -> None:
    new = series("tailwatch_requests_total", service="chat", replica="chat-9", outcome="ok")
    start = series("tailwatch_process_start_seconds", service="chat", replica="chat-9")
    assert play({OK: 1}, {OK: 1, new: 12, start: 1005})[1][new] == (12, Reason.BORN)


def test_a_process_older_than_the_reading_before_is_a_baseline() -> None:
    new = series("tailwatch_requests_total", service="chat", replica="chat-9", outcome="ok")
    start = series("tailwatch_process_start_seconds", service="chat", replica="chat-9")
    assert play({OK: 1}, {OK: 1, new: 12, start: 500})[1][new] == (0, Reason.BASELINE)


def test_a_replica_that_crashes_every_20_seconds_still_burns_budget() -> None:
    readings = [{ERROR: 3.0, START: 1000.0 + 20 * i} for i in range(1, 7)]
    counted = [one[ERROR] for one in play({ERROR: 3.0, START: 980.0}, *readings, every=20)][1:]
    assert counted == [(3, Reason.RESTARTED)] * 6


def test_the_first_error_of_a_process_that_was_read_before_counts() -> None:
    assert play({OK: 100, START: 500}, {OK: 130, ERROR: 1, START: 500})[1][ERROR] == (1, Reason.BORN)


def test_renamed_labels_count_nothing() -> None:
    renamed = series("tailwatch_requests_total", service="chat", replica="chat-0", outcome="ok", version="2")
    assert play({OK: 100, START: 500}, {renamed: 130, START: 500})[1][renamed] == (0, Reason.BASELINE)


def test_a_new_version_in_a_new_process_counts_whole_after_any_pause() -> None:
    renamed = series("tailwatch_requests_total", service="chat", replica="chat-0", outcome="ok", version="2")
    steps = play({OK: 100, START: 500}, {}, {}, {}, {renamed: 9, START: 1010})
    assert steps[4][renamed] == (9, Reason.BORN)


def test_back_from_a_gap_the_value_before_it_is_subtracted() -> None:
    assert play({OK: 100}, {}, {}, {OK: 170})[3] == {OK: (70, Reason.RETURNED)}


def test_what_the_probe_counts_restarts_with_the_probe_alone() -> None:
    steps = play(
        {CANARY: 10, PROBE_START: 1, START: 500},
        {CANARY: 12, PROBE_START: 1, START: 1010},
        {CANARY: 12, PROBE_START: 1050},
    )
    assert [step[CANARY] for step in steps[1:]] == [(2, Reason.GROWN), (12, Reason.RESTARTED)]


def test_restarts_of_an_engine_are_the_probe_s_count_and_do_not_begin_anew_with_it() -> None:
    restarts = series("tailwatch_engine_restarts_total", service="chat", replica="chat-0")
    steps = play({restarts: 4, START: 500}, {restarts: 5, START: 1010}, {restarts: 6, START: 1520})
    assert [step[restarts] for step in steps[1:]] == [(1, Reason.GROWN), (1, Reason.GROWN)]


def test_hardware_counters_outlive_the_engine() -> None:
    assert play({THROTTLED: 40, START: 500}, {THROTTLED: 41, START: 1010})[1][THROTTLED] == (1, Reason.GROWN)


def test_a_value_that_is_no_number_is_no_reading() -> None:
    steps = play({OK: 100}, {OK: float("nan")}, {OK: 150})
    assert [step[OK] for step in steps[1:]] == [(0, Reason.BASELINE), (50, Reason.RETURNED)]


def test_what_is_kept_elsewhere_goes_on_as_if_nothing_happened() -> None:
    kept = advance(Readings(), {OK: 100.0, START: 500.0}, at=1000).readings
    again = restore(at=1000, series=kept.series, values=kept.values, starts=kept.starts, seen=kept.seen)
    samples = {OK: 90.0, ERROR: 1.0, START: 500.0}
    one, other = advance(kept, samples, at=1030), advance(again, samples, at=1030)
    np.testing.assert_array_equal(one.amounts, other.amounts)
    np.testing.assert_array_equal(one.reasons, other.reasons)


def test_a_series_gone_for_good_is_forgotten() -> None:
    kept = advance(Readings(), {OK: 1.0, ERROR: 1.0}, at=1000).readings
    kept = advance(kept, {OK: 2.0}, at=90_000).readings
    assert forget(kept, before=80_000).series == [OK]
    assert forget(kept, before=900) is kept


# A brute-force oracle: processes are played second by second, and increments follow from what really happened.


@dataclass(frozen=True)
class Life:
    """A process of one replica: seconds of life, requests in each, and which of its ticks the probe misses."""

    seconds: int
    rate: int


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[list[Life]], list[set[int]]]:
    replicas = draw(st.integers(1, 3))
    lives = [
        draw(st.lists(st.builds(Life, st.integers(1, 200), st.integers(0, 3)), min_size=1, max_size=6))
        for _ in range(replicas)
    ]
    missed = [draw(st.sets(st.integers(0, 20), max_size=8)) for _ in range(replicas)]
    return lives, missed


@settings(deadline=None)  # machines are busy
@given(histories())
def test_against_an_oracle_that_saw_every_request(history: tuple[list[list[Life]], list[set[int]]]) -> None:
    lives, missed = history
    begin, tick, count = 10_000, 30, 20
    kept = Readings()
    counted = dict.fromkeys(range(len(lives)), 0.0)
    expected = dict.fromkeys(range(len(lives)), 0.0)
    last: dict[int, tuple[int, int]] = {}  # replica -> (start, value) of its last reading
    for number in range(count):
        at = begin + number * tick
        samples: dict[Series, float] = {}
        for replica, of_replica in enumerate(lives):
            now = _process(of_replica, at, begin)
            if now is None or number in missed[replica]:
                continue
            start, value = now
            samples[series("tailwatch_requests_total", service="s", replica=str(replica), outcome="ok")] = value
            samples[series("tailwatch_process_start_seconds", service="s", replica=str(replica))] = start
            before = last.get(replica)
            if before is None:
                young = number > 0 and start > at - tick - 15 and kept.at is not None
                expected[replica] += value if young else 0
            elif before[0] == start:
                expected[replica] += value - before[1]
            else:
                expected[replica] += value
            last[replica] = (start, value)
        step = advance(kept, samples, at=float(at))
        kept = step.readings
        for position, amount in zip(step.order.counters, step.amounts, strict=True):
            counted[int(step.order.keys[position].label("replica") or "")] += amount
    assert counted == expected


def _process(lives: Sequence[Life], at: int, begin: int) -> tuple[int, int] | None:
    """(start, requests so far) of the process that lives at a second; each life follows the one before after 2 s of nothing."""
    start = begin - 50
    for life in lives:
        if start <= at < start + life.seconds:
            return start, (at - start) * life.rate
        start += life.seconds + 2
    return None


@settings(deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=2, max_size=40))
def test_the_sum_telescopes(values: list[int]) -> None:
    steps = play(*({OK: float(value)} for value in values))
    resets = sum(before for before, after in pairwise(values) if after < before)
    assert sum(step[OK][0] for step in steps) == values[-1] - values[0] + resets


@pytest.mark.parametrize("size", [3])
def test_a_reading_in_another_order_counts_the_same(size: int) -> None:
    names = [series("tailwatch_requests_total", service="s", replica=str(i), outcome="ok") for i in range(size)]
    first = {name: 10.0 * i for i, name in enumerate(names)}
    second = {name: first[name] + i for i, name in reversed(list(enumerate(names)))}
    assert {name: amount for name, (amount, _) in play(first, second)[1].items()} == {n: i for i, n in enumerate(names)}


def test_an_old_version_that_is_still_shown_beside_the_new_one_has_not_restarted() -> None:
    def of(version: str, number: float, start: float) -> dict[Series, float]:
        labels = {"service": "chat", "replica": "chat-0", "version": version}
        return {
            series("tailwatch_requests_total", outcome="ok", **labels): number,
            series("tailwatch_process_start_seconds", **labels): start,
        }

    steps = play(of("1", 100, 500), {**of("1", 100, 500), **of("2", 4, 1010)})
    assert sorted(steps[1].values()) == [(0, Reason.GROWN), (4, Reason.BORN)]
