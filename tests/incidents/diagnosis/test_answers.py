"""Signals of a service from what was collected, here plain values: windows, details, and "cannot tell"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidents.diagnosis.answers import READERS, ServiceSignals
from incidents.diagnosis.replay import Replayed, SliceVerdict, Verdict
from incidents.diagnosis.signals import sentence
from incidents.diagnosis.view import ChangeSeen, Found, Period, Serving, When, Window
from sloengine.detection import precedence
from sloengine.detection.precedence import Precedence
from sloengine.rollups.windows import GaugeWindow, HistogramIncrement

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
BURN = Found("burn", "page", "burns", {
    "objective": "first-token", "indicator": "ttft", "burn_rate_long": 20.1, "threshold": 14.4, "long_window_seconds": 3600,
})  # fmt: skip


@dataclass
class FakeView:
    """(family, when) -> {group: value}; a histogram is (sum, count), a gauge its mean."""

    counters: Mapping[tuple[str, Window], Mapping[tuple[str, ...], float]] = field(default_factory=dict)
    histograms: Mapping[tuple[str, Window], Mapping[tuple[str, ...], tuple[float, float]]] = field(default_factory=dict)
    gauges: Mapping[tuple[str, Window], Mapping[tuple[str, ...], float]] = field(default_factory=dict)
    found: Sequence[Found] = ()
    changed: Sequence[ChangeSeen] = ()
    replay: Replayed = field(default_factory=Replayed)
    led: Precedence = field(default_factory=lambda: Precedence(precedence.Verdict.NOT_SHOWN, "quality did not fall"))
    served: Sequence[Serving] = ()
    others: Sequence[str] = ()
    service: str = "chat"
    impact_started_at: datetime = AT - timedelta(minutes=5)
    now: datetime = AT

    def servings(self) -> Sequence[Serving]:
        return self.served

    def elsewhere(self) -> Sequence[str]:
        return self.others

    def period(self, when: When) -> Period:
        return (
            Period(AT - timedelta(minutes=5), AT)
            if when is When.NOW
            else Period(AT - timedelta(minutes=66), AT - timedelta(minutes=6))
        )

    def covered_seconds(self, family: str, when: Window) -> float | None:
        span = when if isinstance(when, Period) else self.period(when)
        return float(span.seconds) if (family, when) in self.counters else None

    def increments(self, family: str, when: Window, by: tuple[str, ...] = ()) -> Mapping[tuple[str, ...], float]:
        groups = self.counters.get((family, when), {})
        return groups if by or not groups else {(): sum(groups.values())}

    def histogram(
        self, family: str, when: Window, by: tuple[str, ...] = ()
    ) -> Mapping[tuple[str, ...], HistogramIncrement]:
        groups = self.histograms.get((family, when), {})
        if not by and groups:
            groups = {(): (sum(total for total, _ in groups.values()), sum(count for _, count in groups.values()))}
        return {
            key: HistogramIncrement((0.25, float("inf")), (count * 0.9, count), total, count)
            for key, (total, count) in groups.items()
        }

    def gauge(self, family: str, when: Window, by: tuple[str, ...] = ()) -> Mapping[tuple[str, ...], GaugeWindow]:
        groups = self.gauges.get((family, when), {})
        if not by and groups:
            groups = {(): sum(groups.values()) / len(groups)}
        return {key: GaugeWindow(10, mean, 0.0) for key, mean in groups.items()}

    def findings(self) -> Sequence[Found]:
        return self.found

    def changes(self) -> Sequence[ChangeSeen]:
        return self.changed

    def replayed(self) -> Replayed:
        return self.replay

    def leading(self) -> Precedence:
        return self.led


def ask(name: str, **given: Any) -> tuple[Any, str]:
    answer = ServiceSignals(FakeView(**given)).ask(name)
    return answer.value, sentence(name, answer)


def both(
    family: str, now: Mapping[tuple[str, ...], Any], before: Mapping[tuple[str, ...], Any]
) -> dict[tuple[str, When], Any]:
    return {(family, When.NOW): now, (family, When.BEFORE): before}


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in READERS
        if name
        not in {
            "page_breaches",
            "burn_rate",
            "outage",
            "quality_breaches",
            "changes_nearby",
            "cost_findings",
            "shift_findings",
            "slow_burns",
            "quantisation_changes",
            "config_changes",
            "maintenance_nearby",
            "incidents_elsewhere",
            "kpi_findings",
            "price_findings",
        }
    ],
)
def test_nothing_collected_is_cannot_tell_and_never_zero(name: str) -> None:
    value, said = ask(name)
    assert value is None
    assert said.startswith("Cannot tell ")


def test_burn_names_objective_and_limit() -> None:
    value, said = ask("burn_rate", found=[BURN])
    assert value == 20.1
    assert said == "chat is burning its first-token budget 20.1 times too fast (limit 14.4 over 1 h)"
    assert ask("page_breaches", found=[BURN])[0] == 1


@pytest.mark.parametrize(
    "other",
    [
        Found("burn", "ticket", "", {"indicator": "ttft"}),
        Found("burn", "page", "", {"indicator": "quality"}),
        Found("cost", "page", ""),
    ],
)
def test_only_page_tier_burns_of_availability_or_speed_are_a_breach(other: Found) -> None:
    assert ask("page_breaches", found=[other])[0] == 0


def test_traffic_is_compared_as_rates_though_the_windows_differ() -> None:
    value, said = ask("traffic_factor", counters=both("requests_total", {("ok",): 97 * 300}, {("ok",): 42 * 3600}))
    assert value == pytest.approx(97 / 42)
    assert said == "Requests arrive 2.31 times as often as before (from 42 per second to 97 per second)"


def test_a_full_service_ends_no_more_than_it_can_so_its_growing_backlog_counts_as_arrivals() -> None:
    counters = both("requests_total", {("ok",): 52 * 300}, {("ok",): 40 * 3600})
    gauges = {
        ("requests_running", When.BEFORE): {("r1",): 30.0, ("r2",): 30.0},
        ("requests_waiting", When.BEFORE): {("r1",): 0.0, ("r2",): 0.0},
        ("requests_running", When.LATEST): {("r1",): 36.0, ("r2",): 36.0},
        ("requests_waiting", When.LATEST): {("r1",): 6600.0, ("r2",): 6588.0},
    }
    value, said = ask("traffic_factor", counters=counters, gauges=gauges)
    assert value == pytest.approx((52 + 13200 / 300) / 40)
    assert "from 40 per second to 96 per second" in said


def test_queue_share_is_of_the_mean_time_to_first_token() -> None:
    stages = {("queue_seconds", When.NOW): {(): (710, 1000)}, ("prefill_seconds", When.NOW): {(): (290, 1000)}}
    assert ask("queue_share", histograms=stages) == (
        pytest.approx(0.71),
        "Queueing is 71 % of the time to first token (mean share)",
    )


def test_errors_leave_client_aborts_out() -> None:
    counted = {("requests_total", When.NOW): {("ok",): 980, ("error",): 15, ("rejected",): 5, ("aborted",): 500}}
    assert ask("error_share", counters=counted) == (pytest.approx(0.02), "2 % of requests fail (20 of 1,000 requests)")


def test_replicas_that_do_not_answer_are_named() -> None:
    value, said = ask(
        "replicas_down", gauges={("target_up", When.NOW): {("eu", "r1"): 1.0, ("eu", "r2"): 0.1, ("eu", "r3"): 1.0}}
    )
    assert (value, said) == (1, "1 replica does not answer the probe (r2 of 3)")


def test_a_replica_that_just_fell_silent_is_down_though_it_was_up_for_most_of_the_window() -> None:
    up = {
        ("target_up", When.NOW): {("eu", "r1"): 1.0, ("eu", "r2"): 0.8},
        ("target_up", When.LATEST): {("eu", "r1"): 1.0, ("eu", "r2"): 0.0},
    }
    assert ask("replicas_down", gauges=up)[0] == 1


def test_a_clock_that_fell() -> None:
    value, said = ask("gpu_clock_factor", gauges=both("gpu_clock_hertz", {(): 0.6e9}, {(): 1.8e9}))
    assert value == pytest.approx(1 / 3)
    assert "from 1,800 to 600 MHz" in said


def test_similarity_comes_from_exact_counters_where_there_are_any() -> None:
    counters = {
        ("answer_similarity_sum_total", When.NOW): {(): 8.0},
        ("answer_similarity_samples_total", When.NOW): {(): 10.0},
    }
    gauges = both("answer_similarity_ratio", {(): 0.95}, {(): 0.97})
    assert ask("answer_similarity", counters=counters, gauges=gauges)[0] == pytest.approx(0.8)
    assert ask("similarity_fall", counters=counters, gauges=gauges)[0] == pytest.approx(0.17)
    assert ask("answer_similarity", gauges=gauges)[0] == pytest.approx(0.95)


def test_versions_are_compared_where_a_new_one_serves() -> None:
    gauges = both("answer_similarity_ratio", {("v2",): 0.8}, {("v1",): 0.97})
    value, said = ask("version_similarity_gap", gauges=gauges)
    assert value == pytest.approx(0.17)
    assert said.endswith("(v1 0.970, v2 0.800)")


def test_a_new_version_already_seen_before_the_impact_is_still_compared() -> None:
    counters = {
        **both("answer_similarity_sum_total", {("v2",): 4.0, ("v1",): 0.97}, {("v1",): 58.2, ("v2",): 1.6}),
        **both("answer_similarity_samples_total", {("v2",): 5.0, ("v1",): 1.0}, {("v1",): 60.0, ("v2",): 2.0}),
    }
    assert ask("version_similarity_gap", counters=counters)[0] == pytest.approx(0.17)
    one = both("answer_similarity_samples_total", {("v1",): 5.0}, {("v1",): 60.0})
    assert ask("version_similarity_gap", counters=one)[1].endswith("one version serves now and served before")


def test_one_tenant_in_the_growth() -> None:
    counters = both(
        "tenant_tokens_total",
        {("acme",): 8000 * 300, ("beta",): 1100 * 300},
        {("acme",): 1000 * 3600, ("beta",): 1000 * 3600},
    )
    value, said = ask("top_tenant_growth_share", counters=counters)
    assert value == pytest.approx(7000 / 7100)
    assert said == "One tenant is 99 % of what the token rate gained (acme)"


def test_what_the_others_use_tells_one_tenant_from_a_shift_and_from_all() -> None:
    hour: dict[tuple[str, ...], float] = {
        (name,): 12 * tokens for name, tokens in (("acme", 50.0), ("globex", 30.0), ("initech", 20.0))
    }
    for now, factor in (((50.0, 450.0, 20.0), 1.0), ((5.0, 57.0, 38.0), 0.61)):
        counters = both("tenant_tokens_total", dict(zip(hour, now, strict=True)), hour)
        assert ask("other_tenants_factor", counters=counters)[0] == pytest.approx(factor, abs=0.01)


def test_the_business_is_counted_by_what_was_answered() -> None:
    counters = both("business_events_total", {("settled",): 30.0}, {("settled",): 62.0}) | both(
        "requests_total", {("ok",): 200.0, ("error",): 300.0}, {("ok",): 100.0}
    )
    assert ask("business_factor", counters=counters)[0] == pytest.approx(0.15 / 0.62)
    assert ask("business_factor", counters=both("requests_total", {("ok",): 2.0}, {("ok",): 2.0}))[0] is None


def test_changes_are_told_with_both_sides_and_traffic_changes_left_out() -> None:
    changes = [ChangeSeen("config", AT, "bf16", "int4"), ChangeSeen("traffic", AT, "a", "b")]
    assert ask("changes_nearby", changed=changes) == (
        1,
        "1 version or config change near the start of the impact (config bf16 to int4 at 09:00, 5 min after it began)",
    )


def test_the_replay_answers_in_slices() -> None:
    slices = (
        SliceVerdict("code", Verdict.WORSE, 20, 0.8, 0.97, "code: worse"),
        SliceVerdict("facts", Verdict.SAME, 20, 0.97, 0.97, "facts: same"),
    )
    assert ask("replay_slices_worse", replay=Replayed(slices)) == (
        1,
        "The serving version is worse on 1 replay slices (code)",
    )
    assert ask("replay_slices_judged", replay=Replayed(slices))[0] == 2
    few = Replayed(
        (SliceVerdict("code", Verdict.INSUFFICIENT, 3, None, None, "code: insufficient data, 3 of 20 prompts"),)
    )
    assert ask("replay_slices_worse", replay=few)[1].endswith("code: insufficient data, 3 of 20 prompts")


def test_a_signal_is_computed_once() -> None:
    signals = ServiceSignals(FakeView())
    assert signals.ask("kv_cache") is signals.ask("kv_cache")


def test_a_rise_of_latency_that_precedes_the_fall_is_told_with_its_sentence_and_else_why_not() -> None:
    led = Precedence(precedence.Verdict.PRECEDES, "", 0.007, lead_seconds=1200.0, p_value=0.02, rises=1, falls=1)
    value, told = ask("latency_lead", led=led)
    assert value == 1200.0
    assert "p = 0.02" in told
    value, told = ask("latency_lead")
    assert value is None
    assert told.endswith("Not shown: quality did not fall.")
