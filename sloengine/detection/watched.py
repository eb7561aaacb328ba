"""The watched signals. Pure.

Each is the ratio of two sums over one tick, judged on a scale on which its noise is even: the logarithm of a time, a share as it
is. `floor` is the least noise that counts, on that scale: within one of it nothing is ever said, however sure, so that
what is certain but does not matter wakes nobody. Mean time to first token at a floor of 0.25: from 40 ms, 51 ms are no sign at
all, 80 ms (0.69 above) are one within eight ticks, 200 ms at the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Scale(StrEnum):
    LOG = "log"  # of value + offset
    LINEAR = "linear"
    P95 = "p95"  # of a histogram's buckets, on the log scale
    SHARE = "share"  # bad events of all: judged by their number


@dataclass(frozen=True, slots=True)
class Sum:
    """Slots of a family that are added up: their part, and for counters by outcome which ones."""

    family: str
    part: str
    outcomes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Signal:
    """`worse` is +1 where more is worse. `least` events (requests, readings, answers) make a value; fewer are added to the next
    tick's. For shares `floor` is the share that never is a sign."""

    name: str
    title: str
    indicator: str
    scale: Scale
    over: Sum
    under: Sum
    floor: float
    unit: str  # s, ratio, cosine, requests, tokens, points
    worse: int = 1
    offset: float = 0.0
    least: float = 1.0
    minus: bool = False  # bad events are those of `under` without those of `over`
    hurts: bool = True  # users feel it; what they do not feel is told as information, and opens nothing
    each: str = ""  # a label: each of its values is judged apart


def _histogram(family: str) -> tuple[Sum, Sum]:
    return Sum(family, "sum"), Sum(family, "count")


def _counters(first: str, second: str) -> tuple[Sum, Sum]:
    return Sum(first, "value"), Sum(second, "value")


_FAILED = Sum("requests_total", "value", frozenset({"error", "timeout", "rejected"}))
_ALL = Sum("requests_total", "value", frozenset({"ok", "error", "timeout", "rejected"}))

SIGNALS: tuple[Signal, ...] = (
    Signal("ttft", "mean time to first token", "ttft", Scale.LOG, *_histogram("ttft_seconds"), 0.25, "s", least=10),
    Signal("ttft_p95", "p95 of the time to first token", "ttft", Scale.P95, Sum("ttft_seconds", "bucket"),
           Sum("ttft_seconds", "count"), 0.4, "s", least=20),
    Signal("inter_token", "mean gap between tokens", "inter_token", Scale.LOG, *_histogram("inter_token_seconds"), 0.08, "s",
           least=50),
    Signal("per_token_p95", "p95 of the time per token", "per_token", Scale.P95, Sum("per_token_seconds", "bucket"),
           Sum("per_token_seconds", "count"), 0.15, "s", least=20),
    Signal("queue", "mean queue delay", "queue", Scale.LOG, *_histogram("queue_seconds"), 0.5, "s", offset=0.05, least=10),
    Signal("waiting", "requests waiting per replica", "queue", Scale.LOG, Sum("requests_waiting", "sum"),
           Sum("requests_waiting", "n"), 0.4, "requests", offset=1.0),
    Signal("token_rate", "tokens per running request and reading", "inter_token", Scale.LOG, Sum("generated_tokens_total", "value"),
           Sum("requests_running", "sum"), 0.4, "tokens", worse=-1, offset=1.0, least=24),
    Signal("stalled", "seconds a replica has requests and no token", "inter_token", Scale.LOG,
           Sum("engine_stalled_seconds", "sum"), Sum("engine_stalled_seconds", "n"), 0.5, "s", offset=10.0),
    Signal("prefix_hits", "share of prompt tokens found in the prefix cache", "ttft", Scale.LINEAR,
           *_counters("prefix_cache_hits_total", "prefix_cache_queries_total"), 0.1, "ratio", worse=-1, least=2000,
           hurts=False),
    Signal("errors", "share of failed requests", "availability", Scale.SHARE, _FAILED, _ALL, 0.005, "ratio"),
    Signal("similarity", "similarity of answers", "quality", Scale.LINEAR,
           *_counters("answer_similarity_sum_total", "answer_similarity_samples_total"), 0.02, "cosine", worse=-1),
    Signal("slice_similarity", "similarity of answers", "quality", Scale.LINEAR,
           *_counters("answer_similarity_sum_total", "answer_similarity_samples_total"), 0.02, "cosine", worse=-1, each="slice"),
    Signal("unsafe_answers", "share of answers that broke a safety rule", "safety", Scale.SHARE,
           *_counters("safety_violations_total", "safety_checks_total"), 0.01, "ratio"),
    Signal("broken_structure", "share of answers that broke what was asserted of them", "schema", Scale.SHARE,
           *_counters("schema_violations_total", "schema_checks_total"), 0.01, "ratio"),
    Signal("wrong_answers", "share of answers that broke an assertion", "quality", Scale.SHARE,
           *_counters("answer_right_total", "answer_asserted_total"), 0.1, "ratio", minus=True),
    Signal("retrieval", "similarity of retrieved passages", "quality", Scale.LINEAR,
           *_counters("retrieval_similarity_sum_total", "retrieval_similarity_samples_total"), 0.04, "cosine", worse=-1),
    Signal("business", "business events an answered request", "kpi", Scale.LOG, Sum("business_events_total", "value"),
           Sum("requests_total", "value", frozenset({"ok"})), 0.25, "events", worse=-1, offset=0.05, least=40),
    Signal("gpu_spread", "spread of GPU utilisation", "gpu", Scale.LOG, Sum("gpu_utilisation_spread_points", "sum"),
           Sum("gpu_utilisation_spread_points", "n"), 0.4, "points", offset=10.0,
           hurts=False),
)  # fmt: skip

BY_NAME: Mapping[str, int] = {signal.name: number for number, signal in enumerate(SIGNALS)}
