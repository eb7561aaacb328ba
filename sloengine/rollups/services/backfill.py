"""History written straight into the tiers: the demo's past, back-tests, the benchmarks' years."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from probes.exposition import Series
from sloengine.catalog.discovery import Sightings
from sloengine.catalog.services import record
from sloengine.collect.increments import Readings, Step, advance
from sloengine.collect.models import KeptReading, MetricSource
from sloengine.collect.services.state import committed, recall, remember, with_slots
from sloengine.collect.slots import Scope
from sloengine.collect.totals import Plan, add, grown, missing
from sloengine.collect.wiring import Wiring
from sloengine.rollups.services.rows import Row, copy, ensure_partitions, rows_of
from sloengine.rollups.thinning import TIERS, Tier, tiers_of

ROWS_AT_ONCE: Final = 2000


class BackfillTooLate(ValueError):
    def __init__(self, source: MetricSource, first: datetime) -> None:
        last = source.last_tick
        super().__init__(
            f"{source.name} has counted up to {last:%Y-%m-%d %H:%M:%S}, expected history after it, not {first}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some ticks of history, in order. `amounts[t, s]` is what series s added in the step that ends at tick t, for a gauge its
    value there. Buckets are cumulative over `le`, as in an exposition; NaN: nothing was read.
    """

    ticks: Sequence[datetime]
    series: Sequence[Series]
    amounts: npt.NDArray[np.float64]


def backfill(*, source: MetricSource, chunks: Iterable[Chunk], now: datetime) -> int:
    """Write history up to `now`; the number of rollup rows. Live ticks go on from its totals.

    Each tick goes into every tier on whose steps it lies and that still keeps it at `now`; the last one into all. Ticks of 5
    minutes suit the past; the last 7 hours may come at the source's own tick. Raises BackfillTooLate where the source has
    already counted something later: totals only ever grow.
    """
    with committed(source):
        locked = MetricSource.objects.select_for_update().get(pk=source.pk)
        locked.organisation = source.organisation
        history = _History(locked, now=now)
        for chunk in chunks:
            history.write(chunk)
        return history.finish()


class _History:
    """One backfill under way: the source's state, and rows that wait to be copied in."""

    def __init__(self, source: MetricSource, *, now: datetime) -> None:
        self.source, self.now = source, now
        # What live readings saw last is older than this history; the next one begins anew from its baseline.
        self.state = replace(recall(source), readings=Readings(), written=None, plan=None)
        self.wiring = Wiring(self.state.readings.register)
        self.sightings = Sightings(self.state.readings.register)
        self.waiting: dict[Tier, list[Row]] = {tier: [] for tier in TIERS}
        self.last: list[tuple[Scope, Row]] = []
        self.written = 0

    def write(self, chunk: Chunk) -> None:
        before, ticks = self.source.last_tick, chunk.ticks
        if before is not None and ticks and ticks[0] <= before:
            raise BackfillTooLate(self.source, ticks[0])
        ensure_partitions(now=self.now, since=ticks[0])
        step, places = self._prepare(chunk)
        for at, amounts in zip(ticks, chunk.amounts, strict=True):
            self._sort_out(_tiers(self.source.last_tick if self.last else None, now=self.now))
            told = np.nan_to_num(amounts[step.order.counters], nan=0.0)
            totals, states = add(self.state.totals, replace(step, amounts=told, values=amounts), places)
            self.state = replace(self.state, totals=totals, last_tick=at)
            blocks, ids = self.state.slots.blocks, self.state.block_ids
            self.last = list(rows_of(at=at, blocks=blocks, block_ids=ids, totals=totals, states=states))
            self.source.last_tick = at

    def finish(self) -> int:
        self._sort_out(TIERS, flush_at=1)
        self.source.slot_count = self.state.given
        self.source.save(update_fields=["last_tick", "slot_count"])
        KeptReading.objects.filter(pk=self.source.pk).delete()
        remember(self.source, self.state)
        return self.written

    def _prepare(self, chunk: Chunk) -> tuple[Step, Plan]:
        """A step with the order of the chunk's series, and where each of them goes."""
        at = chunk.ticks[0]
        step = advance(self.state.readings, dict.fromkeys(chunk.series, 0.0), at=at.timestamp())
        found = self.sightings.find(step.order.numbers)
        record(found=found, organisation=self.source.organisation, now=at, simulated=self.source.simulated)
        new_series = self.wiring.strangers(step.order)
        if new := missing(new_series, self.state.slots):
            self.state = with_slots(self.source, self.state, keys=new, at=at)
        slots = self.state.slots
        self.wiring.connect(new_series, slots.numbers)
        places = self.wiring.plan(step.order, size=slots.size)
        self.state = replace(self.state, totals=grown(self.state.totals, slots.size))
        return step, places

    def _sort_out(self, tiers: Sequence[Tier], *, flush_at: int = ROWS_AT_ONCE) -> None:
        """The rows of the tick before go into these tiers; as many as have gathered are copied in."""
        for tier in tiers:
            rows = self.waiting[tier]
            rows += [row for scope, row in self.last if tier.replicas or scope is Scope.SERVICE]
            if len(rows) >= flush_at:
                self.written += copy(tier=tier, rows=rows)
                self.waiting[tier] = []


def _tiers(at: datetime | None, *, now: datetime) -> list[Tier]:
    """The tiers in which a tick of history is still to be found."""
    if at is None:
        return []
    return [tier for tier in tiers_of(at, zones=("UTC",)) if now - at <= tier.keep]
