"""Tracks of objectives: from recorded rollups, or from a source that can tell the past. Only reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from observability.core.models import Organisation
from sloengine.backtests.history import History, families_of
from sloengine.backtests.track import Track, instants
from sloengine.budgets.slices import FINE_SECONDS, ticks_between
from sloengine.collect.models import MetricSource
from sloengine.collect.services import history_source, source_for
from sloengine.objectives.objective import Objective
from sloengine.objectives.queries import DENOMINATOR, NUMERATOR, SEEN, read, slot_map
from sloengine.objectives.selection import want
from sloengine.sources.base import Historical, SourceUnavailable

#: Older rollups are hours.
FINE = timedelta(days=4)
#: (done, all) of the history that is being read.
Progress = Callable[[int, int], None]
#: The longest window of an alert, which history before the beginning fills.
LEAD = timedelta(days=3)


def recorded(
    *, organisation: Organisation, promises: Sequence[Objective], start: datetime, now: datetime
) -> dict[str, Track]:
    """What rollups keep of these promises, by key, up to the last tick of every source."""
    sources = list(MetricSource.objects.filter(organisation=organisation, enabled=True))
    ticks = [source.last_tick for source in sources if source.last_tick is not None]
    if not ticks:
        return {promise.key: _nothing() for promise in promises}
    slots = slot_map(organisation_id=organisation.pk, sources=sources)
    services = {service.slug: service.pk for service in slots.services}
    end = min(max(ticks), now)
    began = min((block.began_at for block in slots.blocks), default=end)
    first = max(start, began) - timedelta(seconds=FINE_SECONDS)
    steps = [first, *ticks_between(start=first, end=end, now=now)]
    wants = [want(promise, service_id=services.get(promise.service, 0)) for promise in promises]
    readings = read(wants=wants, slots=slots, edges=steps)
    seconds = np.array([edge.timestamp() for edge in readings.edges])
    return {
        promise.key: _since_data(
            Track(
                seconds,
                readings.values[:, place, NUMERATOR],
                readings.values[:, place, DENOMINATOR],
                readings.values[:, place, SEEN],
                readings.selections[place].bound,
                fine_from=now - FINE,
            )
        )
        for place, promise in enumerate(promises)
    }


def asked(
    *,
    source: MetricSource,
    promises: Sequence[Objective],
    start: datetime,
    end: datetime,
    step: timedelta,
    progress: Progress = lambda _done, _all: None,
) -> dict[str, Track]:
    """What a source tells of the past, by key; raises SourceUnavailable. Of histograms only the bounds that are judged are read."""
    ticks = instants(start=start, end=end, step=step)
    if not ticks:
        return {promise.key: _nothing() for promise in promises}
    reader = history_source(source, families=families_of(promises), bounds=_bounds(source, promises, at=ticks[-1]))
    history = History(promises)
    try:
        readings = reader.read_range(ticks) if isinstance(reader, Historical) else (reader.read(at) for at in ticks)
        for number, reading in enumerate(readings, 1):
            history.add(reading.at, reading.samples)
            if number % 60 == 0 or number == len(ticks):
                progress(number, len(ticks))
    finally:
        close = getattr(reader, "close", None)
        if close is not None and reader is not source_for(source):
            close()
    return {promise.key: history.track(promise) for promise in promises}


def _bounds(source: MetricSource, promises: Sequence[Objective], *, at: datetime) -> Mapping[str, Sequence[float]]:
    """The bounds by which these promises are judged, as the source shows them now; {} where it shows none."""
    shown = History(promises)
    shown.add(at, source_for(source).read(at).samples)
    found: dict[str, set[float]] = {}
    for promise in promises:
        bound = shown.bound(promise)
        if bound is not None:
            # Where none is at or below the threshold, one that is above shows that there are others.
            found.setdefault(promise.measures[0].family, set()).add(math.inf if bound.used is None else bound.used)
    return {family: sorted(bounds) for family, bounds in found.items()}


def only_source(organisation: Organisation) -> MetricSource | None:
    """The one enabled source, where it is a Prometheus: its past reaches further back, and finer, than rollups do."""
    sources = list(MetricSource.objects.filter(organisation=organisation, enabled=True)[:2])
    return sources[0] if len(sources) == 1 and sources[0].kind == MetricSource.Kind.PROMETHEUS else None


def named_source(organisation: Organisation, name: str) -> MetricSource:
    found = MetricSource.objects.filter(organisation=organisation, name=name).first()
    if found is None:
        there = ", ".join(MetricSource.objects.filter(organisation=organisation).values_list("name", flat=True))
        raise SourceUnavailable(f"there is no source {name!r}; there are: {there or 'none'}")
    return found


def _since_data(track: Track) -> Track:
    """From the last row before its first reading."""
    first = int(np.argmax(track.readings > track.readings[0])) - 1 if len(track.at) else 0
    first = max(first, 0)
    return replace(
        track,
        at=track.at[first:],
        numerator=track.numerator[first:],
        denominator=track.denominator[first:],
        readings=track.readings[first:],
    )


def _nothing() -> Track:
    empty = np.empty(0)
    return Track(empty, empty, empty, empty)
