"""The vocabulary: every signal that a tree or a runbook may name.

A signal is a typed, windowed view of one service: a level, a share, a growth, a factor (now / before), a skew between
replicas, or a count of Findings. "Now" is the last five minutes of the impact, "before" the hour before the impact
began (queries.py). Values are in base units: ratios 0..1, seconds, multiples, counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from incidents.diagnosis.evidence import Answer, cannot_tell

#: unit of a signal -> how a threshold on it may be written -> multiplier into the base unit
UNITS: Mapping[str, Mapping[str, float]] = {
    "ratio": {"%": 0.01, "ratio": 1.0},
    "points": {"points": 0.01, "ratio": 1.0},
    "cosine": {"cosine": 1.0},
    "s": {"s": 1.0, "ms": 0.001, "min": 60.0, "h": 3600.0},
    "x": {"x": 1.0},
    "count": {"count": 1.0},
    "per_s": {"/s": 1.0},
}


@dataclass(frozen=True, slots=True)
class Signal:
    name: str
    unit: str
    meaning: str
    sentence: str  # with {value}


def _table(*rows: tuple[str, str, str, str]) -> dict[str, Signal]:
    return {name: Signal(name, unit, meaning, sentence) for name, unit, meaning, sentence in rows}


SIGNALS: Mapping[str, Signal] = _table(
    # question one: what burns, and where the time is
    ("page_breaches", "count", "objectives of availability or speed in page-tier breach",
     "{value} objectives of availability or speed are in page-tier breach"),
    ("burn_rate", "x", "the fastest page-tier burn", "The error budget burns {value} too fast"),
    ("outage", "count", "outages found", "{value} outages found"),
    ("error_share", "ratio", "the share of requests that fail", "{value} of requests fail"),
    ("ttft_p95", "s", "the p95 time to first token", "The p95 time to first token is {value}"),
    ("ttft_factor", "x", "mean time to first token against before",
     "The mean time to first token is {value} what it was before"),
    ("inter_token_p95", "s", "the p95 gap between tokens", "The p95 gap between tokens is {value}"),
    ("inter_token_factor", "x", "mean gap between tokens against before",
     "The mean gap between tokens is {value} what it was before"),
    ("replicas_down", "count", "replicas that do not answer", "{value} replicas do not answer the probe"),
    ("queue_share", "ratio", "queueing as a share of the time to first token",
     "Queueing is {value} of the time to first token (mean share)"),
    ("prefill_share", "ratio", "prefill as a share of the time to first token",
     "Prefill is {value} of the time to first token (mean share)"),
    ("decode_share", "ratio", "decode as a share of the whole request",
     "Decode is {value} of the whole request (mean share)"),
    ("queue_growth", "s", "growth of the mean queue delay", "The mean queue delay grew by {value}"),
    ("prefill_growth", "s", "growth of the mean prefill time", "The mean prefill time grew by {value}"),
    ("queue_growth_share", "ratio", "the queue's share of what the time to first token gained",
     "Queueing is {value} of what the time to first token gained"),
    ("prefill_growth_share", "ratio", "prefill's share of what the time to first token gained",
     "Prefill is {value} of what the time to first token gained"),
    ("traffic_factor", "x", "requests per second against before", "Requests arrive {value} as often as before"),
    ("request_rate", "per_s", "requests per second", "{value} requests arrive"),
    ("prompt_length_factor", "x", "prompt tokens per request against before",
     "Prompts are {value} as long as before (tokens per request)"),
    ("output_length_factor", "x", "generated tokens per request against before",
     "Answers are {value} as long as before (tokens per request)"),
    ("queue_replica_skew", "x", "the worst replica's queue delay against the median of the others",
     "The worst replica queues {value} as long as the median of the others"),
    ("kv_cache", "ratio", "the share of KV-cache blocks in use", "The KV cache is {value} full"),
    ("preemption_share", "ratio", "preemptions per request", "Preemptions are {value} of requests"),
    ("prefix_hit_fall", "points", "fall of the prefix-cache hit ratio", "The prefix-cache hit ratio fell by {value}"),
    ("gpu_clock_factor", "x", "GPU clock against before", "The GPU clock is {value} what it was before"),
    ("throttled_share", "ratio", "the share of time a GPU is throttled", "GPUs are throttled {value} of the time"),
    ("gpu_power", "count", "mean board power in watts", "A GPU draws {value} watts"),
    ("requests_running", "count", "requests running", "{value} requests are running"),
    ("token_rate_factor", "x", "generated tokens per second against before",
     "Tokens are generated at {value} the rate of before"),
    # question two: what the answers are worth
    ("quality_breaches", "count", "quality or safety objectives in breach",
     "{value} quality or safety objectives are in breach"),
    ("answer_similarity", "cosine", "similarity of canary answers to their references",
     "Canary answers have a cosine similarity of {value} to their references"),
    ("similarity_fall", "cosine", "fall of the answer similarity", "Answer similarity fell by {value} (cosine)"),
    ("schema_violation_share", "ratio", "canary answers that break their schema",
     "{value} of canary answers break their schema"),
    ("safety_violation_share", "ratio", "canary answers that break a safety rule",
     "{value} of canary answers break a safety rule"),
    ("replay_slices_judged", "count", "replay slices with a verdict", "The replay suite judged {value} slices"),
    ("replay_slices_worse", "count", "replay slices where the serving version is worse",
     "The serving version is worse on {value} replay slices"),
    ("version_similarity_gap", "cosine", "answer similarity lost from the previous version to the serving one",
     "The serving version has {value} less cosine similarity than the previous one"),
    ("changes_nearby", "count", "version or config changes near the start of the impact",
     "{value} version or config changes near the start of the impact"),
    # question three: what it costs, and who asks
    ("cost_findings", "count", "cost anomalies found", "{value} cost anomalies found"),
    ("shift_findings", "count", "traffic shifts found", "{value} traffic shifts found"),
    ("token_factor", "x", "tokens per second against before",
     "Tokens (prompt and generated) flow at {value} the rate of before"),
    ("top_tenant_share", "ratio", "the largest tenant's share of tokens", "The largest tenant has {value} of tokens"),
    ("top_tenant_growth_share", "ratio", "one tenant's share of what the token rate gained",
     "One tenant is {value} of what the token rate gained"),
)  # fmt: skip


class Signals(Protocol):
    """Lazy: a signal is computed when asked, once."""

    def ask(self, name: str) -> Answer: ...


@dataclass(slots=True)
class Table:
    """Signals from plain values: for previews and tests. A name without a value cannot be told."""

    values: Mapping[str, float | Answer | None]
    window_seconds: int = 300
    asked: list[str] = field(default_factory=list)

    def ask(self, name: str) -> Answer:
        self.asked.append(name)
        value = self.values.get(name)
        if isinstance(value, Answer):
            return value
        if value is None:
            return cannot_tell("no data in the window")
        return Answer(value=float(value), window_seconds=self.window_seconds)


def text(value: float, unit: str) -> str:
    """A value as a person reads it: 0.71 ratio -> "71 %", 0.391 s -> "391 ms", 20.1 x -> "20.1 times"."""
    match unit:
        case "ratio":
            percent = value * 100
            return f"{percent:.0f} %" if abs(percent) >= 10 or percent == 0 else f"{percent:.2g} %"
        case "points":
            return f"{value * 100:.3g} points"
        case "cosine":
            return f"{value:.3f}"
        case "s":
            return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.3g} s"
        case "x":
            return f"{_short(value)} times"
        case "per_s":
            return f"{_short(value)} per second"
        case _:
            return f"{value:,.0f}" if value == int(value) else _short(value)


def _short(value: float) -> str:
    """Three digits, and no exponents: 2.31, 42, 61,234."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def sentence(name: str, answer: Answer) -> str:
    """The answer in plain words: "Queueing is 71 % of the time to first token (mean share)"."""
    spec = SIGNALS[name]
    if answer.value is None:
        return f"Cannot tell {spec.meaning}: {answer.reason}"
    words = answer.sentence or _plural(spec.sentence, answer.value).format(value=text(answer.value, spec.unit))
    if not answer.detail:
        return words
    return f"{words[:-1]}; {answer.detail})" if words.endswith(")") else f"{words} ({answer.detail})"


def _plural(template: str, value: float) -> str:
    """ "1 replicas do" reads badly: singular for exactly one."""
    if value != 1 or not template.startswith("{value} "):
        return template
    for plural, singular in (
        ("objectives are", "objective is"), ("objectives of availability or speed are", "objective of availability or speed is"),
        ("replicas do", "replica does"), ("requests are", "request is"), ("outages", "outage"), ("changes", "change"),
        ("anomalies", "anomaly"), ("shifts", "shift"),
    ):  # fmt: skip
        template = template.replace(plural, singular)
    return template
