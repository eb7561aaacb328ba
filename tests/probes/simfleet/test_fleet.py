"""The healthy fleet, its pages, and what a restart does to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest

from probes.exposition import Page, Parser, Series
from probes.simfleet.config import EngineProfile, FleetConfig, Lengths
from probes.simfleet.fleet import Fleet, default_config
from tests.probes.simfleet.measure import DECODE, ITL, START, STATUS, TTFT, Meter, hours


def value(samples: Mapping[Series, float], name: str, **labels: str) -> float:
    found = [v for one, v in samples.items() if one.name == name and labels.items() <= dict(one.labels).items()]
    assert len(found) == 1, f"{len(found)} series {name} {labels}"
    return found[0]


@pytest.mark.parametrize("seed", [1, 2])
def test_healthy_hours_keep_every_objective(seed: int) -> None:
    fleet = Fleet(seed=seed, start=START + hours(36))
    meters = {service: Meter(fleet, service) for service in fleet.services}
    requests: Counter[str] = Counter()
    for _ in range(2):
        for service, meter in meters.items():
            window = meter.after(1_200.0) if service == "chat" else meter.window()
            requests[service] += int(window.total(STATUS))
            assert 0.04 < window.quantile(TTFT, 0.95) < 0.12
            assert window.share_within(TTFT, "0.25") >= 0.9997
            assert window.quantile(ITL, 0.95) < 0.03
            assert window.share_within(ITL, "0.05") == 1.0
            assert window.total(STATUS) - window.total(STATUS, status="200") <= 1
            assert fleet.pool(service).waiting <= 2
    assert requests["chat"] > 8_000
    assert requests["batch"] > 1_000


def test_p95_of_a_minute_is_steady() -> None:
    fleet = Fleet(seed=4, start=START + hours(36))
    fleet.advance(fleet.now + 120.0)
    meter = Meter(fleet, "chat")
    p95 = [meter.after(60.0).quantile(TTFT, 0.95) for _ in range(10)]
    assert max(p95) < 0.12


def test_every_arrival_is_somewhere() -> None:
    fleet = Fleet(seed=3, start=START)
    for fault in ("replica-outage", "traffic-spike"):
        fleet.start_fault(fault)
    for minutes in (3, 4, 2, 5):
        fleet.advance(fleet.now + 60.0 * minutes + 0.37)
        if minutes == 2:
            fleet.stop_fault("replica-outage")
        for service in fleet.services:
            pool = fleet.pool(service)
            assert pool.arrived == sum(pool.gateway.outcomes().values()) + pool.running + pool.waiting


def test_the_same_seed_plays_the_same_and_another_does_not() -> None:
    def played(seed: int, step: float) -> list[Page]:
        fleet = Fleet(seed=seed, start=START)
        while fleet.now < START + 450.0:
            fleet.advance(fleet.now + step)
        return [fleet.scrape(target.name) for target in fleet.targets if target.kind != "gpu"]

    assert played(7, 30.0) == played(7, 30.0)
    assert played(7, 30.0) != played(8, 30.0)
    for one, other in zip(played(7, 30.0), played(7, 7.5), strict=True):
        assert other == pytest.approx(one)


def test_going_back_changes_nothing() -> None:
    fleet = Fleet(seed=1, start=START)
    fleet.advance(START + 60.0)
    before = fleet.scrape("chat-0")
    fleet.advance(START)
    assert (fleet.now, fleet.scrape("chat-0")) == (START + 60.0, before)


def test_a_restart_moves_the_start_and_zeroes_the_counters() -> None:
    fleet = Fleet(seed=1, start=START)
    fleet.advance(START + 600.0)
    before = fleet.scrape("code-1")
    fleet.start_fault("replica-outage")
    fleet.advance(START + 700.0)
    fleet.stop_fault("replica-outage")
    fleet.advance(START + 720.5)
    after = fleet.scrape("code-1")
    assert value(before, "process_start_time_seconds") < START
    assert value(after, "process_start_time_seconds") == START + 700.0
    created = [v for one, v in after.items() if one.name.endswith("_created")]
    assert len(created) > 40
    assert set(created) == {START + 710.0}
    name = "vllm:generation_tokens_total"
    assert value(after, name) < 200 < value(before, name)
    assert before.keys() == after.keys()


def test_text_and_mapping_are_the_same_page() -> None:
    fleet = Fleet(seed=1, start=START)
    fleet.advance(START + 300.0)
    for name in ("chat-0", "gateway-code", "gpu-batch-1"):
        assert Parser().parse(fleet.text(name)) == fleet.scrape(name)


def test_histograms_are_cumulative_and_complete() -> None:
    fleet = Fleet(seed=1, start=START)
    fleet.advance(START + 300.0)
    samples = fleet.scrape("chat-0")
    buckets: dict[Series, list[tuple[float, float]]] = {}
    for one, count in samples.items():
        if one.name.endswith("_bucket"):
            buckets.setdefault(one.without("le"), []).append((float(one.label("le") or "nan"), count))
    assert len(buckets) == 18
    for one, points in buckets.items():
        counts = [count for _, count in sorted(points)]
        assert counts == sorted(counts)
        assert counts[-1] == samples[Series(one.name.removesuffix("_bucket") + "_count", one.labels)]


def test_targets_name_services_kinds_and_gpus() -> None:
    fleet = Fleet(seed=1, start=START)
    assert Counter((t.service, t.kind) for t in fleet.targets) == {
        ("chat", "engine"): 4, ("chat", "gpu"): 4, ("chat", "gateway"): 1,
        ("code", "engine"): 3, ("code", "gpu"): 3, ("code", "gateway"): 1,
        ("batch", "engine"): 2, ("batch", "gpu"): 2, ("batch", "gateway"): 1,
        ("chat", "client"): 1, ("code", "client"): 1, ("batch", "client"): 1,
    }  # fmt: skip
    carried = {t.replica: t.gpus for t in fleet.targets if t.kind == "gpu"}
    assert carried == {t.name: t.gpus for t in fleet.targets if t.kind == "engine"}
    for target in fleet.targets:
        if target.kind == "gpu":
            assert {one.label("UUID") for one in fleet.scrape(target.name)} == set(target.gpus)


def test_a_canary_sees_the_load_of_the_moment() -> None:
    fleet = Fleet(seed=1, start=START + hours(36))
    fleet.advance(fleet.now + 300.0)
    calm = fleet.complete("chat", "In one or two sentences: what is tidal power?", 64)
    fleet.start_fault("traffic-spike")
    fleet.advance(fleet.now + 180.0)
    crowded = fleet.complete("chat", "In one or two sentences: what is tidal power?", 64)
    assert calm.outcome == crowded.outcome == "ok"
    assert calm.first_token_seconds is not None
    assert crowded.first_token_seconds is not None
    assert calm.first_token_seconds < 0.1
    assert crowded.first_token_seconds > 1.0
    assert calm.token_seconds[0] == calm.first_token_seconds
    assert list(calm.token_seconds) == sorted(calm.token_seconds)
    assert (calm.finish_reason, fleet.complete("chat", "hello", 3).finish_reason) == ("stop", "length")


def test_a_small_cache_preempts_and_everyone_still_finishes() -> None:
    chat = default_config().service("chat")
    small = replace(
        chat, replicas=1, requests_per_second=3.0, context=Lengths(300, 0.2, 64, 600), generated=Lengths(400, 0.3, 64, 900),
        engine=EngineProfile(kv_tokens=9_000),
    )  # fmt: skip
    fleet = Fleet(FleetConfig(services=(small,)), seed=1, start=START)
    meter = Meter(fleet, "chat")
    window = meter.after(600.0)
    assert window.total("vllm:num_preemptions_total") > 10
    assert window.total("vllm:request_num_preemptions_sum") > 5
    assert 0.5 < fleet.pool("chat").replicas[0].engine.kv_ratio <= 1.0
    pool = fleet.pool("chat")
    assert pool.arrived == sum(pool.gateway.outcomes().values()) + pool.running + pool.waiting
    assert window.mean(DECODE) > 5


def test_a_client_gives_up_and_a_full_queue_rejects() -> None:
    chat = default_config().service("chat")
    engine = EngineProfile(max_num_seqs=2, max_queued=20)
    small = replace(chat, replicas=1, requests_per_second=4.0, engine=engine, timeout_seconds=20.0)
    fleet = Fleet(FleetConfig(services=(small,)), seed=1, start=START)
    window = Meter(fleet, "chat").after(600.0)
    assert window.total(STATUS, status="429") > 100
    assert window.total(STATUS, status="408") > 20
    assert window.total("vllm:admission_rejections_total") == window.total(STATUS, status="429")
