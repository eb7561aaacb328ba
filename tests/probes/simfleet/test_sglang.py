"""Replicas that speak SGLang: the same load reads the same through either engine's page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from probes import dialects
from probes.config import Target
from probes.exposition import Parser, Samples
from probes.replica import Translator
from probes.simfleet import sglang
from probes.simfleet.config import FleetConfig, default_config
from probes.simfleet.fleet import Fleet
from probes.simfleet.loader import load

START = 1_795_322_654.0


def read(speaks: str) -> tuple[Samples, Translator, str]:
    batch = replace(default_config().service("batch"), speaks=speaks)
    fleet = Fleet(FleetConfig((batch,)), seed=3, start=START)
    fleet.advance(START + 600)
    target = next(one for one in fleet.targets if one.kind == "engine")
    translator = Translator(Target(target.name, "http://x", "batch", model="m", version="1", region="eu"))
    canonical = translator.canonical(Parser().parse(fleet.text(target.name)))
    assert translator.canonical(fleet.scrape(target.name)) == canonical
    return canonical, translator, fleet.text(target.name)


def total(samples: Samples, name: str) -> float:
    return sum(value for one, value in samples.items() if one.name == f"tailwatch_{name}")


def test_the_same_load_reads_the_same_through_either_page():
    (vllm, _, _), (found, translator, text) = read("vllm"), read("sglang")
    assert [dialect.name for dialect in translator.dialects] == ["sglang"]
    for name in (
        "requests_running", "requests_waiting", "requests_total", "preemptions_total", "prefix_cache_hits_total",
        "ttft_seconds_count", "ttft_seconds_sum", "e2e_seconds_sum", "e2e_seconds_count", "inter_token_seconds_count",
        "inter_token_seconds_sum", "queue_seconds_sum", "prefill_seconds_sum",
    ):  # fmt: skip
        assert total(found, name) == pytest.approx(total(vllm, name)), name
    assert total(found, "e2e_seconds_count") > 100
    assert total(found, "kv_cache_ratio") == pytest.approx(total(vllm, "kv_cache_ratio"), abs=0.005)
    # Counted when a request finishes: what runs now has not counted yet.
    assert 0 < total(found, "generated_tokens_total") <= total(vllm, "generated_tokens_total")
    assert "_created" not in text
    assert len([line for line in text.splitlines() if line.startswith("# TYPE sglang:http_responses_total")]) == 1


def test_its_page_gives_every_signal_of_the_dialect_but_the_start():
    found, _, _ = read("sglang")
    (dialect,) = (one for one in dialects.shipped() if one.name == "sglang")
    names = {one.name.removeprefix("tailwatch_") for one in found}
    missing = {name for name in dialect.gives() if name not in names and f"{name}_count" not in names}
    assert missing == {"process_start_seconds"}


def test_its_bounds_are_sglang_s():
    assert len(sglang.STAGE_BOUNDS) == 30
    assert sglang.STAGE_BOUNDS[-1] == pytest.approx(0.001 * 1.62**29)  # about 1,191 s
    assert sglang.TTFT_BOUNDS[0] == 0.1  # nothing is told apart below


def test_a_fleet_file_says_what_its_replicas_speak():
    config = load("services: [{name: chat, speaks: sglang}, {name: code}]", file="fleet.yaml")
    assert [service.speaks for service in config.services] == ["sglang", "vllm"]
    with pytest.raises(ValueError, match="one of vllm, sglang"):
        load("services: [{name: chat, speaks: tgi}]", file="fleet.yaml")
