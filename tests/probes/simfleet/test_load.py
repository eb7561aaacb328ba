"""The past from the load model: complete, repeatable, and close to what the events give."""

from __future__ import annotations

import pytest

from probes.exposition import Series
from probes.signals import SIGNALS
from probes.simfleet.config import default_config
from probes.simfleet.fleet import Fleet
from probes.simfleet.load import BOUNDS, PastTick, past, past_series
from tests.probes.simfleet.measure import DECODE, ITL, START, TTFT, Meter, hours

CONFIG = default_config()
COLUMNS = past_series(CONFIG)
FAMILIES = {name for one in SIGNALS.values() for name in ([one.family] if one.kind != "histogram" else [
    f"{one.family}_bucket", f"{one.family}_sum", f"{one.family}_count"])}  # fmt: skip


def ticks(first: float, last: float, *, seed: int = 1) -> list[PastTick]:
    return list(past(CONFIG, seed=seed, start=first, end=last, step_seconds=300.0))


def total(played: list[PastTick], name: str, service: str, **labels: str) -> float:
    wanted = {"service": service, **labels}.items()
    at = [i for i, one in enumerate(COLUMNS) if one.name == f"tailwatch_{name}" and wanted <= dict(one.labels).items()]
    return sum(tick.values[i] for tick in played for i in at)


def test_columns_are_canonical_series_each_once() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS) == len(ticks(START, START + 300)[0].values)
    assert {one.name for one in COLUMNS} <= FAMILIES
    known = {signal.family: set(signal.labels) for signal in SIGNALS.values()}
    for one in COLUMNS:
        family = one.name if one.name in known else one.name.rsplit("_", 1)[0]
        assert {label for label, _ in one.labels} - {"le"} <= known[family], one


def test_ticks_lie_on_the_step_and_do_not_depend_on_the_window() -> None:
    whole = ticks(START, START + 3_600)
    assert [tick.at for tick in whole] == [START + 300.0 * i for i in range(1, 13)]
    assert ticks(START + 1_500, START + 2_400) == whole[5:8]
    assert ticks(START, START + 3_600, seed=2) != whole


def test_buckets_are_cumulative_and_end_at_the_count() -> None:
    for tick in ticks(START + hours(10), START + hours(11)):
        values = dict(zip(COLUMNS, tick.values, strict=True))
        for family, bounds in BOUNDS.items():
            buckets = [v for one, v in values.items() if one.name == f"tailwatch_{family}_bucket" and _chat(one)]
            assert len(buckets) == len(bounds) + 1
            assert buckets == sorted(buckets)
            assert [buckets[-1]] == [
                v for one, v in values.items() if one.name == f"tailwatch_{family}_count" and _chat(one)
            ]


def _chat(one: Series) -> bool:
    return one.label("service") == "chat"


def test_tenants_add_up_to_the_service() -> None:
    played = ticks(START, START + hours(6))
    for service in ("chat", "code", "batch"):
        assert total(played, "tenant_requests_total", service) == total(played, "requests_total", service, outcome="ok")
        tokens = total(played, "prompt_tokens_total", service) + total(played, "generated_tokens_total", service)
        assert total(played, "tenant_tokens_total", service) == pytest.approx(tokens, rel=1e-3)


def test_the_past_is_what_the_events_would_have_given() -> None:
    noon = START + hours(36)
    fleet = Fleet(CONFIG, seed=6, start=noon - 120.0)
    fleet.advance(noon)
    meters = {service: Meter(fleet, service) for service in fleet.services}
    fleet.advance(noon + 1_500.0)
    drawn = ticks(noon, noon + 1_500.0)
    for service, meter in meters.items():
        played = meter.window()
        finished = played.total("vllm:e2e_request_latency_seconds_count")
        assert total(drawn, "requests_total", service) == pytest.approx(finished, rel=0.1)
        for family, name in {TTFT: "ttft_seconds", ITL: "inter_token_seconds", DECODE: "decode_seconds"}.items():
            mean = total(drawn, f"{name}_sum", service) / total(drawn, f"{name}_count", service)
            assert mean == pytest.approx(played.mean(family), rel=0.15), (service, name)
        for bound in ("0.1", "0.25"):
            within = total(drawn, "ttft_seconds_bucket", service, le=bound) / total(
                drawn, "ttft_seconds_count", service
            )
            assert within == pytest.approx(played.share_within(TTFT, bound), abs=0.02), (service, bound)


def test_by_replica_the_past_adds_up_to_about_the_same_and_names_who_served() -> None:
    columns = past_series(CONFIG, by_replica=True)
    played = list(past(CONFIG, seed=1, start=START, end=START + 3_600, step_seconds=300.0, by_replica=True))
    assert len(set(columns)) == len(columns) == len(played[0].values)

    def tokens(replica: str | None) -> float:
        at = [
            i
            for i, one in enumerate(columns)
            if one.name == "tailwatch_generated_tokens_total"
            and one.label("service") == "chat"
            and replica in (None, one.label("replica"))
        ]
        return sum(tick.values[i] for tick in played for i in at)

    whole = total(ticks(START, START + 3_600), "generated_tokens_total", "chat")
    assert tokens(None) == pytest.approx(whole, rel=0.1)
    assert tokens("chat-2") == pytest.approx(whole / 4, rel=0.15)
    regions = {one.label("replica"): one.label("region") for one in columns if one.name == "tailwatch_target_up"}
    assert regions["chat-0"] == "eu-west"
    assert regions["chat-3"] == "us-east"
    assert total(played, "requests_total", "code") > 0


def test_the_past_holds_what_canaries_assert_and_what_the_business_counts() -> None:
    day = ticks(START, START + 86_400)
    asserted = total(day, "answer_asserted_total", "chat")
    assert 0 < asserted == total(day, "answer_right_total", "chat")
    assert total(day, "safety_checks_total", "chat", slice="short", reason="pii") > 0
    assert total(day, "schema_checks_total", "chat", slice="tool-call", reason="schema") > 0
    assert total(day, "schema_violations_total", "chat") == total(day, "safety_violations_total", "chat") == 0
    assert (
        0
        < total(day, "retrieval_similarity_samples_total", "chat")
        < total(day, "answer_similarity_samples_total", "chat")
    )
    settled = total(day, "business_events_total", "chat") / total(day, "requests_total", "chat", outcome="ok")
    assert settled == pytest.approx(0.62, abs=0.01)
