"""Which counter of the rollups a series feeds. Pure.

A slot is one cumulative counter: (scope, family, part, le, kept labels). Replicas are summed into the slots of their service;
a short list of families has slots per replica as well, in blocks of their own. A slot's number is its place in the source's
one long vector: block = number // 512, position = number % 512. Numbers are given once, in order, and never again.

Parts. A counter is its `value`. A histogram is `bucket` (one a bound), `sum` and `count`; series whose bounds differ get slots
of their own (`layout`), so that a bucket never sums replicas that lack it. A gauge is three counters over the readings of its
series: `n`, `sum` and `squares`: 0.5 and 0.7 read at one tick add 2, 1.2 and 0.74. Each family has `ticks`: how many readings
held any series of it, which tells zero traffic from no data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2s
from typing import Final, NamedTuple

from probes.exposition import Labels, Series
from probes.signals import PREFIX, SIGNALS
from sloengine.catalog.discovery import LONGEST, storable

BLOCK_SIZE: Final = 512
REASONS: Final = ("outcome", "reason", "state")
SERVICE_LABELS: Final = frozenset({"service", "model", "version", "region", "tenant", "tag", "slice", *REASONS})
REPLICA_LABELS: Final = SERVICE_LABELS | {"replica", "gpu"}

#: Families kept per replica too, and of histograms only sum and count: who is slow, not how slow its slowest are.
REPLICA_FAMILIES: Final = frozenset(
    {
        "requests_running", "requests_waiting", "e2e_seconds", "ttft_seconds", "inter_token_seconds", "queue_seconds",
        "prefill_seconds", "decode_seconds", "generated_tokens_total", "target_up", "kv_cache_ratio",
        "gpu_utilisation_ratio", "gpu_clock_hertz", "gpu_fault_severity", "engine_restarts_total", "engine_stalled_seconds",
        "gpu_memory_bytes", "gpu_memory_total_bytes", "gpu_throttled_seconds_total",
    }
)  # fmt: skip

#: Read for what they say about other series, or to be shown as they are; nobody asks for their sum over a window.
NO_SLOT: Final = frozenset(
    {
        "config_info", "config_field_info", "config_source_info", "process_start_seconds", "probe_start_seconds", "gpu_state",
        "engine_state", "latency_mean_seconds", "latency_p95_seconds", "latency_p95_low_seconds", "latency_p95_high_seconds",
        "gpu_power_limit_watts", "gpu_processes",
    }
)  # fmt: skip

_ENDINGS: Final = {"_bucket": "bucket", "_sum": "sum", "_count": "count"}
_KINDS: Final = {name: signal.kind for name, signal in SIGNALS.items()}


class Scope(StrEnum):
    __hash__ = str.__hash__  # an enum's own is Python, and keys are hashed by the thousand

    SERVICE = "service"
    REPLICA = "replica"


class Part(StrEnum):
    __hash__ = str.__hash__

    VALUE = "value"
    BUCKET = "bucket"
    SUM = "sum"
    COUNT = "count"
    N = "n"
    SQUARES = "squares"
    TICKS = "ticks"


class SlotKey(NamedTuple):
    scope: Scope
    family: str  #: without the prefix
    part: Part
    labels: Labels
    le: str = ""
    layout: str = ""

    @property
    def service(self) -> str:
        return next(value for name, value in self.labels if name == "service")

    @property
    def digest(self) -> str:
        """32 characters that stand for the key in a unique index."""
        text = "\x1f".join(
            [self.scope, self.family, self.part, self.le, self.layout, *(f"{k}={v}" for k, v in self.labels)]
        )
        return blake2s(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Feed:
    """The slots one series feeds: a counter's amount goes into each of `amounts`; a gauge's value into (n, sum, squares)."""

    amounts: tuple[SlotKey, ...] = ()
    gauges: tuple[tuple[SlotKey, SlotKey, SlotKey], ...] = ()
    ticks: tuple[SlotKey, ...] = ()
    layout: str = ""


@lru_cache(maxsize=4096)
def family_and_part(name: str) -> tuple[str, Part]:
    """("ttft_seconds", BUCKET) of tailwatch_ttft_seconds_bucket; ("target_up", N) of a gauge; names with the prefix."""
    bare = name.removeprefix(PREFIX)
    for ending, part in _ENDINGS.items():
        if bare.endswith(ending) and _KINDS.get(bare.removesuffix(ending), "histogram") == "histogram":
            return bare.removesuffix(ending), Part(part)
    return bare, Part.VALUE if bare.endswith("_total") else Part.N


def feeds(series: Iterable[Series]) -> dict[Series, Feed]:
    """What each of these series feeds; the buckets of one histogram must be passed together."""
    found = layouts(series)
    return {one: _feed(one, layout) for one, layout in found.items()}


def layouts(series: Iterable[Series]) -> dict[Series, str]:
    """For each series of a histogram a short name for the set of its bounds; "" for any other."""
    histograms: dict[Series, Series] = {}
    others: list[Series] = []
    bounds: dict[Series, list[str]] = {}
    for one in series:
        family, part = family_and_part(one.name)
        if part is Part.BUCKET:
            base = histograms[one] = Series(family, one.without("le").labels)
            bounds.setdefault(base, []).append(one.label("le") or "")
        elif part is Part.SUM or part is Part.COUNT:
            histograms[one] = Series(family, one.labels)
        else:
            others.append(one)
    names = {base: blake2s("|".join(sorted(les)).encode(), digest_size=4).hexdigest() for base, les in bounds.items()}
    return {**dict.fromkeys(others, ""), **{one: names.get(base, "") for one, base in histograms.items()}}


def allocate(
    keys: Iterable[SlotKey], *, blocks: Sequence[tuple[Scope, int]]
) -> tuple[dict[SlotKey, int], list[tuple[Scope, int]]]:
    """Numbers for new keys, and the blocks (scope, slots in use) after it; full blocks are left and new ones begun."""
    after = list(blocks)
    numbers: dict[SlotKey, int] = {}
    for key in keys:
        block = next(
            (i for i in reversed(range(len(after))) if after[i][0] is key.scope and after[i][1] < BLOCK_SIZE), None
        )
        if block is None:
            block = len(after)
            after.append((key.scope, 0))
        used = after[block][1]
        numbers[key] = block * BLOCK_SIZE + used
        after[block] = (key.scope, used + 1)
    return numbers, after


def _feed(one: Series, layout: str) -> Feed:
    family, part = family_and_part(one.name)
    if not one.name.startswith(PREFIX) or family in NO_SLOT or not one.label("service") or len(family) > LONGEST:
        return Feed(layout=layout)
    le = one.label("le") or "" if part is Part.BUCKET else ""
    amounts, gauges, ticks = [], [], []
    for scope in Scope:
        if scope is Scope.REPLICA and (
            family not in REPLICA_FAMILIES or part is Part.BUCKET or not one.label("replica")
        ):
            continue
        names = SERVICE_LABELS if scope is Scope.SERVICE else REPLICA_LABELS
        labels = tuple((name, storable(value)) for name, value in one.labels if name in names)
        if part is Part.N:
            gauges.append(tuple(SlotKey(scope, family, each, labels) for each in (Part.N, Part.SUM, Part.SQUARES)))
        else:
            amounts.append(SlotKey(scope, family, part, labels, le, layout if scope is Scope.SERVICE else ""))
        who = tuple(pair for pair in labels if pair[0] in ("service", "replica"))
        ticks.append(SlotKey(scope, family, Part.TICKS, who))
    return Feed(tuple(amounts), tuple(gauges), tuple(ticks), layout)  # type: ignore[arg-type]  # each has three
