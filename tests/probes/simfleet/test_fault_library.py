"""Every fault beside the first six does what its mechanism says, shows it on the pages, and its end undoes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from probes.simfleet.faults import BENIGN, FAULTS, ONSETS, WrongTarget
from probes.simfleet.faults.fault import Where
from probes.simfleet.fleet import Fleet, FleetConfig, TargetDown, UnknownName, default_config
from tests.probes.simfleet.measure import DECODE, ITL, PREFILL, QUEUE, START, STATUS, TTFT, Meter, Window, hours

AFTERNOON = START + hours(38)
HITS, QUERIES = "vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total"
EVENTS = "business_events_total"


@dataclass
class Play:
    fleet: Fleet
    meter: Meter
    before: Window
    during: Window

    @property
    def pool(self):
        return self.fleet.pool(self.meter.service)

    def failed(self, status: str) -> float:
        return self.during.total(STATUS, status=status) / self.during.total(STATUS)

    def pages(self, family: str) -> dict[str, float]:
        """What each replica's GPU shows."""
        shown = (one for one in self.fleet.targets if one.service == self.meter.service and one.kind == "gpu")
        return {
            one.replica: value
            for one in shown
            for key, value in self.fleet.scrape(one.name).items()
            if key.name == family
        }


def play(name: str, *, at: float = AFTERNOON, lead: float = 120.0, seconds: float = 180.0, **how) -> Play:
    fault = {**FAULTS, **BENIGN}[name]
    config = FleetConfig(services=(default_config().service(fault.service),))
    fleet = Fleet(config, seed=5, start=at - 240.0)
    fleet.advance(at - 180.0)
    meter = Meter(fleet, fault.service)
    before = meter.after(180.0)
    fleet.start_fault(name, **how)
    meter.after(lead + fault.quiet_seconds)
    return Play(fleet, meter, before, meter.after(seconds))


def slow_only_in_the_tail(it: Play) -> None:
    assert it.during.quantile(TTFT, 0.95) > 0.25 > 0.1 > it.during.quantile(TTFT, 0.5)


def one_gpu_s_clocks(it: Play) -> None:
    clocks = it.pages("DCGM_FI_DEV_MEM_CLOCK")
    assert [name for name, clock in clocks.items() if clock < 1_000] == ["code-1"]
    assert it.during.quantile(ITL, 0.95) > 0.1


def every_step_and_no_clock(it: Play) -> None:
    assert it.during.mean(ITL) > 5 * it.before.mean(ITL)
    assert min(it.pages("DCGM_FI_DEV_SM_CLOCK").values()) == 1980


def one_replica_and_no_clock(it: Play) -> None:
    assert it.during.quantile(ITL, 0.95) > 0.1 > 0.03 > it.during.quantile(ITL, 0.5)
    assert it.pool.replicas[1].engine.step_seconds > 8 * it.pool.replicas[0].engine.step_seconds
    assert min(it.pages("DCGM_FI_DEV_SM_CLOCK").values()) == 1980


def blocks_run_out(it: Play) -> None:
    assert max(replica.engine.kv_ratio for replica in it.pool.replicas) > 0.9
    requests = it.during.total("vllm:request_prompt_tokens_count")
    assert it.during.total("vllm:num_preemptions_total") / requests > 0.15
    assert it.during.mean(QUEUE) > 10 * it.during.mean(PREFILL)
    assert it.during.total(STATUS) / it.during.seconds < 1.2 * it.before.total(STATUS) / it.before.seconds


def nothing_found_and_prefill_waits(it: Play) -> None:
    assert it.before.total(HITS) / it.before.total(QUERIES) > 0.4
    assert it.during.total(HITS) == 0
    assert it.during.mean(PREFILL) > 2 * it.during.mean(QUEUE)
    assert it.during.quantile(TTFT, 0.95) > 0.3


def prefill_waits_at_the_same_hits(it: Play) -> None:
    assert it.during.total(HITS) / it.during.total(QUERIES) == pytest.approx(
        it.before.total(HITS) / it.before.total(QUERIES), abs=0.1
    )
    assert it.during.mean(PREFILL) > 5 * it.during.mean(QUEUE)
    assert it.during.quantile(ITL, 0.95) < 0.05


def gaps_in_the_stream(it: Play) -> None:
    assert it.during.quantile(ITL, 0.95) < 0.05
    assert it.before.share_within(ITL, "0.75") == 1.0 > it.during.share_within(ITL, "0.75")


def no_token_comes(it: Play) -> None:
    assert it.during.total("vllm:generation_tokens_total") == 0
    assert it.failed("408") > 0.9
    it.pages("DCGM_FI_DEV_GPU_UTIL")
    it.fleet.advance(it.fleet.now + 30.0)
    assert min(it.pages("DCGM_FI_DEV_GPU_UTIL").values()) == 100.0  # since the reading before


def queue_at_the_same_traffic(it: Play) -> None:
    assert it.during.mean(QUEUE) > 1.0
    assert it.during.mean(DECODE) < 1.2 * it.before.mean(DECODE)
    assert it.during.total(STATUS) / it.during.seconds < 1.2 * it.before.total(STATUS) / it.before.seconds


def new_ones_are_slow(it: Play) -> None:
    assert len(it.pool.replicas) == 8
    assert {one.name for one in it.fleet.targets if one.kind == "engine"} >= {"chat-4", "chat-7"}
    assert it.during.quantile(ITL, 0.95) > 0.1
    assert it.during.total(HITS) / it.during.total(QUERIES) < it.before.total(HITS) / it.before.total(QUERIES)


def nothing_answers(it: Play) -> None:
    assert it.failed("503") == 1.0


def one_region_is_gone(it: Play) -> None:
    for target in it.fleet.targets:
        if target.kind == "engine":
            if target.region == "us-east":
                with pytest.raises(TargetDown):
                    it.fleet.scrape(target.name)
            else:
                assert it.fleet.scrape(target.name)
    assert 0.05 < it.failed("503") < 0.2


def a_dead_gpu_says_so(it: Play) -> None:
    assert it.pages("DCGM_FI_DEV_XID_ERRORS") == {"code-0": 0, "code-1": 79, "code-2": 0}
    assert it.failed("503") > 0.05


def errors_and_no_slowness(it: Play) -> None:
    assert 0.06 < it.failed("500") < 0.2
    assert it.during.quantile(TTFT, 0.95) < 0.2
    assert all(replica.up for replica in it.pool.replicas)


def errors_of_the_new_release(it: Play) -> None:
    errors_and_no_slowness(it)
    assert {target.version for target in it.fleet.targets} == {"2026.11.1-int8"}


def killed_and_restarted(it: Play) -> None:
    assert sum(replica.outages for replica in it.pool.replicas) >= 2
    assert it.failed("500") + it.failed("503") > 0.02
    assert it.pool.replicas[0].release.longest_context == 131_072
    assert max(it.pages("DCGM_FI_DEV_FB_USED").values()) > 0.97 * 81_559


def the_same_asked_again(it: Play) -> None:
    assert it.during.total(STATUS) / it.during.seconds > 2 * it.before.total(STATUS) / it.before.seconds
    assert it.failed("408") > 0.5


def turned_away_at_the_door(it: Play) -> None:
    assert 0.15 < it.failed("429") < 0.7
    assert it.during.quantile(TTFT, 0.95) < 0.1
    assert all(not replica.engine.waiting for replica in it.pool.replicas)


def well_alone_and_slow_together(it: Play) -> None:
    assert it.during.quantile(ITL, 0.95) > 0.1
    assert {target.version for target in it.fleet.targets} == {"2026.11.1-next"}


def one_region_is_slow_and_configured_otherwise(it: Play) -> None:
    types = {
        one.region: key.label("cache_dtype")
        for one in it.fleet.targets
        if one.kind == "engine"
        for key in it.fleet.scrape(one.name)
        if key.name == "vllm:cache_config_info"
    }
    assert types == {"eu-west": "auto", "us-east": "fp8"}
    assert {target.version for target in it.fleet.targets} == {"2026.11.1"}
    assert it.during.quantile(ITL, 0.95) > 0.1


def answers_grow_everywhere(it: Play) -> None:
    tokens, requests = "vllm:request_generation_tokens_sum", "vllm:request_generation_tokens_count"
    assert it.during.total(tokens) / it.during.total(requests) > 2.5 * it.before.total(tokens) / it.before.total(
        requests
    )
    assert it.during.total(STATUS) / it.during.seconds < 1.5 * it.before.total(STATUS) / it.before.seconds
    assert it.during.quantile(TTFT, 0.95) < 0.1


def others_ask(it: Play) -> None:
    def share(window: Window, tenant: str) -> float:
        return window.total(STATUS, tenant=tenant) / window.total(STATUS)

    assert share(it.before, "web") > 0.45
    assert share(it.during, "web") < 0.15
    assert share(it.during, "mobile") > 0.5
    assert it.during.total(STATUS) / it.during.seconds == pytest.approx(
        it.before.total(STATUS) / it.before.seconds, rel=0.25
    )


def more_requests_and_fewer_settled(it: Play) -> None:
    assert it.during.total(STATUS) / it.during.seconds > 1.3 * it.before.total(STATUS) / it.before.seconds
    assert it.during.total(EVENTS) / it.during.seconds < 0.6 * it.before.total(EVENTS) / it.before.seconds
    assert it.during.quantile(TTFT, 0.95) < 0.1


EFFECTS: dict[str, Callable[[Play], None]] = {
    "slow-tail": slow_only_in_the_tail,
    "gpu-throttling": one_gpu_s_clocks,
    "decode-slow": every_step_and_no_clock,
    "one-slow-replica": one_replica_and_no_clock,
    "kv-cache-exhaustion": blocks_run_out,
    "prefix-cache-collapse": nothing_found_and_prefill_waits,
    "prefill-slow": prefill_waits_at_the_same_hits,
    "streaming-stalls": gaps_in_the_stream,
    "stall": no_token_comes,
    "concurrency-cap": queue_at_the_same_traffic,
    "cold-start": new_ones_are_slow,
    "service-outage": nothing_answers,
    "region-outage": one_region_is_gone,
    "gpu-fault": a_dead_gpu_says_so,
    "error-spike": errors_and_no_slowness,
    "errors-after-quantisation": errors_of_the_new_release,
    "out-of-memory": killed_and_restarted,
    "retry-storm": the_same_asked_again,
    "admission-rejections": turned_away_at_the_door,
    "failed-rollout": well_alone_and_slow_together,
    "config-drift": one_region_is_slow_and_configured_otherwise,
    "cost-anomaly": answers_grow_everywhere,
    "traffic-mix-shift": others_ask,
    "kpi-falls": more_requests_and_fewer_settled,
}
ELSEWHERE = {
    *(
        "traffic-spike",
        "long-prompt-flood",
        "decode-slowdown",
        "quality-regression",
        "runaway-tenant",
        "replica-outage",
    ),
    *("slice-regression", "quality-drift", "retrieval-regression", "schema-break", "safety-regression"),
}


def test_every_fault_is_asserted_somewhere() -> None:
    assert {*EFFECTS, *ELSEWHERE} == set(FAULTS)
    assert len(FAULTS) >= 24


@pytest.mark.parametrize("name", EFFECTS)
def test_a_fault_does_what_it_says_and_its_end_undoes_it(name: str) -> None:
    it = play(name)
    EFFECTS[name](it)
    it.fleet.stop_fault(name)
    it.meter.after(240.0)
    after = it.meter.after(120.0)
    assert after.quantile(ITL, 0.95) < 0.05
    assert after.quantile(TTFT, 0.95) < 0.15
    assert after.total(STATUS, status="200") == after.total(STATUS)
    assert len(it.pool.replicas) == it.pool.config.replicas


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_names_its_leaf_its_like_and_how_it_begins(name: str) -> None:
    fault = FAULTS[name]
    assert fault.name == name
    assert fault.expected_leaf == {"gpu-throttling": "decode-slowdown", "concurrency-cap": "queue-unexplained"}.get(
        name, name
    )
    assert fault.like
    assert set(fault.onsets) <= set(ONSETS)
    assert set(fault.targets) <= {"all", "region", "replica", "slice"}


def test_a_fault_creeps_up_or_comes_and_goes() -> None:
    ramp = play("decode-slowdown", lead=0.0, seconds=60.0, onset="ramp", ramp_seconds=240.0)
    first = ramp.during.mean(ITL)
    ramp.meter.after(180.0)
    assert ramp.before.mean(ITL) < first < 0.5 * ramp.meter.after(60.0).mean(ITL)

    there = play("replica-outage", lead=0.0, seconds=50.0, onset="intermittent", on_seconds=60.0, off_seconds=60.0)
    assert there.failed("503") > 0.02
    there.meter.after(40.0)
    assert there.meter.after(25.0).total(STATUS, status="503") == 0
    there.meter.after(15.0)
    assert there.meter.after(40.0).total(STATUS, status="503") > 0
    there.fleet.stop_fault("replica-outage")
    there.meter.after(60.0)
    assert there.meter.after(300.0).total(STATUS, status="503") == 0


def test_a_fault_hits_whom_it_is_told_to() -> None:
    region = play("decode-slowdown", target="region:eu-west")
    clocks = region.pages("DCGM_FI_DEV_MEM_CLOCK")
    assert [clock < 1_000 for clock in clocks.values()] == [True, False, True, False]
    one = play("stall", target="replica:2")
    assert [replica.engine.hung_at is not None for replica in one.pool.replicas] == [False, False, True]
    fleet = one.fleet
    with pytest.raises(WrongTarget, match="replica-outage hits replica, not 'slice'"):
        fleet.start_fault("replica-outage", target="slice:long")
    with pytest.raises(WrongTarget, match="no replica 7; there are 0 to 2"):
        fleet.start_fault("replica-outage", target="replica:7")
    with pytest.raises(WrongTarget, match="schema-break begins by step, not 'ramp'"):
        fleet.start_fault("schema-break", service="code", onset="ramp")
    assert Where("slice").slice == "long"
    with pytest.raises(WrongTarget, match="no slice 'poem'"):
        _ = Where("slice", "poem").slice
    with pytest.raises(UnknownName, match="no parameter of stall 'depth'; there are: ramp_seconds"):
        fleet.start_fault("stall", service="code", depth=1.0)
