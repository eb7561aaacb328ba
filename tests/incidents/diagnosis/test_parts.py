"""One part or all: replicas, regions, versions, tails, slices and failures, from plain values."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidents.diagnosis.levels import moved
from incidents.diagnosis.precision import precision
from incidents.diagnosis.tails import long_gap_time
from incidents.diagnosis.view import ChangeSeen, Period, Serving, When
from sloengine.rollups.windows import HistogramIncrement
from tests.incidents.diagnosis.test_answers import AT, ask, both

HOUR = timedelta(hours=1)
ByReplica = dict[tuple[str, ...], Any]


def test_one_slow_replica_stands_out_against_its_own_past_and_a_slower_board_does_not() -> None:
    before: ByReplica = {("a",): (3.0, 100), ("b",): (3.0, 100), ("old",): (6.0, 100)}
    now: ByReplica = {("a",): (12.0, 100), ("b",): (3.0, 100), ("old",): (6.0, 100)}
    value, said = ask("inter_token_replica_skew", histograms=both("inter_token_seconds", now, before))
    assert value == pytest.approx(4.0)
    assert "(a 120 ms, the others 45 ms)" in said
    same = ask("inter_token_replica_skew", histograms=both("inter_token_seconds", before, before))
    assert same[0] == 1.0


def test_the_clock_that_counts_is_that_of_the_slow_replica_and_not_of_an_idle_one() -> None:
    gaps = both(
        "inter_token_seconds", {("a",): (12.0, 100), ("idle",): (3.0, 100)}, {("a",): (3.0, 100), ("idle",): (3.0, 100)}
    )
    clocks = both("gpu_clock_hertz", {("a",): 1.9e9, ("idle",): 1.3e9}, {("a",): 1.9e9, ("idle",): 1.9e9})
    assert ask("gpu_clock_worst_factor", histograms=gaps, gauges=clocks)[0] == 1.0
    assert ask("gpu_clock_worst_factor", gauges=clocks)[0] == pytest.approx(1.3 / 1.9)


def test_a_low_clock_that_nothing_holds_down_is_that_of_a_board_with_time_to_spare() -> None:
    clocks = both("gpu_clock_hertz", {("a",): 1.2e9}, {("a",): 1.9e9})
    busy = {("gpu_utilisation_ratio", When.NOW): {("a",): 0.5}}
    idle, held = ({("gpu_throttled_seconds_total", When.NOW): {("a",): seconds}} for seconds in (0.0, 150.0))
    value, said = ask("gpu_clock_worst_factor", gauges=clocks | busy, counters=idle)
    assert value == 1.0
    assert "idle: nothing holds it down" in said
    assert ask("gpu_clock_worst_factor", gauges=clocks | busy, counters=held)[0] == pytest.approx(1.2 / 1.9)
    assert ask("gpu_clock_worst_factor", gauges=clocks | busy)[0] == pytest.approx(1.2 / 1.9), (
        "who tells nothing clears nobody"
    )


def test_memory_is_that_of_the_fullest_replica_and_a_hang_is_no_fault_of_a_board() -> None:
    memory = {
        ("gpu_memory_bytes", When.LATEST): {("a",): 78e9, ("dead",): 1e6},
        ("gpu_memory_total_bytes", When.LATEST): {("a",): 80e9, ("dead",): 80e9},
    }
    assert ask("gpu_memory_full", gauges=memory)[0] == pytest.approx(0.975)
    for reason, faults in (("hang", 0), ("off_bus", 1)):
        told = {
            ("gpu_fault_severity", When.LATEST): {("a", "0", reason): 3.0},
            ("gpu_clock_hertz", When.NOW): {("a",): 2e9},
        }
        assert ask("gpu_faults", gauges=told)[0] == faults


def test_few_requests_and_small_differences_are_no_skew() -> None:
    few: ByReplica = {("a",): (1.2, 9), ("b",): (3.0, 100), ("c",): (3.0, 100)}
    assert ask("inter_token_replica_skew", histograms=both("inter_token_seconds", few, few))[0] == 1.0
    one: ByReplica = {("a",): (12.0, 100)}
    assert ask("inter_token_replica_skew", histograms={("inter_token_seconds", When.NOW): one})[0] is None


def test_what_has_no_past_is_held_against_the_others() -> None:
    assert moved({"a": 0.12, "new": 0.06}, {"a": 0.03, "b": 0.03}) == pytest.approx({"a": 4.0, "new": 2.0})
    assert moved({"a": 0.1}, {}) == {}


def test_a_region_is_down_when_none_of_its_replicas_answers_even_if_nothing_is_read_of_it() -> None:
    up = {
        ("target_up", When.BEFORE): {("eu", "r1"): 1.0, ("us", "r2"): 1.0, ("us", "r3"): 1.0},
        ("target_up", When.NOW): {("eu", "r1"): 1.0, ("us", "r2"): 0.0},
    }
    assert ask("regions_down", gauges=up) == (1, "1 regions have no replica that answers (us of 2)")
    gone = {("target_up", When.BEFORE): {("eu", "r1"): 1.0}}
    assert ask("replicas_up", gauges=gone)[0] == 0
    assert ask("regions_down", gauges=gone)[0] == 0  # one region only: that is the service


def test_the_same_hour_of_last_week_is_asked_apart() -> None:
    counters = {
        ("requests_total", When.NOW): {("ok",): 97 * 300},
        ("requests_total", When.WEEK): {("ok",): 100 * 3600},
    }
    assert ask("traffic_week_factor", counters=counters)[0] == pytest.approx(0.97)
    assert "a week ago" in ask("traffic_week_factor", counters={("requests_total", When.NOW): {("ok",): 1.0}})[1]


def test_failures_that_are_what_grew_are_no_crowd() -> None:
    storm = both(
        "requests_total", {("ok",): 40 * 300, ("timeout",): 90 * 300}, {("ok",): 42 * 3600, ("timeout",): 3600}
    )
    assert ask("failed_growth_share", counters=storm)[0] == pytest.approx(89 / 87)
    assert ask("ok_rate_factor", counters=storm)[0] == pytest.approx(40 / 42)
    crowd = both("requests_total", {("ok",): 90 * 300}, {("ok",): 42 * 3600})
    assert ask("failed_growth_share", counters=crowd)[0] == 0
    rejected = {("requests_total", When.NOW): {("ok",): 80, ("rejected",): 18, ("error",): 2}}
    assert ask("rejected_share", counters=rejected)[0] == pytest.approx(0.9)


def test_an_engine_that_counts_no_failures_is_asked_for_its_http_answers() -> None:
    counters = {
        ("requests_total", When.NOW): {("ok",): 100.0},
        ("http_responses_total", When.NOW): {("ok",): 90.0, ("error",): 10.0},
    }
    assert ask("error_share", counters=counters)[0] == pytest.approx(0.1)


def test_time_in_long_gaps_is_a_lower_bound() -> None:
    gaps = HistogramIncrement((0.05, 0.5, 1.0, float("inf")), (990, 990, 1000, 1000), 30.0, 1000)
    found = long_gap_time(gaps)
    assert found is not None
    assert found[0] == pytest.approx(10 * 0.5 / 30)
    assert long_gap_time(HistogramIncrement((0.1, float("inf")), (1000, 1000), 30.0, 1000)) is None


def test_a_canary_that_went_to_all_is_told_from_a_plain_deploy() -> None:
    first = AT - HOUR
    served = [
        Serving("eu", "v2", "", first, AT),
        Serving("eu", "v1", "", AT - 9 * HOUR, AT),
    ]
    counters = {
        ("e2e_seconds", When.NOW): {("v2",): 100.0},
        ("e2e_seconds", Period(first, first + timedelta(minutes=10))): {("v2",): 5.0, ("v1",): 95.0},
    }
    assert ask("rollout_gain", served=served, counters=counters)[0] == pytest.approx(0.95)
    just_now = [Serving("eu", "v2", "", AT - timedelta(minutes=9), AT), served[1]]
    assert ask("rollout_gain", served=just_now, counters=counters)[0] == 0


def test_configurations_side_by_side_name_region_and_since_when() -> None:
    served = [Serving("eu", "v1", "aaa", AT - HOUR, AT), Serving("us", "v1", "bbb", AT - 2 * HOUR, AT)]
    value, said = ask("config_variants", served=served)
    assert value == 2
    assert "us bbb since 05 Jan 07:00, eu aaa since 05 Jan 08:00" in said
    assert ask("config_variants", served=[served[0], Serving("us", "v1", "aaa", AT - HOUR, AT)])[0] == 1
    looked = AT - timedelta(minutes=4)  # what serves is written down every five minutes
    drifted = [Serving("eu", "v1", "aaa", AT - HOUR, looked), Serving("us", "v1", "bbb", AT - HOUR, looked)]
    assert ask("config_variants", served=drifted)[0] == 2
    rolled = [drifted[0], Serving("eu", "v1", "old", AT - HOUR, looked - timedelta(seconds=30))]
    assert ask("config_variants", served=rolled)[0] == 1


def test_a_slice_that_fell_alone_is_named() -> None:
    def counted(long: float, code: float, of: int) -> dict[tuple[str, ...], float]:
        return {("long",): long * of, ("code",): code * of}

    counters = {
        ("answer_similarity_sum_total", When.SINCE): counted(0.8, 0.97, 5),
        ("answer_similarity_samples_total", When.SINCE): counted(1, 1, 5),
        ("answer_similarity_sum_total", When.BEFORE): counted(0.97, 0.97, 50),
        ("answer_similarity_samples_total", When.BEFORE): counted(1, 1, 50),
    }
    value, said = ask("worst_slice_fall", counters=counters)
    assert value == pytest.approx(0.17)
    assert said.endswith("(long, now 0.800)")
    assert ask("other_slices_fall", counters=counters)[0] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("llama-8b-int4", {"int4"}),
        ("v2 fp8 kv", {"fp8"}),
        ("2026.11.1", set()),
        ("w4a16-awq", {"w4a16", "awq"}),
        ("point8", set()),
    ],
)
def test_precision_is_read_off_names(text: str, found: set[str]) -> None:
    assert precision(text) == found


def test_a_change_of_precision_is_told_with_its_distance() -> None:
    change = ChangeSeen("deploy", AT - timedelta(minutes=9), "v1", "v1-int4", precise=True)
    value, said = ask("quantisation_changes", changed=[change, ChangeSeen("deploy", AT, "v0", "v1")])
    assert value == 1
    assert "deploy v1 to v1-int4 at 08:51, 4 min before it began" in said
