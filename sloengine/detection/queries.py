"""The watched signals' sums, from the rows that objectives are counted from: two rows a tick, which are in memory already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2s

import numpy as np
import numpy.typing as npt
from django.db import connection

from sloengine.budgets.slices import boundary
from sloengine.catalog.models import Service
from sloengine.detection import values
from sloengine.detection.precedence import RISE, Precedence, precedence
from sloengine.detection.record import Key
from sloengine.detection.watched import SIGNALS, Scale, Signal, Sum
from sloengine.objectives.queries import NUMERATOR, Reader, SlotMap, Slots
from sloengine.objectives.selection import Place, Selection
from sloengine.rollups import queries as rollups
from sloengine.rollups.windows import quantile

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """The charts that an organisation's slots can make, and where their sums are: `over` and `under` are rows of the reader, one a
    chart; a P95 chart has a row a bound instead."""

    slots: Slots
    reader: Reader
    keys: Sequence[Key]
    signals: Sequence[Signal]
    over: npt.NDArray[np.intp]
    under: npt.NDArray[np.intp]
    histograms: npt.NDArray[np.intp]  # charts that are P95
    buckets: npt.NDArray[np.intp]  # P95 charts x bounds
    bounds: Floats


_known: dict[tuple[object, int], Watch] = {}


def forget() -> None:
    _known.clear()


def watch(*, organisation_id: int, slots: SlotMap) -> Watch:
    """Kept in the process until a source gives out new slots."""
    key = (connection.settings_dict["NAME"], organisation_id)
    known = _known.get(key)
    if known is None or known.slots is not slots.slots:
        known = _known[key] = _laid_out(slots.slots)
    return known


def sums(watch: Watch, slots: SlotMap, edges: Sequence[datetime]) -> tuple[Floats, Floats]:
    """What was added between each two edges (steps x charts): bad or measured, and events. Of P95 charts the quantile and the events."""
    read = watch.reader.read(slots, edges=edges).values[:, :, NUMERATOR]
    added = np.maximum(np.diff(read, axis=0), 0.0)
    over, under = added[:, watch.over], added[:, watch.under]
    over = np.where([one.minus for one in watch.signals], np.maximum(under - over, 0.0), over)
    if len(watch.histograms):
        counts = added[:, watch.buckets]
        steps, charts, bounds = counts.shape
        found = values.quantiles(bounds=np.tile(watch.bounds, (steps, 1)), counts=counts.reshape(-1, bounds))
        over[:, watch.histograms] = found.reshape(steps, charts)
    return over, under


#: What a fall of quality is held against: two days of five minutes each.
LED_BY, LED_STEP = timedelta(days=2), timedelta(minutes=5)


def leading(*, service: Service, now: datetime) -> Precedence:
    """Whether a small rise of latency precedes a fall of answer quality over the last two days (R6).

    The p95 of the time per token where its bucket is narrow enough to show 2 %; else the mean gap between tokens, and it says so.
    """
    newest = rollups.newest(service=service) or now
    end = boundary(newest, slice_seconds=int(LED_STEP.total_seconds()))

    def points(family: str, q: float | None = None) -> list[float | None]:
        seconds = int(LED_STEP.total_seconds())
        found = rollups.points(
            service=service, family=family, start=end - LED_BY, end=end, step_seconds=seconds, quantile=q
        )
        return [one.value for one in found]

    whole = rollups.histogram(service=service, family="per_token_seconds", start=end - LED_BY, end=end).get(())
    at = quantile(whole, 0.95) if whole is not None else None
    if at is not None and at.value > 0 and (at.high - at.low) / at.value <= RISE:
        times = points("per_token_seconds", 0.95)
        measured, resolution = "the p95 of the time per token", (at.high - at.low) / at.value
    else:
        times = points("inter_token_seconds")
        measured, resolution = "the mean gap between tokens", 0.0
        if at is not None:
            measured += f" (its p95 is only known to lie from {at.low * 1000:.0f} to {at.high * 1000:.0f} ms)"
    total, samples = points("answer_similarity_sum_total"), points("answer_similarity_samples_total")
    found = precedence(
        latency=times,
        similarity=[one / many if one is not None and many else None for one, many in zip(total, samples, strict=True)],
        step_seconds=LED_STEP.total_seconds(),
        resolution=resolution,
    )
    return replace(found, measured=measured)


def hour_of_last_week(tick: datetime) -> tuple[datetime, datetime]:
    """The hour around this instant a week ago, as rows that are kept for long have it: 12:20 is 12:00 to 13:00."""
    start = (tick - timedelta(days=7)).replace(minute=0, second=0, microsecond=0)
    return start, start + timedelta(hours=1)


def _laid_out(slots: Slots) -> Watch:
    rows: list[Selection] = []
    keys: list[Key] = []
    signals: list[Signal] = []
    over: list[int] = []
    under: list[int] = []
    histograms: list[int] = []
    buckets: list[list[int]] = []
    bounds: list[list[float]] = []
    for service in slots.services:
        for signal in SIGNALS:
            all_events = slots.places.get((service.pk, signal.under.family), ())
            all_measured = slots.places.get((service.pk, signal.over.family), ())
            for one, name in _apart(signal, all_events):
                events = _columns(_of(all_events, signal, name), signal.under)
                measured = _of(all_measured, signal, name)
                if not events or not measured:
                    continue
                if signal.scale is Scale.P95:
                    steps = _bounds(measured)
                    if len(steps) < 2:
                        continue
                    histograms.append(len(keys))
                    bounds.append([bound for bound, _ in steps])
                    buckets.append(list(range(len(rows), len(rows) + len(steps))))
                    over.append(len(rows))
                    rows += [_selection(columns) for _, columns in steps]
                else:
                    over.append(len(rows))
                    rows.append(_selection(_columns(measured, signal.over)))
                under.append(len(rows))
                rows.append(_selection(events))
                keys.append((service.pk, _key(signal, name)))
                signals.append(one)
    widest = max(map(len, buckets), default=1)
    return Watch(
        slots=slots,
        reader=Reader(selections=rows, slots=slots),
        keys=keys,
        signals=signals,
        over=np.array(over, np.intp),
        under=np.array(under, np.intp),
        histograms=np.array(histograms, np.intp),
        buckets=np.array([[*one, *[one[-1]] * (widest - len(one))] for one in buckets], np.intp),
        bounds=np.array([[*one, *[one[-1]] * (widest - len(one))] for one in bounds]),
    )


def _apart(signal: Signal, places: Iterable[Place]) -> list[tuple[Signal, str]]:
    """The signal, or one for each value of the label that it is judged by, which its title then names."""
    if not signal.each:
        return [(signal, "")]
    found = sorted({place.labels.get(signal.each, "") for place in places})
    return [(replace(signal, title=f"{signal.title} ({name or 'unnamed'})"), name) for name in found]


def _of(places: Sequence[Place], signal: Signal, name: str) -> Sequence[Place]:
    return [one for one in places if one.labels.get(signal.each, "") == name] if signal.each else places


def _key(signal: Signal, name: str) -> str:
    """As it is kept: 24 characters at most, however long a label is."""
    return f"{signal.name[:11]}/{blake2s(name.encode(), digest_size=6).hexdigest()}" if signal.each else signal.name


def _selection(columns: tuple[int, ...]) -> Selection:
    return Selection(columns, (), (), ())


def _columns(places: Iterable[Place], wanted: Sum) -> tuple[int, ...]:
    return tuple(
        place.column
        for place in places
        if place.part == wanted.part and (not wanted.outcomes or place.labels.get("outcome") in wanted.outcomes)
    )


def _bounds(places: Sequence[Place]) -> list[tuple[float, tuple[int, ...]]]:
    """The bounds that all layouts have, ascending, with their columns (R35)."""
    layouts: dict[str, dict[float, list[int]]] = {}
    for place in places:
        if place.part == "bucket":
            layouts.setdefault(place.layout, {}).setdefault(float(place.le), []).append(place.column)
    every: list[Mapping[float, list[int]]] = list(layouts.values())
    common = set.intersection(*(set(one) for one in every)) if every else set()
    return [(bound, tuple(column for one in every for column in one[bound])) for bound in sorted(common)]
