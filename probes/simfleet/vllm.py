"""vLLM 0.32's metrics page of one replica: its families, types, labels and bounds, and the counters behind it.

The layout (which series, in which order) is built once per replica and model; a scrape only fills in values:
0.1 ms for 437 series. Families and `le` sets are compared with a captured page in tests/probes/simfleet.
`python_gc_*` and `python_info` describe the interpreter, not the engine, and are left out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from probes import exposition
from probes.exposition import Series, bound, series
from probes.simfleet.histogram import Histogram, token_bounds

if TYPE_CHECKING:
    from probes.simfleet.request import Request

TTFT_BOUNDS = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0,
    80.0, 160.0, 640.0, 2560.0,
)  # fmt: skip
INTER_TOKEN_BOUNDS = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
)  # fmt: skip
REQUEST_BOUNDS = (
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0,
    960.0, 1920.0, 7680.0,
)  # fmt: skip
ITERATION_BOUNDS = tuple(float(1 << power) for power in (0, *range(3, 15)))
PARAMS_N_BOUNDS = (1.0, 2.0, 5.0, 10.0, 20.0)
PREEMPTION_BOUNDS = (1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0)
HTTP_BOUNDS = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 7.5, 10.0,
    30.0, 60.0,
)  # fmt: skip
HANDLER_BOUNDS = (0.1, 0.5, 1.0)
HANDLER = "/v1/completions"
WAITING_REASONS = ("capacity", "deferred")
SLEEP_STATES = ("awake", "weights_offloaded", "discard_all")
PROMPT_SOURCES = ("local_compute", "local_cache_hit", "external_kv_transfer")
CACHED_SOURCES = ("device", "host", "p2p", "disk", "external_unspecified")
FINISH_REASONS = ("stop", "length", "abort", "error", "repetition")
REJECTION_REASONS = ("max_num_queued_reqs", "max_num_queued_tokens")


class EngineCounters:
    """What a process has counted since it started. Finished requests are kept as they are and folded in at a scrape."""

    def __init__(self, itl_bounds: Sequence[float] = INTER_TOKEN_BOUNDS) -> None:
        self.itl_counts = [0] * (len(itl_bounds) + 1)
        self.itl_sum = 0.0
        self.iteration_counts = [0] * (len(ITERATION_BOUNDS) + 1)
        self.iteration_sum = 0.0
        self.generation_tokens = 0
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self.preemptions = 0
        self.rejections = 0
        self.aborts = 0
        self.errors = 0
        self.ttft: list[float] = []
        self.done: list[Request] = []


class State(NamedTuple):
    """What a scrape needs beside the counters."""

    running: int
    waiting: int
    kv_ratio: float
    started: float
    created: float
    cpu_seconds: float
    cache_dtype: str


class Page:
    """One replica's page. `fold` takes in what the counters gathered; `samples` gives the mapping, `text` the text."""

    PREFIX = "vllm:"
    TTFT: Sequence[float] = TTFT_BOUNDS
    INTER_TOKEN: Sequence[float] = INTER_TOKEN_BOUNDS
    E2E: Sequence[float] = REQUEST_BOUNDS
    QUEUE: Sequence[float] = REQUEST_BOUNDS
    STAGE: Sequence[float] = REQUEST_BOUNDS

    def __init__(self, *, model: str, max_model_len: int, kv_blocks: int, block_size: int, cache_dtype: str) -> None:
        tokens = token_bounds(max_model_len)
        self.ttft, self.e2e, self.queue = Histogram(self.TTFT), Histogram(self.E2E), Histogram(self.QUEUE)
        self.prefill, self.decode, self.inference = (Histogram(self.STAGE) for _ in range(3))
        self.per_token = Histogram(INTER_TOKEN_BOUNDS)
        self.prompt, self.generated, self.max_generated = (Histogram(tokens) for _ in range(3))
        self.max_tokens, self.kv_computed = Histogram(tokens), Histogram(tokens)
        self.params_n, self.preempted = Histogram(PARAMS_N_BOUNDS), Histogram(PREEMPTION_BOUNDS)
        self.http, self.http_handler = Histogram(HTTP_BOUNDS), Histogram(HANDLER_BOUNDS)
        self.stop = self.length = 0
        self.request_bytes = self.response_bytes = 0.0
        self.families: list[tuple[str, str, list[Series]]] = []
        self._readers: list[Callable[[EngineCounters, State], Sequence[float]]] = []
        self._build(model, kv_blocks, block_size, cache_dtype)
        self.keys = tuple(key for _, _, keys in self.families for key in keys)
        self._lines = tuple(_lines(self.families))

    def fold(self, counters: EngineCounters) -> None:
        if counters.ttft:
            self.ttft.add(counters.ttft)
            counters.ttft = []
        done = counters.done
        if not done:
            return
        counters.done = []
        e2e = [r.finished - r.arrived for r in done]
        prefill = [r.first_token - r.scheduled for r in done]
        decode = [r.finished - r.first_token for r in done]
        generated = [float(r.generated) for r in done]
        prompt = [float(r.prompt) for r in done]
        self.e2e.add(e2e)
        self.http.add(e2e)
        self.http_handler.add(e2e)
        self.queue.add([r.scheduled - r.arrived for r in done])
        self.inference.add([r.finished - r.scheduled for r in done])
        self.prefill.add(prefill)
        self.decode.add(decode)
        self.per_token.add([s / (n - 1) if n > 1 else 0.0 for s, n in zip(decode, generated, strict=True)])
        self.prompt.add(prompt)
        self.generated.add(generated)
        self.kv_computed.add([float(r.prompt - r.cached) for r in done])
        count = len(done)
        # Without n > 1 the longest of a request's answers is the answer; max_tokens is left at a round limit above it.
        self.max_generated.counts, self.max_generated.total = self.generated.counts, self.generated.total
        self.max_tokens.counts[bisect_left(self.max_tokens.bounds, 1000.0)] += count
        self.max_tokens.total += 1000.0 * count
        self.params_n.counts[0] += count
        self.params_n.total += count
        again = [float(r.preemptions) for r in done if r.preemptions]
        self.preempted.counts[0] += count - len(again)
        self.preempted.add(again)
        length = sum(r.length_stop for r in done)
        self.length += length
        self.stop += count - length
        self.request_bytes += 4.2 * sum(prompt) + 180.0 * count
        self.response_bytes += 210.0 * sum(generated)

    def values(self, counters: EngineCounters, state: State) -> list[float]:
        values: list[float] = []
        for read in self._readers:
            values.extend(read(counters, state))
        return values

    def samples(self, counters: EngineCounters, state: State) -> exposition.Page:
        self.fold(counters)
        return exposition.Page(self.keys, self.values(counters, state))

    def text(self, counters: EngineCounters, state: State) -> str:
        self.fold(counters)
        values = iter(self.values(counters, state))
        return "\n".join(head if head[0] == "#" else head + repr(float(next(values))) for head in self._lines) + "\n"

    def _family(
        self, name: str, kind: str, keys: list[Series], read: Callable[[EngineCounters, State], Sequence[float]]
    ) -> None:
        self.families.append((name, kind, keys))
        self._readers.append(read)

    def _build(self, model: str, kv_blocks: int, block_size: int, cache_dtype: str) -> None:
        own = {"engine": "0", "model_name": model}
        self._family(
            "process_virtual_memory_bytes", "gauge", [series("process_virtual_memory_bytes")], lambda c, s: (4.1e10,)
        )
        self._family(
            "process_resident_memory_bytes",
            "gauge",
            [series("process_resident_memory_bytes")],
            lambda c, s: (6.2e9 + 4e3 * c.generation_tokens**0.5,),
        )
        self._family(
            "process_start_time_seconds", "gauge", [series("process_start_time_seconds")], lambda c, s: (s.started,)
        )
        self._family(
            "process_cpu_seconds_total", "counter", [series("process_cpu_seconds_total")], lambda c, s: (s.cpu_seconds,)
        )
        self._family(
            "process_open_fds", "gauge", [series("process_open_fds")], lambda c, s: (48.0 + s.running + s.waiting,)
        )
        self._family("process_max_fds", "gauge", [series("process_max_fds")], lambda c, s: (1048576.0,))

        for name in ("estimated_flops_per_gpu", "estimated_read_bytes_per_gpu", "estimated_write_bytes_per_gpu"):
            self._counter(name, [own], lambda c, s: (0.0,))
        self._gauge("num_requests_running", [own], lambda c, s: (s.running,))
        self._gauge("num_requests_waiting", [own], lambda c, s: (s.waiting,))
        self._gauge(
            "num_requests_waiting_by_reason",
            [{**own, "reason": r} for r in WAITING_REASONS],
            lambda c, s: (s.waiting, 0.0),
        )
        self._gauge(
            "engine_sleep_state", [{**own, "sleep_state": x} for x in SLEEP_STATES], lambda c, s: (1.0, 0.0, 0.0)
        )
        self._gauge("kv_cache_usage_perc", [own], lambda c, s: (s.kv_ratio,))
        self._counter("prefix_cache_queries", [own], lambda c, s: (c.prompt_tokens,))
        self._counter("prefix_cache_hits", [own], lambda c, s: (c.cached_tokens,))
        for name in (
            "external_prefix_cache_queries",
            "external_prefix_cache_hits",
            "mm_cache_queries",
            "mm_cache_hits",
        ):
            self._counter(name, [own], lambda c, s: (0.0,))
        self._counter("num_preemptions", [own], lambda c, s: (c.preemptions,))
        self._counter("prompt_tokens", [own], lambda c, s: (c.prompt_tokens,))
        by_source = [{**own, "source": source} for source in PROMPT_SOURCES]
        self._counter(
            "prompt_tokens_by_source", by_source, lambda c, s: (c.prompt_tokens - c.cached_tokens, c.cached_tokens, 0.0)
        )
        self._counter("prompt_tokens_cached", [own], lambda c, s: (c.cached_tokens,))
        cached = [{**own, "source": source} for source in CACHED_SOURCES]
        self._counter("prompt_tokens_cached_by_source", cached, lambda c, s: (c.cached_tokens, 0.0, 0.0, 0.0, 0.0))
        self._counter("generation_tokens", [own], lambda c, s: (c.generation_tokens,))
        reasons = [{**own, "finished_reason": reason} for reason in FINISH_REASONS]
        self._counter("request_success", reasons, lambda c, s: (self.stop, self.length, c.aborts, c.errors, 0.0))
        rejections = [{"model_name": model, "reason": reason} for reason in REJECTION_REASONS]
        self._counter("admission_rejections", rejections, lambda c, s: (c.rejections, 0.0))

        self._histogram("request_prompt_tokens", own, self.prompt)
        self._histogram("request_generation_tokens", own, self.generated)
        self._raw_histogram(
            "vllm:iteration_tokens_total",
            own,
            ITERATION_BOUNDS,
            lambda c: (c.iteration_counts, c.iteration_sum),
            lambda s: s.created,
        )
        self._histogram("request_max_num_generation_tokens", own, self.max_generated)
        self._histogram("request_params_n", own, self.params_n)
        self._histogram("request_params_max_tokens", own, self.max_tokens)
        self._histogram("time_to_first_token_seconds", own, self.ttft)
        self._raw_histogram(
            "vllm:inter_token_latency_seconds",
            own,
            INTER_TOKEN_BOUNDS,
            lambda c: (c.itl_counts, c.itl_sum),
            lambda s: s.created,
        )
        self._histogram("request_time_per_output_token_seconds", own, self.per_token)
        self._histogram("e2e_request_latency_seconds", own, self.e2e)
        self._histogram("request_queue_time_seconds", own, self.queue)
        self._histogram("request_inference_time_seconds", own, self.inference)
        self._histogram("request_prefill_time_seconds", own, self.prefill)
        self._histogram("request_decode_time_seconds", own, self.decode)
        self._histogram("request_num_preemptions", own, self.preempted)
        self._histogram("request_prefill_kv_computed_tokens", own, self.kv_computed)
        config = _cache_config(kv_blocks, block_size, cache_dtype)
        self._family(
            "vllm:cache_config_info", "gauge", [series("vllm:cache_config_info", **config)], lambda c, s: (1.0,)
        )

        handled = {"handler": HANDLER, "method": "POST"}
        statuses = [{**handled, "status": status} for status in ("2xx", "4xx")]
        self._counter("http_requests", statuses, lambda c, s: (self.stop + self.length, 0.0), prefix="")
        self._summary("http_request_size_bytes", lambda: self.request_bytes)
        self._summary("http_response_size_bytes", lambda: self.response_bytes)
        self._histogram("http_request_duration_highr_seconds", {}, self.http, prefix="")
        self._histogram("http_request_duration_seconds", handled, self.http_handler, prefix="")

    def _gauge(
        self, name: str, labels: list[dict[str, str]], read: Callable[[EngineCounters, State], Sequence[float]]
    ) -> None:
        full = f"{self.PREFIX}{name}"
        self._family(full, "gauge", [series(full, **one) for one in labels], read)

    def _counter(
        self,
        name: str,
        labels: list[dict[str, str]],
        read: Callable[[EngineCounters, State], Sequence[float]],
        *,
        prefix: str | None = None,
    ) -> None:
        prefix = self.PREFIX if prefix is None else prefix
        total, created, size = f"{prefix}{name}_total", f"{prefix}{name}_created", len(labels)
        self._family(total, "counter", [series(total, **one) for one in labels], read)
        self._family(created, "gauge", [series(created, **one) for one in labels], lambda c, s: (s.created,) * size)

    def _histogram(self, name: str, labels: dict[str, str], histogram: Histogram, *, prefix: str | None = None) -> None:
        self._raw_histogram(
            (self.PREFIX if prefix is None else prefix) + name,
            labels,
            histogram.bounds,
            lambda c: (histogram.counts, histogram.total),
            lambda s: s.created,
        )

    def _raw_histogram(
        self,
        name: str,
        labels: dict[str, str],
        bounds: Sequence[float],
        counts: Callable[[EngineCounters], tuple[list[int], float]],
        created: Callable[[State], float],
    ) -> None:
        self._buckets(name, labels, bounds, counts)
        self._family(f"{name}_created", "gauge", [series(_created(name), **labels)], lambda c, s: (created(s),))

    def _buckets(
        self,
        name: str,
        labels: dict[str, str],
        bounds: Sequence[float],
        counts: Callable[[EngineCounters], tuple[list[int], float]],
    ) -> None:
        keys = [series(f"{name}_bucket", **labels, le=bound(edge)) for edge in (*bounds, float("inf"))]
        keys += [series(f"{name}_count", **labels), series(f"{name}_sum", **labels)]

        def read(counters: EngineCounters, state: State) -> list[float]:
            own, total = counts(counters)
            values: list[float] = list(accumulate(own))
            values += (values[-1], total)
            return values

        self._family(name, "histogram", keys, read)

    def _summary(self, name: str, total: Callable[[], float]) -> None:
        keys = [series(f"{name}_count", handler=HANDLER), series(f"{name}_sum", handler=HANDLER)]
        self._family(name, "summary", keys, lambda c, s: (self.stop + self.length, total()))
        self._family(
            f"{name}_created", "gauge", [series(f"{name}_created", handler=HANDLER)], lambda c, s: (s.created,)
        )


def _created(name: str) -> str:
    return f"{name}_created"


def _lines(families: list[tuple[str, str, list[Series]]]) -> Iterator[str]:
    for name, kind, keys in families:
        yield f"# TYPE {name} {kind}"
        for key in keys:
            labels = ",".join(f'{label}="{value}"' for label, value in key.labels)
            yield f"{key.name}{{{labels}}} " if labels else f"{key.name} "


def _cache_config(kv_blocks: int, block_size: int, cache_dtype: str) -> dict[str, str]:
    """The labels of vLLM's cache_config_info; a quantised deployment shows in cache_dtype and num_gpu_blocks."""
    return {
        "engine": "0",
        "_block_size_resolved": "True",
        "block_size": str(block_size),
        "cache_dtype": cache_dtype,
        "cache_hit_alignment_tokens": "None",
        "effective_attention_block_size": str(block_size),
        "enable_mamba_shared_prefix_checkpoint": "False",
        "enable_prefix_caching": "True",
        "gpu_memory_utilization": "0.9",
        "hash_block_size": "None",
        "is_attention_free": "False",
        "kv_cache_dtype_skip_layers": "[]",
        "kv_cache_layout": "None",
        "kv_cache_max_concurrency": str(float(kv_blocks * block_size // 2048)),
        "kv_cache_memory_bytes": "None",
        "kv_cache_size_tokens": str(kv_blocks * block_size),
        "kv_offloading_backend": "native",
        "kv_offloading_size": "None",
        "kv_sharing_fast_prefill": "False",
        "mamba_block_size": "None",
        "mamba_cache_dtype": "auto",
        "mamba_cache_mode": "none",
        "mamba_page_size_padded": "None",
        "mamba_ssm_cache_dtype": "float32",
        "num_cpu_blocks": "None",
        "num_gpu_blocks": str(kv_blocks),
        "num_gpu_blocks_override": "None",
        "prefix_cache_retention_interval": "0",
        "prefix_caching_hash_algo": "sha256",
        "prefix_match_unit": "None",
        "replayssm_buffer_len": "16",
        "skip_page_size_padded": "None",
        "sliding_window": "None",
        "swa_bounded_replay": "True",
        "use_kda_recoverssm": "False",
        "use_replayssm": "False",
        "user_specified_block_size": "False",
    }
