"""Against a real vLLM that serves nobody else: TAILWATCH_LIVE_VLLM names its address, TAILWATCH_LIVE_MODEL its model (tiny)."""

from __future__ import annotations

import os

import httpx
import pytest

from probes.config import Canary
from probes.exposition import Parser, Samples
from probes.http import HttpTransport
from probes.latency import quantile
from probes.prompts import Prompt

URL = os.environ.get("TAILWATCH_LIVE_VLLM", "")
MODEL = os.environ.get("TAILWATCH_LIVE_MODEL", "tiny")
pytestmark = [pytest.mark.heavy, pytest.mark.skipif(not URL, reason="TAILWATCH_LIVE_VLLM names no server")]
TIMES = 12


def read() -> Samples:
    return Parser().parse(httpx.get(f"{URL}/metrics", trust_env=False).text)


def grown(before: Samples, after: Samples, name: str) -> dict[float | None, float]:
    """By bucket bound; None where there is none."""
    found: dict[float | None, float] = {}
    for one, value in after.items():
        if one.name == name:
            le = float(one.label("le") or "nan") if one.label("le") else None
            found[le] = found.get(le, 0.0) + value - before.get(one, 0.0)
    return found


@pytest.mark.parametrize("api", ["completions", "chat"])
def test_what_canaries_measure_is_what_the_server_measures(api):
    canary = Canary("live", URL, MODEL, (), api=api, max_tokens=32)
    prompt = Prompt("p", "How tall is the tower of Pisa, and why does it lean?", nonce=True)
    transport = HttpTransport()
    try:
        assert transport.complete(canary, prompt).outcome == "ok"  # the first one warms up
        before = read()
        found = [transport.complete(canary, prompt) for _ in range(TIMES)]
        after = read()
    finally:
        transport.close()
    assert {one.outcome for one in found} == {"ok"}
    assert grown(before, after, "vllm:generation_tokens_total") == {None: sum(one.counted for one in found)}
    assert grown(before, after, "vllm:prompt_tokens_total") == {None: sum(one.prompt_tokens or 0 for one in found)}
    ours = {
        "time_to_first_token_seconds": [one.token_seconds[0] for one in found],
        "e2e_request_latency_seconds": [one.end_seconds or 0.0 for one in found],
        "request_time_per_output_token_seconds": [one.per_token_seconds or 0.0 for one in found],
    }
    for family, seconds in ours.items():
        buckets = {le: n for le, n in grown(before, after, f"vllm:{family}_bucket").items() if le is not None}
        theirs = grown(before, after, f"vllm:{family}_sum")[None] / TIMES
        assert sum(seconds) / TIMES == pytest.approx(theirs, rel=0.25, abs=0.02), family
        p95 = quantile(buckets, 0.95)
        bounds = [0.0, *sorted(buckets)]
        at = next(i for i, bound in enumerate(bounds) if bound >= (p95 or 0.0))
        assert bounds[max(0, at - 2)] <= sorted(seconds)[-1] <= bounds[min(len(bounds) - 1, at + 1)], family
