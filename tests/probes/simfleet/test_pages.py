"""The pages beside the engine's: DCGM exporter's and LiteLLM's names and labels, and what the probe makes of all three."""

from __future__ import annotations

from pathlib import Path

import pytest

from probes.config import Target
from probes.exposition import Parser
from probes.replica import Translator
from probes.simfleet.fleet import Fleet
from probes.simfleet.gpu import TYPES
from tests.probes.simfleet.measure import START, hours

CAPTURED = Path(__file__).parents[4] / "shared" / "fixtures" / "dcgm_exporter__kops_v1.35.prom"


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    fleet = Fleet(seed=1, start=START + hours(36))
    fleet.advance(fleet.now + 600.0)
    return fleet


@pytest.mark.skipif(not CAPTURED.exists(), reason="needs ../shared: fixtures/dcgm_exporter__kops_v1.35.prom")
def test_gpu_families_and_labels_are_the_exporters(fleet: Fleet) -> None:
    captured = Parser().parse(CAPTURED.read_text())
    simulated = fleet.scrape("gpu-chat-0")
    labels = {tuple(label for label, _ in one.labels) for one in captured}
    assert {tuple(label for label, _ in one.labels) for one in simulated} == labels
    extra = {one.name for one in simulated} - {one.name for one in captured}
    assert extra == {"DCGM_FI_DEV_XID_ERRORS", "DCGM_FI_DEV_POWER_VIOLATION"}  # off on a stock, healthy exporter


def test_gpu_figures_are_plausible(fleet: Fleet) -> None:
    chat = {one.name.removeprefix("DCGM_FI_DEV_"): value for one, value in fleet.scrape("gpu-chat-0").items()}
    code = {one.name.removeprefix("DCGM_FI_DEV_"): value for one, value in fleet.scrape("gpu-code-0").items()}
    assert len(chat) == len(TYPES)
    assert 85 < chat["GPU_UTIL"] <= 100
    assert 10 < code["GPU_UTIL"] < 60
    assert 250 < chat["POWER_USAGE"] < 450
    assert code["POWER_USAGE"] < chat["POWER_USAGE"]
    assert (chat["SM_CLOCK"], chat["XID_ERRORS"], chat["POWER_VIOLATION"]) == (1980, 0, 0)
    assert chat["FB_USED"] + chat["FB_FREE"] + chat["FB_RESERVED"] == 81_559
    assert 40 < chat["GPU_TEMP"] < 70


def test_the_gateway_counts_by_tenant_and_status_from_zero(fleet: Fleet) -> None:
    samples = fleet.scrape("gateway-chat")
    total = {
        (one.label("team_alias"), one.label("status_code")): value
        for one, value in samples.items()
        if one.name == "litellm_proxy_total_requests_metric_total"
    }
    assert {tenant for tenant, _ in total} == {"web", "mobile", "support-desk"}
    assert {status for _, status in total} == {"200", "408", "429", "500", "503"}
    assert total["web", "200"] > total["mobile", "200"] > total["support-desk", "200"] > 0
    assert total["web", "503"] == 0
    failed = {
        one.label("exception_class") for one in samples if one.name == "litellm_proxy_failed_requests_metric_total"
    }
    names = ("Timeout", "RateLimitError", "InternalServerError", "ServiceUnavailableError")
    assert failed == {f"Hosted_vllm.{name}" for name in names}


@pytest.mark.parametrize(
    ("name", "signals"),
    [
        ("chat-0", {"ttft_seconds_bucket", "inter_token_seconds_sum", "kv_cache_ratio", "requests_running", "prompt_tokens_total"}),
        ("gateway-chat", {"requests_total", "tenant_requests_total", "tenant_tokens_total"}),
        ("gpu-chat-0", {"gpu_utilisation_ratio", "gpu_memory_bytes", "gpu_power_watts", "gpu_clock_hertz", "gpu_xid_code"}),
    ],
)  # fmt: skip
def test_the_probe_finds_its_signals_on_every_page(fleet: Fleet, name: str, signals: set[str]) -> None:
    target = next(one for one in fleet.targets if one.name == name)
    translator = Translator(Target(name=name, url="http://fleet", service=target.service, kind=target.kind))
    found = {one.name.removeprefix("tailwatch_") for one in translator.canonical(fleet.scrape(name))}
    assert signals <= found
