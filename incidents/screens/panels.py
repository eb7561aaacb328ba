"""Which charts stand under an incident: always p95, where the time goes, and traffic; then what its leaf is about. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from observability.core import words
from sloengine.rollups.thinning import TICK_SECONDS, finest_step


@dataclass(frozen=True, slots=True)
class Panel:
    """One strip: families of the rollups by the name of their line, drawn as rate, mean or quantile; `scale` gives `unit`."""

    title: str
    unit: str
    families: tuple[tuple[str, str], ...]
    quantile: float | None = None
    scale: float = 1.0
    stack: bool = False
    top: float | None = None
    bottom: float = 0.0


def _one(
    family: str,
    title: str,
    unit: str,
    *,
    quantile: float | None = None,
    scale: float = 1.0,
    top: float | None = None,
    bottom: float = 0.0,
) -> Panel:
    return Panel(title, unit, ((title, family),), quantile, scale, top=top, bottom=bottom)


FIRST_TOKEN = _one("ttft_seconds", "p95 first token", "ms", quantile=0.95, scale=1000)
WHERE = Panel(
    "Where, mean",
    "ms",
    (("queue", "queue_seconds"), ("prefill", "prefill_seconds"), ("decode", "decode_seconds")),
    scale=1000,
    stack=True,
)
TRAFFIC = _one("requests_total", "Traffic", "requests/s")
ALWAYS = (FIRST_TOKEN, WHERE, TRAFFIC)
MORE = (
    _one("inter_token_seconds", "p95 next token", "ms", quantile=0.95, scale=1000),
    _one("answer_similarity_ratio", "Similarity", "cosine", top=1.0, bottom=0.6),
    _one("gpu_clock_hertz", "GPU clock", "GHz", scale=1e-9),
    _one("gpu_utilisation_ratio", "GPU in use", "%", scale=100, top=1.0),
    _one("kv_cache_ratio", "KV cache in use", "%", scale=100, top=1.0),
    _one("requests_waiting", "Waiting", "per replica"),
    _one("prompt_tokens_total", "Prompt tokens", "tokens/s"),
    _one("generated_tokens_total", "New tokens", "tokens/s"),
    _one("target_up", "Replicas up", "%", scale=100, top=1.0),
    _one("preemptions_total", "Preemptions", "per s"),
    _one("tenant_tokens_total", "Tenants' tokens", "tokens/s"),
)
MOST = 7
POINTS = 90
#: The objectives whose threshold is a line in a strip.
GOALS = {"ttft_seconds": "ttft", "inter_token_seconds": "inter_token", "answer_similarity_ratio": "quality"}


def panels_for(diagnosis: Mapping[str, Any]) -> tuple[Panel, ...]:
    """First token, where the time goes, traffic, then what the questions on the path rest on: each once, seven at most."""
    asked = {
        str((piece.get("query") or {}).get("family") or "")
        for node in diagnosis.get("nodes", ())
        if node.get("on_path")
        for piece in node.get("evidence") or ()
    }
    return (*ALWAYS, *(panel for panel in MORE if panel.families[0][1] in asked))[:MOST]


def span(*, start: datetime, end: datetime | None, now: datetime) -> tuple[datetime, datetime, int]:
    """The common time axis: as long before the start as it lasts (20 minutes to 6 hours), until 5 minutes after its end, and a
    step that gives about 90 points, a multiple of what is kept of that age. An hour so far: from 60 min before, each 90 s.

    Of an incident of yesterday there is a row every 5 minutes, of one of last week every hour: the axis is then wide enough for
    12 of them before the start and 3 after the end. It begins on a step, so that its points fall on the rows that are there.
    """
    lasts = min(now, end or now) - start
    first = _lead(start, lasts, TICK_SECONDS)
    finest = finest_step(now - first)
    if finest > TICK_SECONDS:
        first = _lead(start, lasts, finest)
        finest = max(finest, finest_step(now - first))
    last = min(now, (end or now) + max(timedelta(minutes=5), timedelta(seconds=3 * finest)))
    step = max(finest, round((last - first).total_seconds() / POINTS / finest) * finest)
    return datetime.fromtimestamp(first.timestamp() // step * step, first.tzinfo), last, step


def _lead(start: datetime, lasts: timedelta, finest: int) -> datetime:
    least = max(timedelta(minutes=20), timedelta(seconds=12 * finest))
    return start - min(max(lasts, least), max(timedelta(hours=6), least))


def resolution(step_seconds: int) -> str:
    """90 -> 'one point each 90 s'; 300 -> 'one point each 5 min'."""
    said = f"{step_seconds} s" if step_seconds < 120 else words.duration(step_seconds)
    return f"one point each {said}"


def threshold(panel: Panel, objectives: Sequence[tuple[str, float | None]]) -> float | None:
    """The goal line in the family's own unit, the strictest of (indicator, threshold): [('ttft', 0.25), ('ttft', 0.3)] -> 0.25."""
    wanted = None if panel.stack else GOALS.get(panel.families[0][1])
    limits = [limit for indicator, limit in objectives if indicator == wanted and limit is not None]
    if not limits:
        return None
    return max(limits) if wanted == "quality" else min(limits)
