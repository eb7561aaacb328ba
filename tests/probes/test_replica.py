from __future__ import annotations

from probes.config import Target
from probes.exposition import Parser, Samples, series
from probes.replica import Translator
from tests.probes.fixtures import DCGM, DCGM_MIG, LITELLM, VLLM, VLLM_UNDER_LOAD, captured

CHAT = Target("chat-0", "http://chat-0/metrics", "chat", model="tiny", version="1", region="eu")
GATEWAY = Target("gateway", "http://gateway/metrics", "chat", kind="gateway", model="tiny", version="1", region="eu")
GPUS = Target("node", "http://node/metrics", "chat", kind="gpu", region="eu")
OWN = {"service": "chat", "model": "tiny", "version": "1", "replica": "chat-0", "region": "eu"}


def translated(text: str, target: Target = CHAT, **options) -> Samples:
    return Translator(target, **options).canonical(Parser().parse(text))


def test_vllm_under_load_decodes_to_what_the_capture_says():
    found = translated(captured(VLLM_UNDER_LOAD))
    expected = {
        series("tailwatch_requests_running", **OWN): 8.0,
        series("tailwatch_requests_waiting", **OWN): 16.0,
        series("tailwatch_kv_cache_ratio", **OWN): 0.001709088689495264,
        series("tailwatch_generated_tokens_total", **OWN): 7211.0,
        series("tailwatch_prompt_tokens_total", **OWN): 61236.0,
        series("tailwatch_preemptions_total", **OWN): 0.0,
        series("tailwatch_prefix_cache_queries_total", **OWN): 61236.0,
        series("tailwatch_ttft_seconds_count", **OWN): 190.0,
        series("tailwatch_inter_token_seconds_count", **OWN): 7021.0,
        series("tailwatch_per_token_seconds_count", **OWN): 182.0,
        series("tailwatch_queue_seconds_sum", **OWN): 153.8234884439994,
        series("tailwatch_prefill_seconds_sum", **OWN): 4.983404190999181,
        series("tailwatch_decode_seconds_sum", **OWN): 85.53472383500161,
        series("tailwatch_requests_total", **OWN, outcome="ok"): 182.0,
        series("tailwatch_requests_total", **OWN, outcome="error"): 0.0,
        series("tailwatch_requests_total", **OWN, outcome="rejected"): 0.0,
        series("tailwatch_requests_total", **OWN, outcome="timeout"): 0.0,
        series("tailwatch_process_start_seconds", **OWN): 1795322654.17,
    }
    assert {one: found.get(one) for one in expected} == expected
    buckets = [one for one in found if one.name == "tailwatch_ttft_seconds_bucket"]
    assert len(buckets) == 23
    assert series("tailwatch_ttft_seconds_bucket", **OWN, le="0.25") in buckets


def test_a_second_scrape_and_a_page_that_changed_translate_afresh():
    translator = Translator(CHAT)
    first = translator.canonical(Parser().parse(captured(VLLM)))
    assert translator.canonical(Parser().parse(captured(VLLM))) == first
    assert translator.plans == 1
    assert translator.canonical({series("vllm:num_requests_running", engine="0", model_name="x"): 3.0}) == {
        series("tailwatch_requests_running", **OWN): 3.0
    }
    assert translator.plans == 2


def test_engines_of_one_server_add_up_but_the_cache_is_that_of_the_fullest():
    page = "".join(
        f'vllm:num_requests_running{{engine="{engine}"}} {engine + 1}\nvllm:kv_cache_usage_perc{{engine="{engine}"}} 0.{engine + 1}\n'
        for engine in range(3)
    )
    found = translated(page)
    assert found[series("tailwatch_requests_running", **OWN)] == 6.0
    assert found[series("tailwatch_kv_cache_ratio", **OWN)] == 0.3


def test_old_names_serve_where_the_new_are_absent_and_never_beside_them():
    old = "vllm:num_requests_running 1\nvllm:gpu_cache_usage_perc 0.5\n"
    assert translated(old)[series("tailwatch_kv_cache_ratio", **OWN)] == 0.5
    assert translated(old + "vllm:kv_cache_usage_perc 0.25\n")[series("tailwatch_kv_cache_ratio", **OWN)] == 0.25


def test_what_the_page_lacks_is_absent_and_not_zero():
    found = translated("vllm:num_requests_running 1\n")
    assert {one.name for one in found} == {"tailwatch_requests_running"}


def test_an_engine_behind_a_gateway_gives_no_request_outcomes():
    found = translated(captured(VLLM), without={"requests_total"})
    assert not [one for one in found if one.name == "tailwatch_requests_total"]
    assert series("tailwatch_generated_tokens_total", **OWN) in found


def test_a_model_that_the_config_leaves_out_is_the_page_s_own():
    found = translated(captured(VLLM), Target("chat-0", "http://x", "chat", version="1", region="eu"))
    assert {one.label("model") for one in found} == {"tiny"}


def test_the_gateway_counts_outcomes_and_tenants_and_keeps_no_key_or_user():
    found = translated(LITELLM, GATEWAY)
    own = {**OWN, "replica": "gateway"}
    tenant = {"service": "chat", "model": "tiny", "region": "eu", "replica": "gateway"}
    assert found[series("tailwatch_requests_total", **own, outcome="ok")] == 103.0  # a 400 is answered as it should be
    assert found[series("tailwatch_requests_total", **own, outcome="error")] == 2.0
    assert found[series("tailwatch_requests_total", **own, outcome="timeout")] == 0.0
    assert found[series("tailwatch_tenant_requests_total", **tenant, tenant="web", outcome="ok")] == 98.0
    assert found[series("tailwatch_tenant_requests_total", **tenant, tenant="unknown", outcome="ok")] == 5.0
    assert found[series("tailwatch_tenant_tokens_total", **tenant, tenant="web")] == 1000.0
    text = repr(found)
    assert not [secret for secret in ("key-1", "user-", "hashed") if secret in text]
    both = sum(value for one, value in found.items() if one.name == "tailwatch_tenant_requests_total")
    assert both == sum(value for one, value in found.items() if one.name == "tailwatch_requests_total") == 105.0


def test_dcgm_values_come_in_canonical_units_and_join_their_replica():
    uuid = "GPU-c2f76b33-7953-256e-8f33-1343419b1a1c"
    own = {"service": "chat", "replica": "chat-0", "region": "eu", "gpu": uuid}
    assert translated(captured(DCGM), GPUS, joined={uuid: "chat-0"}) == {
        series("tailwatch_gpu_utilisation_ratio", **own): 0.0,
        series("tailwatch_gpu_memory_bytes", **own): 0.0,
        series("tailwatch_gpu_memory_total_bytes", **own): 24151851008.0,
        series("tailwatch_gpu_power_watts", **own): 16.365,
        series("tailwatch_gpu_clock_hertz", **own): 210e6,
        series("tailwatch_gpu_temperature_celsius", **own): 31.0,
        series("tailwatch_gpu_tensor_activity_ratio", **own): 0.0,
        series("tailwatch_gpu_dram_activity_ratio", **own): 0.0,
        series("tailwatch_gpu_memory_clock_hertz", **own): 405e6,  # its memory has no thermometer: the page says 0
        series("tailwatch_gpu_energy_joules_total", **own): 4742.776,
        series("tailwatch_gpu_pcie_replays_total", **own): 0.0,
        series("tailwatch_gpu_row_remaps_total", **own, reason="corrected"): 0.0,
        series("tailwatch_gpu_row_remaps_total", **own, reason="uncorrected"): 0.0,
        series("tailwatch_gpu_row_remap_failed", **own): 0.0,
    }


def test_mig_instances_share_their_board_s_power_and_have_activity_apart():
    uuid = "GPU-7099682b-a20d-2bcc-74ab-b9060454d81e"
    own = {"service": "chat", "replica": "unjoined", "region": "eu"}
    found = translated(captured(DCGM_MIG), GPUS)
    assert found[series("tailwatch_gpu_power_watts", **own, gpu=uuid)] == 116.163
    assert found[series("tailwatch_gpu_memory_bytes", **own, gpu=uuid)] == (98 + 4384 + 153) * 1048576
    assert (
        found[series("tailwatch_gpu_memory_total_bytes", **own, gpu=uuid)]
        > found[series("tailwatch_gpu_memory_bytes", **own, gpu=uuid)]
    )
    assert found[series("tailwatch_gpu_utilisation_ratio", **own, gpu=f"{uuid}/9")] == 0.999917
    assert series("tailwatch_gpu_utilisation_ratio", **own, gpu=uuid) not in found
    assert found[series("tailwatch_gpu_memory_temperature_celsius", **own, gpu=uuid)] == 39.0
    assert found[series("tailwatch_gpu_energy_joules_total", **own, gpu=uuid)] == 57585.599
    activity = {
        one.label("gpu"): value for one, value in found.items() if one.name == "tailwatch_gpu_tensor_activity_ratio"
    }
    assert set(activity) == {f"{uuid}/{instance}" for instance in (5, 7, 9)}, "instances apart"


def test_dcgm_profiling_and_memory_faults_are_read():
    names = {
        "DCGM_FI_PROF_SM_ACTIVE": 0.25, "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": 2, "DCGM_FI_DEV_ROW_REMAP_FAILURE": 1,
        "DCGM_FI_DEV_ROW_REMAP_PENDING": 1, "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL": 7, "DCGM_FI_DEV_SM_CLOCK": 900,
    }  # fmt: skip
    page = "".join(f'{name}{{UUID="GPU-1"}} {value}\n' for name, value in names.items())
    found = {one.name: value for one, value in translated(page, GPUS).items()}
    assert found == {
        "tailwatch_gpu_sm_activity_ratio": 0.25, "tailwatch_gpu_row_remap_failed": 1.0, "tailwatch_gpu_row_remap_pending": 1.0,
        "tailwatch_gpu_nvlink_errors_total": 7.0, "tailwatch_gpu_ecc_errors_total": 2.0, "tailwatch_gpu_clock_hertz": 900e6,
    }  # fmt: skip


def test_dcgm_counts_violations_in_nanoseconds():
    page = f'DCGM_FI_DEV_SM_CLOCK{{UUID="GPU-1"}} 900\nDCGM_FI_DEV_POWER_VIOLATION{{UUID="GPU-1"}} {90 * 10**9}\n'
    own = {"service": "chat", "replica": "unjoined", "region": "eu", "gpu": "GPU-1"}
    assert translated(page, GPUS)[series("tailwatch_gpu_throttled_seconds_total", **own, reason="power_cap")] == 90.0
