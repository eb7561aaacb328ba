"""Which charts stand under an incident: always p95, where the time goes, and traffic; then what its leaf is about. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: a family of the rollups, drawn as a rate, a mean or a quantile. `scale` turns its unit into `unit`."""

    family: str
    title: str
    unit: str
    quantile: float | None = None
    scale: float = 1.0


TTFT = Panel("ttft_seconds", "p95 to first token", "ms", quantile=0.95, scale=1000)
TRAFFIC = Panel("requests_total", "Traffic", "requests/s")
ALL: Mapping[str, Panel] = {
    panel.family: panel
    for panel in (
        TTFT,
        TRAFFIC,
        Panel("inter_token_seconds", "p95 between tokens", "ms", quantile=0.95, scale=1000),
        Panel("per_token_seconds", "p95 per token", "ms", quantile=0.95, scale=1000),
        Panel("queue_seconds", "Queueing, mean", "ms", scale=1000),
        Panel("prefill_seconds", "Prefill, mean", "ms", scale=1000),
        Panel("decode_seconds", "Decode, mean", "ms", scale=1000),
        Panel("e2e_seconds", "Whole request, mean", "s"),
        Panel("answer_similarity_ratio", "Answer similarity", "cosine"),
        Panel("gpu_clock_hertz", "GPU clock, mean", "GHz", scale=1e-9),
        Panel("gpu_utilisation_ratio", "GPU utilisation", "%", scale=100),
        Panel("kv_cache_ratio", "KV cache in use", "%", scale=100),
        Panel("requests_waiting", "Requests waiting", "mean per replica"),
        Panel("prompt_tokens_total", "Prompt tokens", "tokens/s"),
        Panel("generated_tokens_total", "Generated tokens", "tokens/s"),
        Panel("target_up", "Replicas that answer", "share"),
        Panel("preemptions_total", "Preemptions", "per s"),
    )
}
MOST = 7


def panels_for(diagnosis: Mapping[str, Any]) -> tuple[Panel, ...]:
    """First token, traffic, then the families that the questions on the path rest on, each once, seven at most."""
    families = [
        str((piece.get("query") or {}).get("family") or "")
        for node in diagnosis.get("nodes", ())
        if node.get("on_path")
        for piece in node.get("evidence") or ()
    ]
    asked = [family for family in families if family in ALL]
    ordered = dict.fromkeys([TTFT.family, "queue_seconds", "prefill_seconds", "decode_seconds", TRAFFIC.family, *asked])
    chosen = [family for family in ordered if family in {TTFT.family, TRAFFIC.family, *asked}]
    return tuple(ALL[family] for family in chosen[:MOST])


def span(*, start: datetime, end: datetime | None, now: datetime) -> tuple[datetime, datetime, int]:
    """The common time axis: 20 minutes (or as long again as it lasts) before the start until 5 minutes after its end, and a step
    that gives about 90 points, a multiple of 30 s. An hour's incident: 60 min before, step 90 s."""
    last = min(now, (end or now) + timedelta(minutes=5))
    lead = max(timedelta(minutes=20), min(last - start, timedelta(hours=6)))
    first = start - lead
    step = max(30, round((last - first).total_seconds() / 90 / 30) * 30)
    return first, last, step


def threshold(panel: Panel, objectives: Sequence[tuple[str, float | None]]) -> float | None:
    """The goal line of a panel in its own unit, from (indicator, threshold) of the objectives: ('ttft', 0.25) -> 250 ms."""
    of = {"ttft_seconds": "ttft", "inter_token_seconds": "inter_token", "per_token_seconds": "per_token", "queue_seconds": "queue", "answer_similarity_ratio": "quality"}
    wanted = of.get(panel.family)
    found = [limit for indicator, limit in objectives if indicator == wanted and limit is not None]
    return min(found) * panel.scale if found else None
