"""Advance the sums of an organisation's objectives to a tick: one new row a block of 512, or all that are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from django.db import connection, transaction

from sloengine.budgets import slices
from sloengine.budgets.tallies import queries, sums
from sloengine.budgets.tallies.queries import Places
from sloengine.budgets.tallies.services import places
from sloengine.budgets.tallies.sums import COLUMNS, Positions, Rules, Sums
from sloengine.objectives.models import Objective
from sloengine.objectives.objective import Bound
from sloengine.objectives.queries import DENOMINATOR, NUMERATOR, SEEN, Reader, Readings, SlotMap
from sloengine.objectives.selection import Want, want
from sloengine.rollups.thinning import tiers_of


@dataclass(frozen=True, slots=True)
class Advanced:
    """`extra` are the totals at the tick of the wants that were asked for beside the objectives' own; `sums` those of each
    objective (objectives x columns), and `places` where their rows are."""

    extra: Readings
    places: Places
    sums: Sums
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """All blocks of an organisation as one line of 512 each, at the last tick; the places of removed objectives stand still."""

    tick: datetime
    objectives: Sequence[Objective]
    places: Places
    used: tuple[int, ...]  #: objectives in each block, by position
    sums: Sums
    boundary: Sums  #: of each place, at the last boundary of its slices
    rules: Rules  #: of each objective
    reader: Reader | None = None

    @property
    def index(self) -> Positions:
        """Where on the line each objective is."""
        return self.places.block * sums.BLOCK_SIZE + self.places.position


#: By organisation. A tick that another process wrote, or that was rolled back, is read again, and so is everything when an
#: objective was applied, switched off or removed.
_lines: dict[tuple[object, int], _Line] = {}


def forget() -> None:
    """Drop what this process remembers; the next tick reads the rows."""
    _lines.clear()
    queries.forget()


def advance(
    *,
    organisation_id: int,
    objectives: Sequence[Objective],
    slots: SlotMap,
    until: datetime | None,
    tick: datetime,
    extra: Sequence[Want],
) -> Advanced:
    """Count every objective up to `tick`: those that have sums from `until` on, new ones from the beginning of what rollups hold."""
    since = until or tick - slices.FINE_STEP
    line = _recalled(organisation_id, objectives, since, slots)
    reader = line.reader
    if reader is None or reader.slots is not slots.slots or list(reader.wants[len(objectives) :]) != list(extra):
        wants = [want(one.promise, service_id=one.service_id) for one in objectives]
        reader = Reader(wants=[*wants, *extra], slots=slots.slots)
        for objective, selection in zip(objectives, reader.selections, strict=False):
            _note_bound(objective, selection.bound)
    readings = reader.read(slots, edges=slices.ticks_between(start=since, end=tick, now=tick))
    written: list[places.Row] = []
    index = line.index
    for edge, values in zip(readings.edges, readings.values, strict=True):
        line = _step(line, index, edge, values)
        rows = [
            (kept.pk, edge, sums.written(line.sums[:, begin : begin + used]))
            for kept, used, begin in zip(
                line.places.blocks, line.used, range(0, len(line.sums[0]), sums.BLOCK_SIZE), strict=True
            )
        ]
        places.append(rows, tiers=tiers_of(edge, zones=places.zones(edge)))
        written += rows
    # Within this transaction rows after `since` may yet be rolled back, so they are looked up and not remembered.
    safe = None if len(readings.edges) > 1 else since
    read_now = replace(line.places, blocks=tuple(replace(one, newest=safe) for one in line.places.blocks))
    kept = tuple(replace(one, newest=tick) for one in line.places.blocks)
    line = replace(line, tick=tick, places=replace(line.places, blocks=kept), reader=reader)
    key, versions = (connection.settings_dict["NAME"], organisation_id), {one.pk: one.version for one in kept}

    def committed() -> None:
        _lines[key] = line
        queries.remember(versions, written)

    transaction.on_commit(committed)
    last = Readings(
        edges=readings.edges[-1:],
        values=readings.values[-1:, len(objectives) :],
        selections=readings.selections[len(objectives) :],
    )
    return Advanced(extra=last, places=read_now, sums=line.sums[:, index].T, rows=len(written))


def _step(line: _Line, index: Positions, edge: datetime, values: Sums) -> _Line:
    count = len(index)
    now, boundary = sums.advance(
        line.sums[:, index],
        line.boundary[:, index],
        before=line.tick.timestamp(),
        at=edge.timestamp(),
        numerator=values[:count, NUMERATOR],
        denominator=values[:count, DENOMINATOR],
        readings=values[:count, SEEN],
        rules=line.rules,
    )
    whole, at_boundary = line.sums.copy(), line.boundary.copy()
    whole[:, index], at_boundary[:, index] = now, boundary
    return replace(line, tick=edge, sums=whole, boundary=at_boundary)


def _recalled(organisation_id: int, objectives: Sequence[Objective], until: datetime, slots: SlotMap) -> _Line:
    """The line as it is in memory; else from rows, once every objective has its place and its past."""
    line = _lines.get((connection.settings_dict["NAME"], organisation_id))
    if line is not None and line.tick == until and line.objectives is objectives:
        return line
    found = places.ensure(organisation_id=organisation_id, objectives=objectives, slots=slots, until=until)
    rules = places.rules_of(objectives)
    used = tuple(
        max((int(one) + 1 for one in found.all.position[found.all.block == number]), default=0)
        for number in range(len(found.all.blocks))
    )
    size = len(used) * sums.BLOCK_SIZE
    whole, boundary = np.zeros((COLUMNS, size)), np.zeros((COLUMNS, size))
    edges = sorted(
        {until, *(slices.boundary(until, slice_seconds=int(one)) for one in set(rules.slice_seconds) if one)}
    )
    values = queries.table(found.all, edges).values
    where = found.all.block * sums.BLOCK_SIZE + found.all.position
    whole[:, where] = values[:, -1].T
    line = _Line(until, objectives, found.enabled, used, whole, boundary, rules)
    index = line.index
    ends = np.array(
        [
            edges.index(slices.boundary(until, slice_seconds=int(one) or 1)) if one else len(edges) - 1
            for one in rules.slice_seconds
        ],
        np.intp,
    )
    boundary[:, index] = values[found.of_enabled, ends].T
    return line


def _note_bound(objective: Objective, bound: Bound | None) -> None:
    """Keep on the objective by which bucket bound it is judged, for people to read."""
    if bound is not None and (objective.bound, objective.notice) != (bound.used, bound.notice):
        objective.bound, objective.notice = bound.used, bound.notice
        objective.save(update_fields=["bound", "notice"])
