"""Exclusions, missing slices and composites, applied to the sums of windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.models import Q

from sloengine.budgets.burnrate import Windows
from sloengine.budgets.counting.composite import Parts, composed
from sloengine.budgets.counting.missing import Treated, treated
from sloengine.budgets.exclusions.calendar import Stretch, excluded_seconds, united
from sloengine.budgets.exclusions.queries import stretches_of
from sloengine.budgets.tallies import queries as tallies
from sloengine.objectives.models import Objective
from sloengine.objectives.objective import Method
from sloengine.objectives.terms import Treatment

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Sums of objectives (rows) over spans of time (columns): `start` and `end` in unix seconds; `excluded` in seconds.

    `overfull` is where more was counted as good than there was at all. It is clamped over the span, never tick by tick: good and all
    that are scraped a moment apart run ahead of each other in turn, and a clamp of each tick would make failures of that.
    """

    start: Matrix
    end: Matrix
    bad: Matrix
    total: Matrix
    covered: Matrix
    excluded: Matrix
    overfull: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Which of these objectives need more than the difference of two rows; good for as long as the list is the same."""

    objectives: Sequence[Objective]
    composites: tuple[Parts, ...]
    treated: tuple[Treated, ...]


#: The last few of each organisation: that of all its objectives outlives those of one objective and its parts.
_plans: dict[tuple[object, int], tuple[_Plan, ...]] = {}
KEPT = 4


def plan_of(objectives: Sequence[Objective]) -> _Plan:
    if not objectives:
        return _Plan((), (), ())
    key = (connection.settings_dict["NAME"], objectives[0].organisation_id)
    known = _plans.get(key, ())
    found = next((one for one in known if one.objectives is objectives), None) or _planned(objectives)
    if not known or found is not known[0]:
        _plans[key] = (found, *(one for one in known if one is not found))[:KEPT]
    return found


def _planned(objectives: Sequence[Objective]) -> _Plan:
    plain = [row for row, one in enumerate(objectives) if one.terms or one.is_composite]
    if not plain:
        return _Plan(objectives, (), ())
    rows = {(one.organisation_id, one.promise.key): row for row, one in enumerate(objectives)}
    composites, missing = [], []
    for row in plain:
        one = objectives[row]
        terms = one.promise.terms
        if one.is_composite:
            parts = [(rows[one.organisation_id, member.key], member.weight) for member in terms.members
                     if (one.organisation_id, member.key) in rows]  # fmt: skip
            composites.append(
                Parts(row, tuple(part for part, _ in parts), tuple(weight for _, weight in parts), terms.combine)
            )
        elif one.method != Method.OCCURRENCES and (
            terms.missing.no_data is not Treatment.IGNORE or terms.missing.zero_traffic is not Treatment.IGNORE
        ):
            missing.append(Treated(row, one.slice_seconds, terms.missing))
    return _Plan(objectives, tuple(composites), tuple(missing))


def with_parts(objectives: Sequence[Objective]) -> list[Objective]:
    """These objectives, then those that composites among them are made of and that are not among them."""
    found = list(objectives)
    have = {(one.organisation_id, one.promise.key) for one in objectives if one.service_id}
    wanted = {
        (one.organisation_id, member.key)
        for one in objectives
        if one.is_composite
        for member in one.promise.terms.members
    } - have
    if wanted:
        which = Q()
        for organisation, key in sorted(wanted):
            service, _, slug = key.rpartition("/")
            which |= Q(organisation=organisation, service__slug=service, slug=slug)
        found += Objective.objects.enabled().filter(which).select_related("service")
    return found


Span = tuple[datetime, datetime]
#: Before every row: whoever asks for it is answered by the first.
EVER = datetime.fromtimestamp(0, UTC)


def sums_over(
    *, objectives: Sequence[Objective], spans: Sequence[Sequence[Span]], now: datetime, excluding: bool = True
) -> Spans:
    """What counts of each objective over spans of its own, as many for each; composites need their parts among the objectives.
    Without `excluding`, excluded time counts like any other."""
    edges = sorted({edge for row in spans for span in row for edge in span} | {EVER})
    place = {edge: number for number, edge in enumerate(edges)}
    table = tallies.at(objectives=[one.pk for one in objectives], edges=edges)
    rows = np.arange(len(objectives))[:, None]
    first = np.array([[place[start] for start, _ in row] for row in spans], np.intp)
    last = np.array([[place[end] for _, end in row] for row in spans], np.intp)
    delta = table.values[rows, last] - table.values[rows, first]
    total = np.maximum(delta[:, :, tallies.TOTAL], 0.0)
    good = delta[:, :, tallies.GOOD]
    when = np.array([edge.timestamp() for edge in edges])
    found = Spans(
        start=when[first],
        end=when[last],
        bad=np.clip(total - good, 0.0, total),
        total=total,
        covered=delta[:, :, tallies.COVERED],
        excluded=np.zeros(total.shape),
        overfull=good > total * (1 + 1e-9) + 1e-6,
    )
    began = np.nan_to_num(table.ticks[:, 0], nan=now.timestamp())
    return counted(objectives=objectives, spans=found, began=began, now=now, excluding=excluding)


def counted(
    *,
    objectives: Sequence[Objective],
    spans: Spans,
    began: npt.NDArray[np.float64],
    now: datetime,
    excluding: bool = True,
) -> Spans:
    """What counts of these sums. `began` is the first data of each objective, in unix seconds."""
    if not objectives:
        return spans
    plan = plan_of(objectives)
    work = _Work(objectives, spans, began, plan.composites, plan.treated)
    work = _without_excluded(work, now) if excluding else work
    found = work.spans
    bad, total, covered = found.bad, found.total, found.covered
    if work.treated:
        length = np.maximum(found.end - np.maximum(found.start, work.began[:, None]) - found.excluded, 0.0)
        bad, total = treated(bad=bad, total=total, covered=covered, spans=length, rows=work.treated)
    if work.composites:
        bad, total, covered = composed(bad=bad, total=total, covered=covered, composites=work.composites)
    overfull = found.overfull.copy()
    for composite in work.composites:
        overfull[composite.row] = overfull[list(composite.parts)].any(axis=0)
    mine = slice(0, len(objectives))
    return replace(
        spans,
        overfull=overfull[mine],
        bad=bad[mine],
        total=total[mine],
        covered=covered[mine],
        excluded=found.excluded[mine],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """Sums on their way. Behind the objectives that were asked for stand, once more, the parts of composites with excluded time of
    their own: for them alone it is taken out of the parts."""

    objectives: Sequence[Objective]
    spans: Spans
    began: npt.NDArray[np.float64]
    composites: tuple[Parts, ...]
    treated: tuple[Treated, ...]

    def with_parts_of(self, composite: Parts) -> _Work:
        first, parts = len(self.objectives), list(composite.parts)
        rows = [*range(first), *parts]
        copies = dict(zip(parts, range(first, len(rows)), strict=True))
        own = replace(composite, parts=tuple(copies.values()))
        more = [replace(one, row=copies[one.row]) for one in self.treated if one.row in copies]
        return _Work(
            [self.objectives[row] for row in rows],
            Spans(*(getattr(self.spans, name)[rows] for name in Spans.__slots__)),
            self.began[rows],
            tuple(own if one is composite else one for one in self.composites),
            (*self.treated, *more),
        )


def counted_windows(windows: Windows, *, objectives: Sequence[Objective], end: datetime) -> Windows:
    """The same for burn windows, which all end at one instant."""
    until = np.full(windows.bad.shape, end.timestamp())
    starts = until - np.array(windows.seconds, dtype=float)
    none = np.zeros(windows.bad.shape)
    spans = Spans(starts, until, windows.bad, windows.total, windows.covered, none, none > 0)
    age = windows.age_seconds
    found = counted(objectives=objectives, spans=spans, began=end.timestamp() - age, now=end)
    composites = plan_of(objectives).composites
    if composites:
        age = age.copy()
        for one in composites:
            age[one.row] = max((age[part] for part in one.parts), default=0.0)
    return replace(windows, bad=found.bad, total=found.total, covered=found.covered, age_seconds=age)


def _without_excluded(work: _Work, now: datetime) -> _Work:
    start = datetime.fromtimestamp(float(work.spans.start.min()), UTC)
    end = datetime.fromtimestamp(float(work.spans.end.max()), UTC)
    found = stretches_of(objectives=work.objectives, start=start, end=end, now=now)
    if not found:
        return work
    parts = {row: found[one.pk] for row, one in enumerate(work.objectives) if one.pk in found}
    for composite in work.composites:
        if own := parts.get(composite.row):
            first = len(work.objectives)
            work = work.with_parts_of(composite)
            for row in range(first, len(work.objectives)):
                parts[row] = united([*own, *found.get(work.objectives[row].pk, ())])
    return replace(work, spans=_cut(work.objectives, work.spans, parts))


def _cut(objectives: Sequence[Objective], spans: Spans, parts: Mapping[int, Sequence[Stretch]]) -> Spans:
    """The sums of some rows less what lies in stretches of theirs."""
    rows = list(parts)
    cut = {
        (row, column): _clipped(parts[row], spans, row, column)
        for row in rows
        for column in range(spans.start.shape[1])
    }
    edges = sorted({edge for clipped in cut.values() for one in clipped for edge in (one.start, one.end)})
    if not edges:
        return spans
    place = {edge: number for number, edge in enumerate(edges)}
    values = tallies.at(objectives=[objectives[row].pk for row in rows], edges=edges).values
    bad, total, covered, excluded = spans.bad.copy(), spans.total.copy(), spans.covered.copy(), spans.excluded.copy()
    of_row = {row: number for number, row in enumerate(rows)}
    for (row, column), clipped in cut.items():
        for one in clipped:
            delta = values[of_row[row], place[one.end]] - values[of_row[row], place[one.start]]
            gone = max(float(delta[tallies.TOTAL]), 0.0)
            total[row, column] -= gone
            bad[row, column] -= min(max(gone - float(delta[tallies.GOOD]), 0.0), gone)
            covered[row, column] -= float(delta[tallies.COVERED])
            excluded[row, column] += excluded_seconds([one], start=one.start, end=one.end)
    total, covered = np.maximum(total, 0.0), np.maximum(covered, 0.0)
    return replace(spans, bad=np.clip(bad, 0.0, total), total=total, covered=covered, excluded=excluded)


def _clipped(parts: Sequence[Stretch], spans: Spans, row: int, column: int) -> list[Stretch]:
    start = datetime.fromtimestamp(float(spans.start[row, column]), UTC)
    end = datetime.fromtimestamp(float(spans.end[row, column]), UTC)
    return [Stretch(max(one.start, start), min(one.end, end)) for one in parts if one.end > start and one.start < end]
