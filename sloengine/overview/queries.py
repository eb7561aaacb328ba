"""All promises of an organisation, or of one service, over a range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection

from observability.core import prepared
from observability.core.models import Organisation
from sloengine.budgets.counting.queries import EVER
from sloengine.budgets.queries import kept_since
from sloengine.budgets.tallies import queries as tallies
from sloengine.budgets.tallies.queries import COVERED, GOOD, TOTAL, Kept, Places
from sloengine.objectives.models import Objective
from sloengine.objectives.queries import enabled_objectives
from sloengine.overview import standing
from sloengine.overview.standing import Overview, Promise

Floats = npt.NDArray[np.float64]
Figures = list[tuple[float | None, float | None]]


def overview(*, organisation: Organisation, service: str = "", since: datetime, now: datetime) -> Overview:
    """What each promise attained since an instant and has left now; `service` "" is all of them."""
    rows = enabled_objectives(organisation_id=organisation.pk)
    found = figures(objectives=rows, since=since, now=now)
    pairs = zip(rows, found, strict=True)
    return standing.overview(
        Promise(one.service.slug, one.service.name, one.slug, one.title, one.target, attained, left)
        for one, (attained, left) in pairs
        if not service or one.service.slug == service
    )


def figures(*, objectives: list[Objective], since: datetime, now: datetime) -> Figures:
    """What `kept_since` says, of ten thousand at once: those of a rolling window with nothing excluded, adjusted or composed are
    reckoned in arrays, the others one by one."""
    layout = _layout(objectives)
    special = layout.special | _touched(objectives, layout)
    found: Figures = [(None, None)] * len(objectives)
    plain = [row for row in range(len(objectives)) if row not in special]
    if plain and layout.places is not None:
        for row, figure in zip(
            plain, _at_once(layout, layout.places, np.array(plain, np.intp), since, now), strict=True
        ):
            found[row] = figure
    others = sorted(special)
    slow = kept_since(objectives=[objectives[row] for row in others], since=since, now=now)
    for row, figure in zip(others, slow, strict=True):
        found[row] = figure
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """What of a list of objectives does not change while the list is the same. Seconds; `slices` is 0 for occurrences."""

    objectives: list[Objective]
    ids: list[int]
    place: dict[int, int]
    special: frozenset[int]
    budgets: Floats
    windows: Floats
    slices: Floats
    places: Places | None = None


_layouts: dict[tuple[object, int], _Layout] = {}


def _layout(objectives: list[Objective]) -> _Layout:
    """The layout with its places, which are read anew when a block was written anew or an objective has none yet."""
    if not objectives:
        nothing = np.zeros(0)
        return _Layout(objectives, [], {}, frozenset(), nothing, nothing, nothing)
    key = connection.settings_dict["NAME"], objectives[0].organisation_id
    known = _layouts.get(key)
    if known is None or known.objectives is not objectives:
        known = _Layout(
            objectives,
            [one.pk for one in objectives],
            {one.pk: row for row, one in enumerate(objectives)},
            frozenset(row for row, one in enumerate(objectives) if one.terms or one.is_composite),
            np.array([float(1 - one.target) for one in objectives]),
            np.array([one.window.total_seconds() for one in objectives]),
            np.array([one.slice_seconds if one.is_timeslices else 0 for one in objectives], np.float64),
        )
    blocks = _blocks(objectives[0].organisation_id)
    places = known.places
    if places is None or (places.block < 0).any() or any(blocks[one.pk][0] != one.version for one in places.blocks):
        places = tallies.places_of(known.ids)
    places = replace(places, blocks=tuple(Kept(one.pk, *blocks[one.pk]) for one in places.blocks))
    _layouts[key] = known = replace(known, places=places)
    return known


def _blocks(organisation_id: int) -> dict[int, tuple[int, datetime | None]]:
    """Version and newest row of each block of sums."""
    rows = prepared.rows(
        "SELECT b.id, b.version, c.tick FROM sloengine_tallyblock b LEFT JOIN sloengine_evaluationcursor c USING (organisation_id)"
        " WHERE b.organisation_id = %s",
        [organisation_id],
    )
    return {pk: (version, tick) for pk, version, tick in rows}


def _touched(objectives: Sequence[Objective], layout: _Layout) -> frozenset[int]:
    """Those whose budget somebody adjusted; all of them where any time is excluded."""
    if not objectives:
        return frozenset()
    owner = objectives[0].organisation_id
    ((excluded,),) = prepared.rows(
        "SELECT EXISTS (SELECT FROM sloengine_exclusion WHERE organisation_id = %s)", [owner]
    )
    if excluded:
        return frozenset(range(len(objectives)))
    adjusted = prepared.rows(
        "SELECT DISTINCT a.objective_id FROM sloengine_adjustment a JOIN sloengine_objective o ON o.id = a.objective_id"
        " WHERE o.organisation_id = %s",
        [owner],
    )
    return frozenset(layout.place[pk] for (pk,) in adjusted if pk in layout.place)


def _at_once(layout: _Layout, places: Places, rows: npt.NDArray[np.intp], since: datetime, now: datetime) -> Figures:
    """As `budget()` has it, for arrays: 1 - bad / (budget x whole), where whole is events, or slices of the window."""
    lengths = np.unique(layout.windows[rows])
    edges = sorted({EVER, since, now, *(now - timedelta(seconds=float(length)) for length in lengths)})
    number = {edge: place for place, edge in enumerate(edges)}
    values = tallies.table(places, edges).values[rows]
    starts = {float(length): number[now - timedelta(seconds=float(length))] for length in lengths}
    windows = layout.windows[rows]
    first = np.array([starts[length] for length in windows.tolist()], np.intp)
    line = np.arange(len(rows))
    end = values[:, number[now]]
    bad, total, _ = _sums(end - values[:, number[since]])
    spent, events, covered = _sums(end - values[line, first])
    slices = layout.slices[rows]
    whole = np.where(slices > 0, windows / np.maximum(slices, 1.0), events)
    allowed = layout.budgets[rows] * whole
    with np.errstate(divide="ignore", invalid="ignore"):
        attained = np.where(total > 0, 1 - np.clip(bad / total, 0.0, 1.0), np.nan)
        left = np.where((covered > 0) & (allowed > 0), 1 - spent / allowed, np.nan)
    return [
        (None if one != one else one, None if other != other else other)
        for one, other in zip(attained.tolist(), left.tolist(), strict=True)
    ]


def _sums(delta: npt.NDArray[Any]) -> tuple[Floats, Floats, Floats]:
    """Bad, total and covered seconds; more good than there was at all counts as none bad."""
    total = np.maximum(delta[:, TOTAL], 0.0)
    return np.clip(total - delta[:, GOOD], 0.0, total), total, delta[:, COVERED]
