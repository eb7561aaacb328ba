"""What each engine's page decodes to: values as the page states them, in canonical names and units."""

from __future__ import annotations

import pytest

from probes.config import Target
from probes.exposition import Parser, series
from probes.replica import Translator
from tests.probes import pages
from tests.probes.fixtures import SGLANG, TRTLLM, VLLM, captured

OWN = {"model": "m", "region": "eu", "replica": "r", "service": "chat", "version": "1"}


def short(text: str, **target) -> dict[str, float]:
    """Canonical values by name, reason and bound: {"requests_total ok": 3.0, "ttft_seconds_bucket 0.5": 2.0}."""
    one = Target("r", "http://r/metrics", "chat", model="m", version="1", region="eu", **target)
    out: dict[str, float] = {}
    for found, value in Translator(one).canonical(Parser().parse(text)).items():
        more = [found.label(name) for name in ("outcome", "reason", "tenant", "gpu", "le")]
        out[" ".join([found.name.removeprefix("tailwatch_"), *(one for one in more if one)])] = value
    return out


CASES: dict[str, tuple[str, dict[str, float]]] = {
    "tgi": (
        pages.TGI,
        {
            "requests_running": 3, "requests_waiting": 7, "requests_total ok": 92, "requests_total rejected": 4,
            "requests_total error": 1, "prompt_tokens_total": 18000, "generated_tokens_total": 9000,
            "queue_seconds_bucket 0.01": 80, "queue_seconds_sum": 3.2,
        },
    ),
    "triton": (
        pages.TRITON,
        {
            "requests_running": 12, "requests_waiting": 5, "kv_cache_ratio": 0.25, "requests_total ok": 100,
            "requests_total rejected": 3, "e2e_seconds_sum": 250, "e2e_seconds_count": 100, "queue_seconds_sum": 5,
            "ttft_seconds_bucket 0.1": 40, "ttft_seconds_sum": 12, "ttft_seconds_count": 100,
            "gpu_utilisation_ratio GPU-1": 0.75, "gpu_power_watts GPU-1": 250.5,
        },
    ),
    "llamacpp": (
        pages.LLAMACPP,
        {
            "requests_running": 2, "requests_waiting": 1, "generated_tokens_total": 400, "prompt_tokens_total": 1200,
            "inter_token_seconds_sum": 8, "inter_token_seconds_count": 400,
        },
    ),
    "dynamo": (
        pages.DYNAMO,
        {
            "requests_running": 12, "requests_waiting": 4, "requests_total ok": 90, "requests_total rejected": 6,
            "requests_total aborted": 3, "requests_total error": 1, "generated_tokens_total": 7000,
            "prompt_tokens_total": 9000, "ttft_seconds_bucket 0.5": 80, "ttft_seconds_count": 90,
        },
    ),
    "nim": (
        pages.NIM,
        {
            "requests_running": 3, "requests_waiting": 2, "kv_cache_ratio": 0.5, "requests_total ok": 40,
            "prompt_tokens_total": 800, "generated_tokens_total": 500,
        },
    ),
    "rayserve": (
        pages.RAY,
        {
            "requests_running": 7, "kv_cache_ratio": 0.75, "generated_tokens_total": 600, "requests_total ok": 20,
            "requests_total rejected": 5, "gateway_e2e_seconds_bucket 0.5": 10, "gateway_e2e_seconds_sum": 30,
        },
    ),
    "envoy": (
        pages.ENVOY,
        {
            "requests_total ok": 1090, "requests_total error": 4, "requests_total timeout": 2, "requests_total rejected": 5,
            "rejections_total admission unknown": 4, "rejections_total joint unknown": 5, "gateway_requests_running": 9,
            "gateway_upstream_seconds_bucket 0.0005": 0, "gateway_upstream_seconds_bucket 0.25": 60,
            "gateway_upstream_seconds_sum": 40, "gateway_upstream_seconds_count": 96,
        },
    ),
    "istio": (
        pages.ISTIO,
        {
            "requests_total ok": 90, "requests_total rejected": 5, "requests_total timeout": 3, "requests_total aborted": 2,
            "rejections_total admission unknown": 4, "rejections_total joint unknown": 1,
            "gateway_e2e_seconds_bucket 0.25": 70, "gateway_e2e_seconds_sum": 30, "gateway_e2e_seconds_count": 100,
        },
    ),
    "nginx": (
        pages.NGINX,
        {
            "requests_total ok": 90, "requests_total rejected": 4, "requests_total aborted": 3, "requests_total timeout": 2,
            "requests_total error": 50, "rejections_total joint unknown": 4, "gateway_e2e_seconds_sum": 200,
        },
    ),
    "otel": (
        pages.OTEL,
        {
            "client_requests_total ok unknown": 90, "client_requests_total timeout unknown": 4,
            "client_requests_total rejected unknown": 3, "client_requests_total error unknown": 2,
            "client_e2e_seconds_count": 99, "client_prompt_tokens_total unknown": 9000,
            "client_generated_tokens_total unknown": 4000, "retrieval_seconds_count": 60,
            "ttft_seconds_bucket 0.25": 40, "ttft_seconds_count": 90,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_page_decodes_to_what_it_states(name):
    page, expected = CASES[name]
    found = short(page)
    assert {key: found.get(key) for key in expected} == pytest.approx(expected)


def test_sglang_s_old_names_decode_to_what_the_capture_states():
    found = short(captured(SGLANG))
    expected = {
        "requests_running": 162.0,
        "requests_waiting": 2826.0,
        "kv_cache_ratio": 0.28,
        "prompt_tokens_total": 8_128_902.0,
        "generated_tokens_total": 7_557_572.0,
        "ttft_seconds_count": 11_008.0,
        "ttft_seconds_sum": 2_351_897.9474117756,
        "e2e_seconds_count": 11_228.0,
        "inter_token_seconds_count": 7_400_757.0,
        "inter_token_seconds_sum": 866_964.5791549598,
    }
    assert {key: found.get(key) for key in expected} == expected
    absent = ("preemptions_total", "queue_seconds_count", "decode_seconds_count", "requests_total ok")
    assert not [name for name in absent if name in found]  # cannot tell


def test_sglang_s_ranks_say_the_same_thing_and_count_once():
    ranks = "".join(
        f'sglang:num_running_reqs{{dp_rank="{dp}",tp_rank="{tp}"}} {10 * (dp + 1)}\n'
        f'sglang:token_usage{{dp_rank="{dp}",tp_rank="{tp}"}} 0.{dp + 1}\n'
        f'sglang:queue_time_seconds_bucket{{dp_rank="{dp}",tp_rank="{tp}",le="0.1"}} {4 + tp}\n'
        for dp in range(2)
        for tp in range(4)
    )
    found = short(
        ranks
        + 'sglang:num_retracted_requests_total{tp_rank="0"} 3\nsglang:num_grammar_queue_reqs 2\nsglang:num_queue_reqs 5\n'
        + 'sglang:per_stage_req_latency_seconds_sum{stage="prefill_forward",tp_rank="0"} 4\n'
        + 'sglang:per_stage_req_latency_seconds_sum{stage="request_process",tp_rank="0"} 9\n'
        + 'sglang:http_responses_total{endpoint="/generate",status_code="200"} 8\n'
        + 'sglang:http_responses_total{endpoint="/generate",status_code="503"} 2\n'
        + 'sglang:http_responses_total{endpoint="/health",status_code="200"} 999\n'
    )
    assert found["requests_running"] == 30.0
    assert found["kv_cache_ratio"] == 0.2
    assert found["queue_seconds_bucket 0.1"] == 14.0  # 7 and 7: the largest of each four
    assert found["preemptions_total"] == 3.0
    assert found["requests_waiting"] == 7.0
    assert found["prefill_seconds_sum"] == 4.0
    assert (found["http_responses_total ok"], found["http_responses_total rejected"]) == (8.0, 2.0)


def test_tensorrt_llm_decodes_to_what_the_capture_states():
    found = short(captured(TRTLLM))
    expected = {
        "requests_running": 1.0,
        "requests_waiting": 0.0,
        "kv_cache_ratio": 0.0,
        "prompt_tokens_total": 2879.0,
        "generated_tokens_total": 32144.0,
        "prefix_cache_hits_total": 6.0,
        "requests_total ok": 41.0,
        "requests_total error": 0.0,
        "e2e_seconds_count": 41.0,
        "e2e_seconds_sum": 797.4753759999998,
        "ttft_seconds_sum": 19.682569,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert "preemptions_total" not in found  # thirteen pauses, and no family that says so


def test_vllm_s_own_http_series_show_what_its_engine_series_omit():
    found = short(captured(VLLM))
    assert found["requests_total ok"] == 240.0
    assert found["http_responses_total ok"] == 244.0  # four callers' mistakes among them
    assert found["http_responses_total error"] == 0.0


def test_a_page_that_services_share_is_divided_by_only():
    mine = short(pages.ENVOY, only=(("envoy_cluster_name", ("chat",)),))
    assert (mine["requests_total ok"], mine["requests_total error"]) == (90.0, 4.0)
    assert short(pages.NGINX, only=(("ingress", ("chat",)),))["requests_total error"] == 0.0


def test_of_two_dialects_that_give_a_signal_the_engine_s_own_counts():
    page = pages.OTEL + "vllm:num_requests_running 1\nvllm:time_to_first_token_seconds_count 5\n"
    found = short(page)
    assert found["ttft_seconds_count"] == 5.0
    assert found["client_e2e_seconds_count"] == 99.0


def test_several_engines_of_different_kinds_stand_behind_one_probe():
    assert short(pages.NIM)["requests_running"] == short(pages.TGI)["requests_running"] == 3.0


def test_values_that_are_no_number_are_absent_and_counted_and_the_rest_is_read():
    page = (
        "vllm:num_requests_running 2\nvllm:kv_cache_usage_perc NaN\n"
        'vllm:time_to_first_token_seconds_bucket{le="0.5"} NaN\nvllm:time_to_first_token_seconds_bucket{le="+Inf"} 3\n'
        "vllm:time_to_first_token_seconds_sum 1\nvllm:time_to_first_token_seconds_count 3\nvllm:generation_tokens_total +Inf\n"
    )
    translator = Translator(Target("r", "http://r/metrics", "chat", model="m", version="1", region="eu"))
    assert translator.canonical(Parser().parse(page)) == {series("tailwatch_requests_running", **OWN): 2.0}
    assert translator.dropped == {"not_a_number": 3}
    assert set(translator.made) == {"tailwatch_requests_running"} | {
        name for name, made in translator.made.items() if not made
    }
