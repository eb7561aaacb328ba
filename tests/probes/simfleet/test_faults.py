"""Each fault does what the decision tree is to find, and its end undoes it. Expectations are those of the drills."""

from __future__ import annotations

import pytest

from probes.simfleet.fleet import FAULTS, Fleet, FleetConfig, TargetDown, UnknownName, default_config
from tests.probes.simfleet.measure import (
    DECODE,
    INPUT,
    ITL,
    OUTPUT,
    PREFILL,
    QUEUE,
    START,
    STATUS,
    TTFT,
    Meter,
    Window,
    hours,
)

AFTERNOON, NIGHT = START + hours(38), START + hours(26)
HOURS = pytest.mark.parametrize("at", [AFTERNOON, NIGHT], ids=["afternoon", "night"])


def alone(service: str, *, seed: int, start: float) -> Fleet:
    return Fleet(FleetConfig(services=(default_config().service(service),)), seed=seed, start=start)


def play(fault: str, at: float = AFTERNOON, *, seed: int = 5) -> tuple[Fleet, Meter, Window, Window]:
    """Five healthy minutes, then the fault; its first two minutes are left out, the next four measured."""
    fleet = alone(FAULTS[fault].service, seed=seed, start=at - 420.0)
    fleet.advance(at - 300.0)
    meter = Meter(fleet, FAULTS[fault].service)
    before = meter.after(300.0)
    fleet.start_fault(fault)
    meter.after(120.0)
    return fleet, meter, before, meter.after(240.0)


def recovered(fleet: Fleet, meter: Meter, fault: str) -> Window:
    """The third minute after the end."""
    fleet.stop_fault(fault)
    meter.after(120.0)
    return meter.after(60.0)


@HOURS
def test_traffic_spike_fills_the_queue_of_every_replica(at: float) -> None:
    fleet, meter, before, during = play("traffic-spike", at)
    assert during.total(STATUS) / during.seconds > 2.5 * before.total(STATUS) / before.seconds
    assert during.quantile(TTFT, 0.95) > 0.5
    assert during.mean(QUEUE) > 10 * during.mean(PREFILL)
    assert during.mean(DECODE) < 1.5 * before.mean(DECODE)
    assert all(len(replica.engine.waiting) > 5 for replica in fleet.pool("chat").replicas)
    assert during.total(STATUS) == during.total(STATUS, status="200")
    after = recovered(fleet, meter, "traffic-spike")
    assert after.quantile(TTFT, 0.95) < 0.12
    assert fleet.pool("chat").waiting <= 1


@HOURS
def test_long_prompt_flood_shows_in_prefill(at: float) -> None:
    fleet, meter, before, during = play("long-prompt-flood", at)
    requests, tokens = "vllm:request_prompt_tokens_count", "vllm:request_prompt_tokens_sum"
    assert during.total(tokens) / during.total(requests) > 5 * before.total(tokens) / before.total(requests)
    assert during.total(STATUS) / during.seconds == pytest.approx(before.total(STATUS) / before.seconds, rel=0.2)
    assert during.quantile(TTFT, 0.95) > 0.4
    assert during.mean(PREFILL) > 2 * during.mean(QUEUE)
    assert during.quantile(ITL, 0.95) < 0.05
    assert recovered(fleet, meter, "long-prompt-flood").quantile(TTFT, 0.95) < 0.12


@HOURS
def test_decode_slowdown_shows_in_every_token_and_on_the_clocks(at: float) -> None:
    fleet, meter, before, during = play("decode-slowdown", at)
    assert during.quantile(ITL, 0.95) > 0.13
    assert during.mean(DECODE) > 3 * before.mean(DECODE)
    assert during.share_within(TTFT, "0.25") > 0.9
    assert fleet.pool("chat").waiting <= 4
    gpu = {one.name: value for one, value in fleet.scrape("gpu-chat-0").items()}
    assert gpu["DCGM_FI_DEV_SM_CLOCK"] < 1_000
    assert gpu["DCGM_FI_DEV_POWER_VIOLATION"] > 60e9
    after = recovered(fleet, meter, "decode-slowdown")
    assert after.quantile(ITL, 0.95) < 0.05
    assert {one.name: value for one, value in fleet.scrape("gpu-chat-0").items()}["DCGM_FI_DEV_SM_CLOCK"] == 1980


def test_quality_regression_changes_the_release_and_no_latency() -> None:
    fleet, meter, before, during = play("quality-regression")
    versions = {target.version for target in fleet.targets if target.service == "chat"}
    assert versions == {"2026.11.1-int8"}
    assert during.quantile(TTFT, 0.95) <= 1.05 * before.quantile(TTFT, 0.95)
    assert during.mean(DECODE) < before.mean(DECODE)
    assert during.total(STATUS) == during.total(STATUS, status="200")
    assert {one.label("cache_dtype") for one in fleet.scrape("chat-2") if one.name == "vllm:cache_config_info"} == {
        "fp8"
    }
    recovered(fleet, meter, "quality-regression")
    assert {target.version for target in fleet.targets if target.service == "chat"} == {"2026.11.1"}


def test_a_replaced_release_answers_worse_and_the_old_one_can_still_be_asked() -> None:
    from probes.embed import similarity
    from probes.simfleet.answers import references

    fleet, _, _, _ = play("quality-regression")
    stored = list(references("chat").values())
    now = [similarity(fleet.complete("chat", one.prompt, 64).text, one.answer) for one in stored]
    replayed = [similarity(fleet.complete("chat", one.prompt, 64, "2026.11.1").text, one.answer) for one in stored]
    assert sum(now) / len(now) == pytest.approx(0.80, abs=0.02)
    assert sum(replayed) / len(replayed) == pytest.approx(0.97, abs=0.01)


def test_runaway_tenant_moves_one_tenants_tokens_and_no_objective() -> None:
    fleet, meter, before, _ = play("runaway-tenant")
    during = meter.after(1_200.0)

    def rate(window: Window, tenant: str) -> float:
        tokens = window.total(INPUT, tenant=tenant) + window.total(OUTPUT, tenant=tenant)
        return tokens / window.seconds

    usual = Meter(alone("batch", seed=5, start=AFTERNOON), "batch").after(1_200.0)
    assert rate(during, "research") > 6 * rate(usual, "research")
    assert rate(during, "labelling") == pytest.approx(rate(usual, "labelling"), rel=0.35)
    assert during.share_within(TTFT, "0.25") > 0.9999
    assert during.share_within(ITL, "0.05") > 0.9999
    assert during.total(STATUS) == during.total(STATUS, status="200")
    assert before.total(STATUS) > 0
    fleet.stop_fault("runaway-tenant")
    meter.after(180.0)
    assert rate(meter.after(600.0), "research") < 2 * rate(usual, "research")


def test_replica_outage_fails_a_tenth_and_leaves_the_others_fast() -> None:
    fleet, meter, _, during = play("replica-outage")
    with pytest.raises(TargetDown, match="code-1"):
        fleet.scrape("code-1")
    assert during.total(STATUS, status="503") / during.total(STATUS) == pytest.approx(0.10, abs=0.04)
    assert during.quantile(TTFT, 0.95) < 0.25
    assert fleet.scrape("gpu-code-1")
    after = recovered(fleet, meter, "replica-outage")
    assert after.total(STATUS) == after.total(STATUS, status="200")
    assert fleet.scrape("code-1")


def test_faults_together_start_stop_twice_and_end() -> None:
    """All at once and ended in the order in which they began: what one changed, another's end must not bring back."""
    fleet = Fleet(seed=2, start=AFTERNOON)
    for name in FAULTS:
        fleet.start_fault(name)
        fleet.start_fault(name)
        fleet.advance(fleet.now + 2.0)
    assert fleet.active_faults == tuple(FAULTS)
    for name in FAULTS:
        fleet.stop_fault(name)
        fleet.stop_fault(name)
    assert fleet.active_faults == ()
    fleet.advance(fleet.now + 400.0)
    window = Meter(fleet, "chat").after(120.0)
    assert window.quantile(TTFT, 0.95) < 0.15
    assert all(replica.up for name in fleet.services for replica in fleet.pool(name).replicas)
    assert {target.version for target in fleet.targets} == {
        target.version for target in Fleet(seed=2, start=0.0).targets
    }


def test_unknown_names_say_what_there_is() -> None:
    fleet = Fleet(seed=1, start=START)
    with pytest.raises(UnknownName, match=r"no fault 'fire'; there are: traffic-spike, long"):
        fleet.start_fault("fire")
    with pytest.raises(UnknownName, match=r"no parameter of traffic-spike 'size'; there are: crowd_ratio"):
        fleet.start_fault("traffic-spike", size=3.0)
    with pytest.raises(UnknownName, match="no version '9'"):
        fleet.complete("chat", "hello", 8, "9")


def test_an_outage_that_starts_again_while_the_process_loads_stays_an_outage() -> None:
    fleet = alone("code", seed=1, start=START)
    fleet.start_fault("replica-outage")
    fleet.advance(START + 60.0)
    fleet.stop_fault("replica-outage")
    fleet.advance(START + 65.0)
    fleet.start_fault("replica-outage")
    fleet.advance(START + 200.0)
    with pytest.raises(TargetDown):
        fleet.scrape("code-1")
