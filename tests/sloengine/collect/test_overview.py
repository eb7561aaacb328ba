from __future__ import annotations

from probes.exposition import series
from sloengine.collect.overview import overview
from sloengine.collect.services.survey import lag_of
from sloengine.sources.flavours import Flavour

OWN = {"service": "chat", "replica": "chat-0", "model": "llama", "version": "unknown", "region": "eu"}


def test_services_replicas_and_gpus_are_counted_and_what_is_missing_is_said():
    seen = overview(
        [
            series("tailwatch_requests_total", outcome="ok", **OWN),
            series("tailwatch_ttft_seconds_count", **OWN),
            series("tailwatch_gpu_power_watts", service="chat", replica="chat-0", region="eu", gpu="GPU-1"),
            series("tailwatch_gpu_power_watts", service="unknown", replica="unjoined", region="eu", gpu="GPU-2"),
            series("up", job="node"),
        ],
        counted_by_engine=frozenset({"chat"}),
    )
    (chat,) = seen.services
    assert (chat.replicas, chat.models, chat.versions, chat.gpus) == (("chat-0",), ("llama",), (), ("GPU-1",))
    assert (seen.gpus, seen.unjoined_gpus) == (2, 1)
    assert seen.cannot_tell == (
        "chat: how long the next token takes.",
        "chat: how long requests queue.",
        "chat: whether answers are still good: that takes a probe's canary prompts.",
        "chat: requests that fail before they reach an engine. No gateway counts them here.",
        "chat: which version serves. Give its label by --version-label, so that releases are seen.",
        "Which replica runs on 1 of the GPUs: neither pod nor host joins them.",
    )


def test_ticks_wait_for_samples_that_arrive_late():
    assert lag_of(Flavour.PROMETHEUS, newest_seconds=12.0) == 0
    assert lag_of(Flavour.MIMIR, newest_seconds=12.0) == 30
    assert lag_of(Flavour.PROMETHEUS, newest_seconds=75.0) == 90
    assert lag_of(Flavour.PROMETHEUS, newest_seconds=None) == 0
