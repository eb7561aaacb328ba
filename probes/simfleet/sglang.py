"""SGLang's metrics page of one replica, over the same counters as vLLM's. Names, labels and bounds as SGLang 0.5 has them.

As there: tokens and requests count when a request finishes, gauges have two decimals, and nothing says when the process began,
so that a restart shows in counters that begin again. A real page has the counter of retractions from the first one on.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

from probes.exposition import series
from probes.simfleet import vllm
from probes.simfleet.histogram import Histogram
from probes.simfleet.vllm import EngineCounters

TTFT_BOUNDS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 200.0, 400.0)
E2E_BOUNDS = (*TTFT_BOUNDS, 600.0, 1200.0, 1800.0, 2400.0)
INTER_TOKEN_BOUNDS = (
    0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.06, 0.08, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0,
    2.0, 4.0, 6.0, 8.0,
)  # fmt: skip
QUEUE_BOUNDS = (
    0.0, 0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0,
    70.0, 80.0, 90.0, 100.0,
)  # fmt: skip
#: From 1 ms, each 1.62 times the one before.
STAGE_BOUNDS = tuple(accumulate((0.001, *([1.62] * 29)), lambda before, factor: before * factor))


class Page(vllm.Page):
    PREFIX = "sglang:"
    TTFT, INTER_TOKEN, E2E, QUEUE, STAGE = TTFT_BOUNDS, INTER_TOKEN_BOUNDS, E2E_BOUNDS, QUEUE_BOUNDS, STAGE_BOUNDS

    def _build(self, model: str, kv_blocks: int, block_size: int, cache_dtype: str) -> None:
        server = {"model_name": model}
        scheduler = {**server, "engine_type": "unified", "moe_ep_rank": "0", "pp_rank": "0", "tp_rank": "0"}
        pool = kv_blocks * block_size

        def answered() -> float:
            return float(self.stop + self.length)

        self._gauge("num_running_reqs", [scheduler], lambda c, s: (s.running,))
        self._gauge("num_queue_reqs", [scheduler], lambda c, s: (s.waiting,))
        self._gauge("num_grammar_queue_reqs", [scheduler], lambda c, s: (0.0,))
        self._gauge("num_used_tokens", [scheduler], lambda c, s: (round(s.kv_ratio * pool),))
        self._gauge("token_usage", [scheduler], lambda c, s: (round(s.kv_ratio, 2),))
        self._gauge("max_total_num_tokens", [scheduler], lambda c, s: (pool,))
        self._gauge("cache_hit_rate", [scheduler], lambda c, s: (c.cached_tokens / max(1, c.prompt_tokens),))
        config = {**scheduler, "page_size": str(block_size), "num_pages": str(kv_blocks), "kv_cache_dtype": cache_dtype}
        self._gauge("cache_config_info", [config], lambda c, s: (1.0,))
        self._total("num_retracted_requests", scheduler, lambda c: c.preemptions)
        self._total("prompt_tokens", server, lambda c: self.prompt.total)
        self._total("generation_tokens", server, lambda c: self.generated.total)
        self._total("cached_tokens", {**server, "cache_source": "device"}, lambda c: c.cached_tokens)
        self._total("num_requests", server, lambda c: answered())
        self._total("num_aborted_requests", server, lambda c: c.aborts)
        answers = [{"endpoint": "/v1/chat/completions", "status_code": status} for status in ("200", "500", "503")]
        name = "sglang:http_responses_total"
        self._family(
            name,
            "counter",
            [series(name, **one) for one in answers],
            lambda c, s: (answered(), c.errors, c.rejections),
        )
        self._filled("time_to_first_token_seconds", server, self.ttft)
        self._filled("e2e_request_latency_seconds", server, self.e2e)
        self._filled("queue_time_seconds", scheduler, self.queue)
        self._filled("per_stage_req_latency_seconds", {**scheduler, "stage": "prefill_forward"}, self.prefill)
        self._buckets(
            "sglang:inter_token_latency_seconds", server, INTER_TOKEN_BOUNDS, lambda c: (c.itl_counts, c.itl_sum)
        )

    def _total(self, name: str, labels: dict[str, str], read: Callable[[EngineCounters], float]) -> None:
        full = f"sglang:{name}_total"
        self._family(full, "counter", [series(full, **labels)], lambda c, s: (read(c),))

    def _filled(self, name: str, labels: dict[str, str], histogram: Histogram) -> None:
        self._buckets(f"sglang:{name}", labels, histogram.bounds, lambda c: (histogram.counts, histogram.total))
