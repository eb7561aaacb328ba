"""Advance the tallies of an organisation to a tick: one new row per objective, or all that are missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from django.db import connection, transaction

from sloengine.budgets import slices
from sloengine.budgets.models import Tally
from sloengine.budgets.slices import Counters, Coverage
from sloengine.budgets.tallies import queries
from sloengine.objectives.models import Objective
from sloengine.objectives.objective import Bound
from sloengine.objectives.queries import DENOMINATOR, NUMERATOR, SEEN, Readings, SlotMap, read
from sloengine.objectives.selection import Want, want

#: Budgets look back their window; history beyond it is not tallied for a new objective.
MARGIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Advanced:
    """`extra` are the totals at the tick of the wants that were asked for beside the objectives' own."""

    extra: Readings
    rows: int


def advance(
    *, objectives: Sequence[Objective], slots: SlotMap, until: datetime | None, tick: datetime, extra: Sequence[Want]
) -> Advanced:
    """Tally every objective up to `tick`: those with rows from `until` on, new ones from the beginning of what rollups hold."""
    known = _recalled(objectives, until) if until is not None else {}
    new = [objective for objective in objectives if objective.pk not in known]
    rows = _tally_new(new, slots, tick) if new else []
    old = [objective for objective in objectives if objective.pk in known]
    steps = slices.ticks_between(start=until, end=tick, now=tick) if until is not None else [tick]
    wants = [want(objective.promise, service_id=objective.service_id) for objective in old]
    readings = read(wants=[*wants, *extra], slots=slots, edges=steps)
    for index, objective in enumerate(old):
        rows += _rows(objective, index, readings, known[objective.pk])
        _note_bound(objective, readings.selections[index].bound)
    _insert(rows)
    _remember(objectives, rows, known, tick)
    last = Readings(
        edges=readings.edges[-1:], values=readings.values[-1:, len(old) :], selections=readings.selections[len(old) :]
    )
    return Advanced(extra=last, rows=len(rows))


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the next tick counts on from: the counters at the last slice boundary, and the last row's sums and coverage."""

    boundary: Counters
    good: float
    total: float
    coverage: Coverage


#: By objective, with the tick they belong to. A tick that another process wrote, or that was rolled back, is read again.
#: A change of the objective makes them void, since it may have begun to count anew.
_anchors: dict[tuple[object, int, datetime], tuple[datetime, Anchor]] = {}


def _recalled(objectives: Sequence[Objective], until: datetime) -> dict[int, Anchor]:
    kept = {objective.pk: _anchors.get(_key(objective)) for objective in objectives}
    known = {pk: found[1] for pk, found in kept.items() if found is not None and found[0] == until}
    unknown = [objective for objective in objectives if objective.pk not in known]
    return known | (_known(unknown, until) if unknown else {})


def _key(objective: Objective) -> tuple[object, int, datetime]:
    return connection.settings_dict["NAME"], objective.pk, objective.changed_at


def forget() -> None:
    """Drop what this process remembers; the next tick reads the rows."""
    _anchors.clear()


def _remember(
    objectives: Sequence[Objective], rows: Sequence[Tally], known: Mapping[int, Anchor], tick: datetime
) -> None:
    """Kept once the transaction is committed; the counters at the last boundary are among the rows, or those of before."""
    by_objective: dict[int, list[Tally]] = defaultdict(list)
    for row in rows:
        by_objective[row.objective_id].append(row)
    anchors: dict[tuple[object, int, datetime], tuple[datetime, Anchor]] = {}
    for objective in objectives:
        last = by_objective[objective.pk][-1] if by_objective[objective.pk] else None
        if last is None or last.tick != tick:
            continue
        edge = slices.boundary(tick, slice_seconds=objective.slice_seconds)
        at = next((row for row in reversed(by_objective[objective.pk]) if row.tick == edge), None)
        if at is not None:
            counters = Counters(edge, at.numerator, at.denominator, at.covered_seconds)
        elif objective.pk in known and known[objective.pk].boundary.at == edge:
            counters = known[objective.pk].boundary
        else:
            continue
        anchors[_key(objective)] = (
            tick,
            Anchor(counters, last.good, last.total, _coverage(last)),
        )
    transaction.on_commit(lambda: _anchors.update(anchors))


def _known(objectives: Sequence[Objective], until: datetime) -> dict[int, Anchor]:
    """For each objective with rows: its counters at the last slice boundary, and its good and total at the last row."""
    edges = sorted(
        {until, *(slices.boundary(until, slice_seconds=objective.slice_seconds) for objective in objectives)}
    )
    table = queries.at(objectives=[objective.pk for objective in objectives], edges=edges)
    known = {}
    for row, objective in enumerate(objectives):
        if np.isnan(table.ticks[row, -1]):
            continue
        boundary = slices.boundary(until, slice_seconds=objective.slice_seconds)
        values = table.values[row, edges.index(boundary)]
        last = table.values[row, -1]
        counters = Counters(boundary, values[queries.NUMERATOR], values[queries.DENOMINATOR], values[queries.COVERED])
        seen = None if np.isnan(last[queries.SEEN_AT]) else datetime.fromtimestamp(last[queries.SEEN_AT], UTC)
        coverage = Coverage(until, float(last[queries.READINGS]), seen, float(last[queries.COVERED]))
        known[objective.pk] = Anchor(counters, float(last[queries.GOOD]), float(last[queries.TOTAL]), coverage)
    return known


def _tally_new(objectives: Sequence[Objective], slots: SlotMap, tick: datetime) -> list[Tally]:
    """The whole history of objectives that have no row yet."""
    began = min((block.began_at for block in slots.blocks), default=tick)
    start = max(began - timedelta(seconds=slices.FINE_SECONDS), tick - max(one.window for one in objectives) - MARGIN)
    steps = [start, *slices.ticks_between(start=start, end=tick, now=tick)]
    wants = [want(objective.promise, service_id=objective.service_id) for objective in objectives]
    readings = read(wants=wants, slots=slots, edges=steps)
    rows: list[Tally] = []
    for index, objective in enumerate(objectives):
        _note_bound(objective, readings.selections[index].bound)
        values = readings.values[0, index]
        coverage = Coverage(readings.edges[0], float(values[SEEN]), None, 0.0)
        first = Counters(readings.edges[0], float(values[NUMERATOR]), float(values[DENOMINATOR]), 0.0)
        good, total = (0.0, 0.0) if objective.is_timeslices else (first.numerator, first.denominator)
        rows.append(_row(objective, first, coverage, good=good, total=total))
        later = Readings(readings.edges[1:], readings.values[1:], readings.selections)
        rows += _rows(objective, index, later, Anchor(first, good, total, coverage))
    return rows


def _rows(objective: Objective, index: int, readings: Readings, anchor: Anchor) -> list[Tally]:
    coverages, steps = [], []
    last = anchor.coverage
    for at, values in zip(readings.edges, readings.values[:, index], strict=True):
        last = last.next(at=at, readings=float(values[SEEN]))
        coverages.append(last)
        steps.append(Counters(at, float(values[NUMERATOR]), float(values[DENOMINATOR]), last.seconds))
    if objective.is_timeslices:
        counted: Sequence[tuple[float, float]] = slices.accumulate(
            anchor=anchor.boundary, steps=steps, slice_seconds=objective.slice_seconds,
            slice_target=objective.slice_target or 0.0, good=anchor.good, total=anchor.total,
        )  # fmt: skip
    else:
        counted = [(step.numerator, step.denominator) for step in steps]
    return [
        _row(objective, step, coverage, good=good, total=total)
        for step, coverage, (good, total) in zip(steps, coverages, counted, strict=True)
    ]


def _row(objective: Objective, step: Counters, coverage: Coverage, *, good: float, total: float) -> Tally:
    return Tally(
        objective=objective, tick=step.at, numerator=step.numerator, denominator=step.denominator, good=good, total=total,
        covered_seconds=coverage.seconds, readings=coverage.readings, seen_at=coverage.seen_at,
    )  # fmt: skip


def _coverage(row: Tally) -> Coverage:
    return Coverage(row.tick, row.readings, row.seen_at, row.covered_seconds)


def _note_bound(objective: Objective, bound: Bound | None) -> None:
    """Keep on the objective by which bucket bound it is judged, for people to read."""
    if bound is not None and (objective.bound, objective.notice) != (bound.used, bound.notice):
        objective.bound, objective.notice = bound.used, bound.notice
        objective.save(update_fields=["bound", "notice"])


_INSERT = """
INSERT INTO sloengine_tally (objective_id, tick, numerator, denominator, good, total, covered_seconds, readings, seen_at)
SELECT * FROM unnest(%s::bigint[], %s::timestamptz[], %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::float8[],
    %s::float8[], %s::timestamptz[])
ON CONFLICT (objective_id, tick) DO NOTHING
"""


def _insert(rows: Sequence[Tally]) -> None:
    columns = (
        "objective_id",
        "tick",
        "numerator",
        "denominator",
        "good",
        "total",
        "covered_seconds",
        "readings",
        "seen_at",
    )
    with connection.cursor() as cursor:
        for begin in range(0, len(rows), 5000):
            part = rows[begin : begin + 5000]
            cursor.execute(_INSERT, [[getattr(row, column) for row in part] for column in columns])


_PRUNE = """
DELETE FROM sloengine_tally USING sloengine_objective o
WHERE o.id = objective_id AND o.organisation_id = %(organisation)s AND (
    (tick < %(fine)s AND extract(epoch FROM tick)::bigint %% 300 <> 0)
    OR (tick < %(middle)s AND extract(epoch FROM tick)::bigint %% 3600 <> 0)
    OR tick < %(coarse)s)
"""


def prune(*, organisation_id: int, now: datetime) -> int:
    """Thin the tallies as rollups are thinned. Rows are prefix sums, so what remains loses resolution and no events."""
    ages: Mapping[str, timedelta] = {
        "fine": timedelta(hours=7),
        "middle": timedelta(days=4),
        "coarse": timedelta(days=400),
    }
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, {"organisation": organisation_id, **{name: now - age for name, age in ages.items()}})
        return int(cursor.rowcount)
