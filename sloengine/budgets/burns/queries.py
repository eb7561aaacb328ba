"""Windows of all objectives at once, what was paged already, and the minutes of an episode."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from sloengine.budgets.burnrate import Vector, Windows
from sloengine.budgets.counting.queries import counted_windows, sums_over, with_parts
from sloengine.budgets.findings.steps import Episode, Minute, answered
from sloengine.budgets.models import Finding, FindingKind, FindingSeverity, FindingState
from sloengine.budgets.slices import FINE_SECONDS
from sloengine.budgets.tallies import queries as tallies
from sloengine.budgets.tallies.queries import Places
from sloengine.budgets.windows import table
from sloengine.objectives.models import Objective

#: How far back the first bad minute of an episode is looked for.
LOOK_BACK = timedelta(hours=2)


def windows(
    *, objectives: Sequence[Objective], seconds: Sequence[int], end: datetime, paged: Mapping[int, Sequence[Episode]]
) -> Windows:
    """The sums of each objective over the last `seconds` before `end`, for each of several lengths."""
    places = tallies.places_of([objective.pk for objective in objectives])
    now = tallies.table(places, [end]).values[:, 0]
    found = windows_of(
        places=places, now=now, seconds=seconds, end=end, paged=[paged.get(one.pk, ()) for one in objectives]
    )
    return counted_windows(found, objectives=objectives, end=end)


def windows_of(
    *,
    places: Places,
    now: tallies.Rows,
    seconds: Sequence[int],
    end: datetime,
    paged: Sequence[Sequence[Episode]] = (),
) -> Windows:
    """The plain sums, of objectives whose places and sums at `end` are known; `counted_windows` says what of them counts."""
    starts = [end - timedelta(seconds=length) for length in seconds]
    delta = now[:, None] - tallies.table(places, starts).values
    total = np.maximum(delta[:, :, tallies.TOTAL], 0.0)
    bad = np.clip(total - delta[:, :, tallies.GOOD], 0.0, total)
    done = np.zeros(bad.shape)
    for row, episodes_of in enumerate(paged):
        if episodes_of:
            done[row] = [answered(episodes_of, since=start) for start in starts]
    return Windows(
        seconds=tuple(seconds),
        bad=bad,
        total=total,
        covered=delta[:, :, tallies.COVERED],
        answered=done,
        age_seconds=np.nan_to_num(end.timestamp() - places.began, nan=0.0),
    )


def minimum_failures(objective: Objective) -> float:
    """Fewer wake nobody: what the objective says, else the table, by method."""
    own = objective.promise.terms.alerting.minimum_failures
    return float(table().minimum_failures[objective.method]) if own is None else own


def paged_episodes(*, objectives: Sequence[Objective], since: datetime) -> dict[int, list[Episode]]:
    """The cleared burns of page severity by objective: bad events that need no second alert."""
    cleared = Finding.objects.filter(
        organisation__in={objective.organisation_id for objective in objectives},
        kind=FindingKind.BURN,
        severity=FindingSeverity.PAGE,
        state=FindingState.CLEARED,
        changed_at__gt=since,
    )
    return episodes(objectives=objectives, cleared=cleared)


def episodes(*, objectives: Sequence[Objective], cleared: Iterable[Finding]) -> dict[int, list[Episode]]:
    """These findings as episodes, by objective."""
    by_name = {(objective.service_id, objective.slug): objective.pk for objective in objectives}
    found: dict[int, list[Episode]] = defaultdict(list)
    for row in cleared:
        objective = by_name.get((row.service_id or 0, row.evidence.get("objective", "")))
        if objective is not None and row.cleared_at is not None:
            start = datetime.fromisoformat(row.evidence["impact_start"])
            found[objective].append(Episode(start=start, end=row.cleared_at, bad=row.evidence.get("episode_bad", 0.0)))
    return found


def minutes(*, objective: Objective, end: datetime, bad_ratio: float) -> list[Minute]:
    """The last two hours minute by minute: a minute is bad when more than `bad_ratio` of what it counted was bad. A composite goes
    by the longest slices of its parts."""
    members = with_parts([objective])
    step = max(one.slice_seconds if one.is_timeslices else max(60, FINE_SECONDS) for one in members)
    last = datetime.fromtimestamp(int(end.timestamp()) // FINE_SECONDS * FINE_SECONDS, end.tzinfo)
    edges = [last - timedelta(seconds=step * i) for i in range(int(LOOK_BACK.total_seconds()) // step, -1, -1)]
    if objective.is_composite:
        bad, total = _composed(members, list(pairwise(edges)))
    else:
        steps = np.diff(tallies.at(objectives=[objective.pk], edges=edges).values[0], axis=0)
        total = steps[:, tallies.TOTAL]
        bad = total - steps[:, tallies.GOOD]
    return [
        Minute(start=start, bad=None if counted <= 0 else bool(failed > bad_ratio * counted))
        for start, failed, counted in zip(edges[:-1], bad, total, strict=True)
    ]


def bad_between(*, objective: Objective, start: datetime, end: datetime) -> tuple[float, float, float, float]:
    """Bad and all of what the budget counts, and bad and all underlying events, of a stretch of time; of a composite twice what its
    parts count together."""
    if objective.is_composite:
        (bad,), (total,) = _composed(with_parts([objective]), [(start, end)])
        return float(bad), float(total), float(bad), float(total)
    before, after = tallies.at(objectives=[objective.pk], edges=[start, end]).values[0]
    delta = after - before
    total, events = delta[tallies.TOTAL], delta[tallies.DENOMINATOR]
    return max(total - delta[tallies.GOOD], 0.0), total, max(events - delta[tallies.NUMERATOR], 0.0), events


def _composed(members: Sequence[Objective], spans: Sequence[tuple[datetime, datetime]]) -> tuple[Vector, Vector]:
    """Bad and all of the first of these, a composite, over each span."""
    found = sums_over(objectives=members, spans=[spans] * len(members), now=spans[-1][1], excluding=False)
    return found.bad[0], found.total[0]
