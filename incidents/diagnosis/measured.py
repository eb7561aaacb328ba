"""What is measured of a service, and the four ways in which each measure is compared. Pure data.

A measure has a level and, where `ways` says so, is compared

    _factor         now / the hour before the impact
    _week_factor    now / the same clock hour of last week
    _replica_skew   the worst replica's factor / the median of the others': one slow replica against all
    _region_skew    the same between regions

`inter_token_replica_skew` of 4 times: one replica's tokens became four times as slow as those of the others did.
A replica without a past of its own (a new one) is held against the others' past.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from incidents.diagnosis.vocabulary import Row


class How(StrEnum):
    """How a measure is read off its families."""

    MEAN = "mean"  # of a histogram: sum / count
    RATE = "rate"  # of a counter: per second
    PER = "per"  # of two counters: the first per one of the second
    GAUGE = "gauge"  # mean of the readings


class Way(StrEnum):
    HOUR = "factor"
    WEEK = "week_factor"
    REPLICA = "replica_skew"
    REGION = "region_skew"


@dataclass(frozen=True, slots=True)
class Measure:
    """`least`: differences under it (in the unit) are no skew, whatever their ratio."""

    name: str
    unit: str
    what: str  # "mean gap between tokens"
    how: How
    families: tuple[str, ...]
    ways: tuple[Way, ...] = (Way.HOUR, Way.WEEK)
    least: float = 0.0

    def named(self, way: Way) -> str:
        return f"{self.name}_{way}"


_EVERY = tuple(Way)
MEASURES: Mapping[str, Measure] = {
    one.name: one
    for one in (
        Measure("ttft", "s", "mean time to first token", How.MEAN, ("ttft_seconds",), _EVERY, least=0.05),
        Measure("inter_token", "s", "mean gap between tokens", How.MEAN, ("inter_token_seconds",), _EVERY, least=0.01),
        Measure("e2e", "s", "mean whole request", How.MEAN, ("e2e_seconds",), _EVERY, least=0.2),
        Measure("queue", "s", "mean queue delay", How.MEAN, ("queue_seconds",), (Way.HOUR, Way.WEEK, Way.REGION), least=0.05),
        Measure("prefill", "s", "mean prefill time", How.MEAN, ("prefill_seconds",), _EVERY, least=0.05),
        Measure("decode", "s", "mean decode time", How.MEAN, ("decode_seconds",), _EVERY, least=0.2),
        Measure("traffic", "per_s", "requests per second", How.RATE, ("requests_total",), (Way.WEEK,)),
        Measure("token_rate", "per_s", "generated tokens per second", How.RATE, ("generated_tokens_total",)),
        Measure("prompt_length", "count", "prompt tokens per request", How.PER, ("prompt_tokens_total", "requests_total")),
        Measure("output_length", "count", "generated tokens per request", How.PER, ("generated_tokens_total", "requests_total")),
        Measure("prefix_hits", "count", "prompt tokens found in the prefix cache per request", How.PER,
                ("prefix_cache_hits_total", "requests_total")),
        Measure("requests_waiting", "count", "requests waiting", How.GAUGE, ("requests_waiting",)),
    )
}  # fmt: skip

#: Comparisons whose signal has a reader or a row of its own.
OWN = frozenset({"prompt_length_factor", "output_length_factor", "token_rate_factor", "ttft_factor", "inter_token_factor"})  # fmt: skip


def compared() -> tuple[tuple[Measure, Way], ...]:
    """Every comparison that the grid makes a signal of."""
    return tuple(
        (measure, way) for measure in MEASURES.values() for way in measure.ways if measure.named(way) not in OWN
    )


def rows() -> tuple[Row, ...]:
    return tuple(_row(measure, way) for measure, way in compared())


def _row(measure: Measure, way: Way) -> Row:
    what = measure.what
    subject = what[0].upper() + what[1:] if what.startswith(("requests", "generated", "prompt")) else f"The {what}"
    many = what.endswith(("per second", "per request", "waiting"))
    verb, was = ("are", "they were") if many else ("is", "it was")
    match way:
        case Way.HOUR:
            said = (f"{what} against before", f"{subject} {verb} {{value}} what {was} before")
        case Way.WEEK:
            said = (
                f"{what} against the same hour of last week",
                f"{subject} {verb} {{value}} what {was} in the same hour of last week",
            )
        case Way.REPLICA:
            said = (
                f"{what} of the worst replica against the others, each against its own past",
                f"One replica's {what} moved {{value}} as far as the others'",
            )
        case Way.REGION:
            said = (
                f"{what} of the worst region against the others, each against its own past",
                f"One region's {what} moved {{value}} as far as the others'",
            )
    return measure.named(way), "x", *said
