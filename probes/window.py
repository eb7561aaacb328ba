"""The latency of one replica over the last five minutes, from differences of its cumulative buckets. Pure.

A look is taken every minute, so the window is five minutes wide and moves in steps of one. A quantile lies in a bucket: its
bounds are always shown (`latency_p95_low_seconds`, `latency_p95_high_seconds`), and a figure between them only where the bucket has
both: below the first bound it would be invented. vLLM's queue and prefill begin at 0.3 s, so of a queue of 20 ms nothing but the
mean is known: 0.02 s, p95 between 0 and 0.3 s. Fewer than 20 requests have no p95. What is not
known is NaN, as in Prometheus's own summaries, and not absent: a page whose series come and go costs its readers dear. Replicas'
p95s are not to be averaged.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from probes.exposition import Labels, Samples, Series
from probes.signals import PREFIX

STEP_SECONDS, WINDOW_SECONDS = 60.0, 300.0
REQUESTS = 20  # fewer have no 95th percentile
#: The first of each that a page has.
FAMILIES = (("ttft",), ("per_token", "inter_token"), ("e2e",), ("queue",), ("prefill",))
LAYOUTS = 64  # buckets read of one family; finer ones have no p95 here

_Vector = tuple[float, ...]  # cumulative buckets by bound, then sum, then count


@dataclass(frozen=True, slots=True)
class Tail:
    """Where a quantile lies: between two bounds, and at `value` if its bucket has both."""

    low: float
    high: float
    value: float | None


def tail(bounds: Sequence[float], cumulative: Sequence[float], q: float) -> Tail | None:
    """`tail((0.3, 0.5, inf), (98, 100, 100), 0.95)` is between 0 and 0.3 s, and no more is known. None where nothing was counted."""
    if not cumulative or cumulative[-1] <= 0:
        return None
    rank = q * cumulative[-1]
    low, below = 0.0, 0.0
    for upper, count in zip(bounds, cumulative, strict=True):
        if count >= rank:
            inside = low > 0.0 and not math.isinf(upper) and count > below
            return Tail(low, upper, low + (upper - low) * (rank - below) / (count - below) if inside else None)
        low, below = upper, count
    return Tail(low, math.inf, None)


class _Layout:
    """Where the vectors of one family are in a page, and the series that it becomes."""

    def __init__(self, name: str, labels: Labels, made: Mapping[str, Sequence[Series]]) -> None:
        family = f"{PREFIX}{name}_seconds"
        buckets = sorted((float(one.label("le") or "inf"), one) for one in made.get(f"{family}_bucket", ()))
        ends = [*made.get(f"{family}_sum", ()), *made.get(f"{family}_count", ())]
        whole = len(ends) == 2 and bool(buckets) and len(buckets) <= LAYOUTS and math.isinf(buckets[-1][0])
        self.bounds = tuple(bound for bound, _ in buckets) if whole else ()
        self.keys: tuple[Series, ...] = (*(one for _, one in buckets), *ends) if whole else ()
        own = tuple(sorted((*labels, ("reason", name))))
        self.mean, self.p95, self.low, self.high = (
            Series(f"{PREFIX}latency_{what}_seconds", own) for what in ("mean", "p95", "p95_low", "p95_high")
        )


class LatencyWindow:
    """One replica. `labels`: its own, sorted."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self._layouts: tuple[int, tuple[_Layout, ...]] = (-1, ())
        self._marks: deque[tuple[float, tuple[_Vector, ...]]] = deque(maxlen=8)
        self._restarts = 0
        self.samples: Samples = {}  # as of the latest look

    def read(
        self,
        *,
        now: float,
        samples: Mapping[Series, float],
        made: Mapping[str, Sequence[Series]],
        plans: int,
        restarts: int = 0,
    ) -> None:
        """Cheap but once a minute. `plans` changes when the page's series do, `restarts` when the engine was seen to restart."""
        marks = self._marks
        restarted, self._restarts = restarts != self._restarts, restarts
        if self._layouts[0] != plans:
            self._layouts = plans, tuple(self._laid_out(made))
            marks.clear()
        elif marks and marks[-1][0] <= now < marks[-1][0] + STEP_SECONDS and not restarted:
            return
        try:
            vectors = tuple(tuple(samples[key] for key in one.keys) for one in self._layouts[1])
        except KeyError:
            return  # a histogram with a value that is no number; the next scrape may be whole
        if marks and now < marks[-1][0]:
            marks.clear()  # the clock was set back
        elif marks and (restarted or any(new[-1] < old[-1] for new, old in zip(vectors, marks[-1][1], strict=True))):
            marks.clear()  # all that it has is new
            marks.append((now, tuple((0.0,) * len(vector) for vector in vectors)))
        while len(marks) > 1 and marks[1][0] <= now - WINDOW_SECONDS:
            marks.popleft()
        self.samples = self._compared(marks[0][1], vectors) if marks else {}
        marks.append((now, vectors))

    def _compared(self, before: tuple[_Vector, ...], now: tuple[_Vector, ...]) -> Samples:
        out: Samples = {}
        for layout, old, new in zip(self._layouts[1], before, now, strict=True):
            *grown, total, count = (later - earlier for earlier, later in zip(old, new, strict=True))
            out[layout.mean] = total / count if count > 0 else math.nan
            found = tail(layout.bounds, grown, 0.95) if count >= REQUESTS else None
            out[layout.low], out[layout.high] = (math.nan, math.nan) if found is None else (found.low, found.high)
            out[layout.p95] = math.nan if found is None or found.value is None else found.value
        return out

    def _laid_out(self, made: Mapping[str, Sequence[Series]]) -> Iterator[_Layout]:
        for names in FAMILIES:
            layouts = (_Layout(name, self._labels, made) for name in names)
            if (found := next((one for one in layouts if one.keys), None)) is not None:
                yield found
