"""Single causes: each changes a mechanism of one service, the pages show what follows, and its end undoes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import httpx
import pytest

from probes.embed import similarity
from probes.exposition import Series
from probes.simfleet.answers import references
from probes.simfleet.config import FleetConfig, default_config
from probes.simfleet.fleet import MECHANISMS, Fleet, TargetDown, UnknownName
from probes.simfleet.server import FleetServer
from tests.probes.simfleet.measure import DECODE, ITL, START, STATUS, TTFT, Meter, Window, hours

AT = START + hours(38)
TOKENS, HITS = "vllm:generation_tokens_total", "vllm:prefix_cache_hits_total"


def chat(**changes) -> Fleet:
    service = replace(default_config().service("chat"), **changes)
    return Fleet(FleetConfig(services=(service,)), seed=3, start=AT - 180.0)


def play(name: str, *, lead: float = 60.0, seconds: float = 180.0, fleet: Fleet | None = None, **given: float):
    fleet = fleet or chat()
    fleet.advance(AT - 60.0)
    meter = Meter(fleet, "chat")
    before = meter.after(60.0)
    fleet.start_mechanism(name, service="chat", **given)
    meter.after(lead)
    return fleet, meter, before, meter.after(seconds)


def healed(fleet: Fleet, meter: Meter, name: str, *, wait: float = 120.0) -> Window:
    fleet.stop_mechanism(name, service="chat")
    meter.after(wait)
    window = meter.after(120.0)
    assert window.quantile(ITL, 0.95) < 0.06
    assert window.quantile(TTFT, 0.95) < 0.2
    assert fleet.active_mechanisms == ()
    return window


def values(page: Mapping[Series, float]) -> dict[str, float]:
    return {one.name: value for one, value in page.items()}


def test_few_blocks_preempt_and_the_configuration_shows_them():
    fleet, meter, before, during = play("kv-shortage", lead=120.0)
    assert before.total("vllm:num_preemptions_total") == 0
    assert during.total("vllm:num_preemptions_total") > 20
    blocks = {one.label("num_gpu_blocks") for one in fleet.scrape("chat-0") if one.name == "vllm:cache_config_info"}
    assert blocks == {str(int(240_000 * 0.03) // 16)}
    assert {target.version for target in fleet.targets} == {"2026.11.1"}
    healed(fleet, meter, "kv-shortage")


def test_a_replica_that_hangs_runs_requests_and_makes_no_token_and_its_gpu_is_busy():
    fleet, meter, _, during = play("hang", replica=1)
    before = values(fleet.scrape("chat-1"))
    fleet.advance(fleet.now + 60.0)
    now = values(fleet.scrape("chat-1"))
    assert now["vllm:num_requests_running"] > 0
    assert now[TOKENS] == before[TOKENS]
    assert values(fleet.scrape("gpu-chat-1"))["DCGM_FI_DEV_GPU_UTIL"] == 100.0
    assert during.total(STATUS, status="408") > 0  # clients leave after their timeout; the engine does not notice
    assert fleet.complete("chat", "hello", 8, replica="chat-1").outcome == "timeout"
    assert values(fleet.scrape("chat-0"))[TOKENS] > 0
    healed(fleet, meter, "hang")
    assert values(fleet.scrape("chat-1"))[TOKENS] > now[TOKENS]
    assert values(fleet.scrape("chat-1"))["vllm:num_requests_running"] < 20


def test_a_stall_is_in_the_gaps_between_tokens_and_hardly_in_their_mean():
    fleet, meter, before, during = play("step-stalls")
    assert during.quantile(ITL, 0.5) < 0.03
    assert during.share_within(ITL, "1.0") < before.share_within(ITL, "1.0") == 1.0
    gaps = [
        later - earlier
        for _ in range(40)
        for answer in [fleet.complete("chat", "What is a heat pump?", 64)]
        for earlier, later in zip(answer.token_seconds, answer.token_seconds[1:], strict=False)
        if not fleet.advance(fleet.now + 0.9)
    ]
    assert max(gaps) > 1.4
    healed(fleet, meter, "step-stalls")


@pytest.mark.parametrize("name", ["slow-replica", "throttling"])
def test_one_replica_is_slow_and_only_throttling_is_on_its_clocks(name):
    fleet, meter, _, _ = play(name, replica=2)
    decode = {}
    for at in range(4):
        page = values(fleet.scrape(f"chat-{at}"))
        decode[at] = page[f"{ITL}_sum"] / page[f"{ITL}_count"]
    assert max(decode, key=lambda at: decode[at]) == 2
    clocks = [values(fleet.scrape(f"gpu-chat-{at}"))["DCGM_FI_DEV_MEM_CLOCK"] for at in range(4)]
    assert (min(clocks) < max(clocks)) == (name == "throttling")
    if name == "throttling":
        assert clocks.index(min(clocks)) == 2
    healed(fleet, meter, name)


def test_a_prefix_cache_that_collapses_shows_in_hits_and_first_tokens():
    fleet, meter, before, during = play("prefix-collapse")
    queries = "vllm:prefix_cache_queries_total"
    assert before.total(HITS) / before.total(queries) > 0.3
    assert during.total(HITS) == 0
    assert during.mean(TTFT) > before.mean(TTFT)
    healed(fleet, meter, "prefix-collapse")


def test_new_replicas_come_cold_and_warm_up():
    fleet = chat(requests_per_second=8.0)
    fleet, meter, _, _ = play("scale-out", fleet=fleet, lead=25.0, seconds=60.0)
    assert {target.name for target in fleet.targets if target.kind == "engine"} == {f"chat-{at}" for at in range(6)}
    cold = values(fleet.scrape("chat-5"))
    assert cold[HITS] == 0 < cold["vllm:prefix_cache_queries_total"]
    assert cold[f"{ITL}_sum"] / cold[f"{ITL}_count"] > 0.05
    meter.after(600.0)
    warm = values(fleet.scrape("chat-5"))
    assert warm[HITS] > 0
    tokens, seconds = warm[f"{ITL}_count"] - cold[f"{ITL}_count"], warm[f"{ITL}_sum"] - cold[f"{ITL}_sum"]
    assert seconds / tokens < 0.03
    healed(fleet, meter, "scale-out")
    assert len(fleet.targets) == 4 + 4 + 1 + 1


def test_clients_that_ask_again_make_more_of_a_failure():
    def arrivals(*names: str) -> float:
        fleet = chat()
        for name in names:
            fleet.start_mechanism(name, service="chat")
        meter = Meter(fleet, "chat")
        for at in range(2):
            fleet.pool("chat").take_down(at)
        window = meter.after(300.0)
        assert window.total(STATUS, status="503") > 0
        return window.total(STATUS)

    assert 1.05 < arrivals("retries") / arrivals() < 1.3


def test_gauges_of_an_idle_engine_are_stale_after_all_clients_left():
    fleet = chat()
    fleet.advance(AT)
    pool = fleet.pool("chat")
    pool.clients.gather(size=120, think_seconds=1.0, ramp_seconds=5.0, now=pool.now)
    fleet.advance(AT + 30.0)
    full = values(fleet.scrape("chat-0"))["vllm:kv_cache_usage_perc"]
    pool.clients.disperse()
    fleet.start_mechanism("mass-cancel", service="chat")
    fleet.advance(AT + 90.0)
    idle = values(fleet.scrape("chat-0"))
    assert idle["vllm:num_requests_running"] == 0
    assert idle["vllm:kv_cache_usage_perc"] == pytest.approx(full, rel=0.2)
    assert full > 0.05
    fleet.stop_mechanism("mass-cancel", service="chat")
    assert values(fleet.scrape("chat-0"))["vllm:kv_cache_usage_perc"] < 1e-9


def test_a_region_drifts_in_configuration_or_fails_alone():
    fleet, meter, _, _ = play("config-drift", fleet=chat(regions=("eu-west", "us-east")))
    types = {
        target.region: {
            one.label("cache_dtype") for one in fleet.scrape(target.name) if one.name == "vllm:cache_config_info"
        }
        for target in fleet.targets
        if target.kind == "engine"
    }
    assert types == {"eu-west": {"auto"}, "us-east": {"fp8"}}
    assert {target.version for target in fleet.targets} == {"2026.11.1"}
    healed(fleet, meter, "config-drift")

    fleet.start_mechanism("region-outage", service="chat")
    for target in fleet.targets:
        if target.kind == "engine" and target.region == "us-east":
            with pytest.raises(TargetDown):
                fleet.scrape(target.name)
    assert fleet.scrape("chat-0")
    healed(fleet, meter, "region-outage")


def test_a_release_may_be_worse_in_one_slice_alone():
    fleet, _, _, _ = play("slice-quality", lead=120.0, slice=1)
    found: dict[str, list[float]] = {}
    for one in references("chat").values():
        found.setdefault(one.slice, []).append(similarity(fleet.complete("chat", one.prompt, 64).text, one.answer))
    means = {name: sum(cosines) / len(cosines) for name, cosines in found.items()}
    assert means.pop("long") < 0.85
    assert min(means.values()) > 0.94


@pytest.mark.parametrize(("code", "dead"), [(79, True), (31, False)])
def test_a_fatal_xid_takes_the_process_with_it_and_another_is_only_shown(code, dead):
    fleet, meter, _, during = play("xid", replica=1, code=code)
    assert values(fleet.scrape("gpu-chat-1"))["DCGM_FI_DEV_XID_ERRORS"] == code
    assert fleet.pool("chat").replicas[1].up is not dead
    assert (during.total(STATUS, status="503") > 0) == dead
    healed(fleet, meter, "xid")
    assert values(fleet.scrape("gpu-chat-1"))["DCGM_FI_DEV_XID_ERRORS"] == 0


def test_an_instance_has_no_utilisation_and_the_board_s_power_stands_at_each():
    fleet, meter, before, during = play("mig", instances=3)
    page = fleet.scrape("gpu-chat-0")
    assert not [one for one in page if one.name.endswith("_UTIL")]
    power = [value for one, value in page.items() if one.name == "DCGM_FI_DEV_POWER_USAGE"]
    assert len(power) == 3
    assert len(set(power)) == 1
    active = {
        one.label("GPU_I_ID"): value for one, value in page.items() if one.name == "DCGM_FI_PROF_GR_ENGINE_ACTIVE"
    }
    assert active["0"] > 0 == active["1"] == active["2"]
    assert during.mean(DECODE) > before.mean(DECODE)
    healed(fleet, meter, "mig")


def test_all_together_start_and_end_and_the_service_is_well():
    fleet = chat(regions=("eu-west", "us-east"))
    for name in MECHANISMS:
        fleet.start_mechanism(name, service="chat")
        fleet.start_mechanism(name, service="chat")
        fleet.advance(fleet.now + 20.0)
    for name in reversed(list(MECHANISMS)):
        fleet.stop_mechanism(name, service="chat")
        fleet.stop_mechanism(name, service="chat")
        fleet.advance(fleet.now + 5.0)
    fleet.advance(fleet.now + 300.0)
    window = Meter(fleet, "chat").after(120.0)
    assert window.quantile(TTFT, 0.95) < 0.2
    assert window.quantile(ITL, 0.95) < 0.06
    assert all(replica.up for replica in fleet.pool("chat").replicas)


def test_unknown_names_say_what_there_is():
    fleet = chat()
    with pytest.raises(UnknownName, match="no mechanism 'fire'; there are: kv-shortage"):
        fleet.start_mechanism("fire")
    with pytest.raises(UnknownName, match="no parameter of hang 'seconds'; there are: replica"):
        fleet.start_mechanism("hang", seconds=3.0)


def test_over_http_a_mechanism_is_started_listed_and_refused():
    server = FleetServer(default_config(), port=0)
    server.start()
    try:
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            asked = {"mechanism": "hang", "service": "code", "action": "start", "parameters": {"replica": 1}}
            assert client.post("/mechanisms", json=asked).json()["active"] == [{"mechanism": "hang", "service": "code"}]
            assert server.fleet.pool("code").replicas[1].engine.hung_at is not None
            assert client.post("/mechanisms", json={**asked, "action": "stop"}).json()["active"] == []
            assert client.post("/mechanisms", json={**asked, "mechanism": "fire"}).status_code == 404
            assert client.post("/mechanisms", json={**asked, "parameters": {"replica": "one"}}).status_code == 400
            assert client.post("/mechanisms", content=json.dumps([1])).status_code == 400
            assert {one["name"] for one in client.get("/mechanisms").json()["mechanisms"]} == set(MECHANISMS)
    finally:
        server.stop()
