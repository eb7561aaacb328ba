"""The pasts of objectives: from recorded rollups, or from sources that can tell the past. Only reads."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from django.db.models import Q, prefetch_related_objects

from observability.core.models import Organisation
from probes.exposition import Labels, Series
from sloengine.backtests.counted import Decided, Past
from sloengine.backtests.history import History, families_of, untold
from sloengine.backtests.page import RECORDED, Asked
from sloengine.backtests.track import Track, instants
from sloengine.backtests.whatif import Backtest, backtest
from sloengine.budgets.exclusions.calendar import stretches, united, widened
from sloengine.budgets.exclusions.models import Adjustment
from sloengine.budgets.exclusions.queries import exclusions
from sloengine.budgets.slices import FINE_SECONDS, ticks_between
from sloengine.collect.models import MetricSource
from sloengine.collect.services import history_source, source_for
from sloengine.objectives import asked as of_promises
from sloengine.objectives.models import Objective as Row
from sloengine.objectives.objective import Objective
from sloengine.objectives.queries import DENOMINATOR, NUMERATOR, SEEN, read, slot_map
from sloengine.objectives.selection import want
from sloengine.sources.base import AnswersRanges, Historical, Reading, SourceUnavailable

#: Older rollups are hours.
FINE = timedelta(days=4)
#: (done, all) of the history that is being read.
Progress = Callable[[int, int], None]
#: The longest window of an alert, which history before the beginning fills.
LEAD = timedelta(days=3)
#: Instants of a source's past that one question of a query asks for.
PIECE = 2000


def pasts(
    *,
    organisation: Organisation,
    promises: Sequence[Objective],
    sources: Sequence[MetricSource],
    start: datetime,
    now: datetime,
    step: timedelta = timedelta(minutes=1),
    progress: Progress = lambda _done, _all: None,
) -> list[Past]:
    """The past of each promise since `start`, and before it what fills windows, with what was decided about it.

    Sources are asked; without any, our rollups tell. Raises SourceUnavailable.
    """
    everyone = {promise.key: promise for promise in (*_parts(organisation, promises), *promises)}
    plain = [promise for promise in everyone.values() if not promise.is_composite]
    since = start - LEAD
    refused: dict[str, str] = {}
    if sources:
        of = _queried(sources, plain)
        refused = {promise.key: reason for promise in plain if (reason := untold(promise) or _unasked(promise, of))}
        end = now - timedelta(seconds=max(source.lag_seconds for source in sources))
        told = [promise for promise in plain if promise.key not in refused]
        tracks = asked(sources=sources, promises=told, start=since, end=end, step=step, progress=progress)
    else:
        tracks = recorded(organisation=organisation, promises=plain, start=since, now=now)
    decided = _decided(organisation, everyone, start=since, now=now, coarse=not sources)

    def past(promise: Objective) -> Past:
        said = [f"Not replayed from a source, since {refused[promise.key]}; our rollups tell it: --source recorded."
                ] if promise.key in refused else []  # fmt: skip
        parts = tuple(past(everyone[one.key]) for one in promise.terms.members if one.key in everyone)
        said += [f"Its part {one.promise.key} is not replayed: nothing is told of it." for one in parts if one.empty]
        said += [f"Its part {one.key} is not known." for one in promise.terms.members if one.key not in everyone]
        return Past(promise, tracks.get(promise.key, nothing()), decided[promise.key], parts, tuple(said))

    return [past(promise) for promise in promises]


def tested(*, objective: Row, asked: Asked, now: datetime) -> Backtest:
    """One objective over recorded rollups, or over what the sources tell that were asked for. Raises SourceUnavailable."""
    organisation, start = objective.organisation, now - asked.back
    names = [] if asked.source == RECORDED else [name.strip() for name in asked.source.split(",")]
    sources = named_sources(organisation, names) if names else []
    (past,) = pasts(
        organisation=organisation, promises=[objective.promise], sources=sources, start=start, now=now, step=asked.step
    )
    return backtest(past=past, start=start, targets=asked.targets, windows=asked.windows)


def sources_of(organisation: Organisation) -> tuple[list[MetricSource], str]:
    """The enabled sources where all of them can tell the past: it reaches further back, and finer, than rollups do. Else none, and
    the sentence that says why the rollups are replayed."""
    rows = MetricSource.objects.filter(organisation=organisation, enabled=True).order_by("pk")
    sources = list(rows.exclude(kind=MetricSource.Kind.PUSHED))  # of which rollups tell, and nobody else knows
    mute = [source.name for source in sources if source.kind != MetricSource.Kind.PROMETHEUS]
    if not sources:
        return [], "There is no source: what was recorded is replayed."
    if mute:
        can = "cannot tell the past" if len(mute) > 1 else "cannot tell its past"
        return [], f"{', '.join(mute)} {can}: what was recorded is replayed."
    return sources, ""


def telling(organisation: Organisation) -> tuple[str, ...]:
    """The names of the sources that can tell the past."""
    rows = MetricSource.objects.filter(organisation=organisation, enabled=True, kind=MetricSource.Kind.PROMETHEUS)
    return tuple(rows.order_by("name").values_list("name", flat=True))


def named_sources(organisation: Organisation, names: Sequence[str]) -> list[MetricSource]:
    """These sources, in order; raises SourceUnavailable for one that is not there or has no past to tell."""
    there = {row.name: row for row in MetricSource.objects.filter(organisation=organisation).order_by("name")}
    for name in names:
        if name not in there:
            raise SourceUnavailable(f"there is no source {name!r}; there are: {', '.join(there) or 'none'}")
        if there[name].kind != MetricSource.Kind.PROMETHEUS:
            raise SourceUnavailable(
                f"{name} shows only what is now, and cannot tell the past; `recorded` is what we kept of it"
            )
    return [there[name] for name in dict.fromkeys(names)]


def recorded(
    *, organisation: Organisation, promises: Sequence[Objective], start: datetime, now: datetime
) -> dict[str, Track]:
    """What rollups keep of these promises, by key, up to the last tick of every source."""
    sources = list(MetricSource.objects.filter(organisation=organisation, enabled=True))
    ticks = [source.last_tick for source in sources if source.last_tick is not None]
    if not ticks:
        return {promise.key: nothing() for promise in promises}
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
    sources: Sequence[MetricSource],
    promises: Sequence[Objective],
    start: datetime,
    end: datetime,
    step: timedelta,
    progress: Progress = lambda _done, _all: None,
) -> dict[str, Track]:
    """What sources tell of the past, by key; raises SourceUnavailable. Of histograms only the bounds that are judged are read, and
    queries of objectives are asked of the source that is asked live.

    Several are read side by side, and each instant is counted with the series of all of them, as live does.
    """
    ticks = instants(start=start, end=end, step=step)
    if not ticks or not promises:
        return {promise.key: nothing() for promise in promises}
    plain = [promise for promise in promises if not promise.terms.queries.present]
    bounds = _bounds(sources, plain, at=ticks[-1]) if plain else {}
    readers = [history_source(source, families=families_of(plain), bounds=bounds) for source in sources]
    history, together = History(promises), _Together()
    own = [
        _Own(one, reader, ticks, weight=step.total_seconds() / source.tick_seconds)
        for (source, queried), reader in zip(_queried(sources, promises), readers, strict=True)
        for one in queried
    ]
    try:
        told = zip(*(_read(reader, ticks) for reader in readers), strict=True)
        for number, readings in enumerate(told, 1):
            samples = together.samples(readings)
            for each in own:
                samples = {**samples, **each.samples()}
            history.add(readings[0].at, samples)
            if number % 60 == 0 or number == len(ticks):
                progress(number, len(ticks))
    finally:
        for source, reader in zip(sources, readers, strict=True):
            close = getattr(reader, "close", None)
            if close is not None and reader is not source_for(source):
                close()
    added = {each.key: each.track() for each in own if not each.counter}
    return {promise.key: added.get(promise.key) or history.track(promise) for promise in promises}


def _queried(
    sources: Sequence[MetricSource], promises: Sequence[Objective]
) -> list[tuple[MetricSource, tuple[of_promises.Asked, ...]]]:
    """What is asked of each source for these promises, as it is live: those that name none ask the organisation's first."""
    found = []
    for source in sources:
        rows = MetricSource.objects.filter(organisation=source.organisation_id, kind=MetricSource.Kind.PROMETHEUS)
        earlier = rows if source.pk is None else rows.filter(pk__lt=source.pk)  # one that is not kept yet comes last
        first = not earlier.exists()
        found.append((source, of_promises.asked(promises, source=source.name, first=first)))
    return found


def _unasked(promise: Objective, of: Sequence[tuple[MetricSource, tuple[of_promises.Asked, ...]]]) -> str:
    """Why its queries are asked of none of these sources; empty where they are."""
    queries = promise.terms.queries
    if not queries.present or any(
        (one.service, one.slug) == (promise.service, promise.slug) for _, some in of for one in some
    ):
        return ""
    return f"its queries are asked of {queries.source or 'the first Prometheus'}, which is not read here"


class _Own:
    """The queries of one promise, instant by instant. What is no counter is added up here, as often as its source is read live."""

    def __init__(self, one: of_promises.Asked, reader: object, ticks: Sequence[datetime], *, weight: float) -> None:
        if not isinstance(reader, AnswersRanges):
            raise SourceUnavailable("it shows only what is now, and cannot tell the past")
        self.key, self.counter = f"{one.service}/{one.slug}", one.counter
        self._one, self._ticks, self._weight = one, ticks, weight
        self._answers = {name: _in_pieces(reader, text, ticks) for name, text in one.queries}
        self._rows: list[tuple[float, float, float]] = []

    def samples(self) -> Mapping[Series, float]:
        """The series of the next instant; none of what is no counter."""
        found = of_promises.samples(self._one, {name: next(answers) for name, answers in self._answers.items()})
        if self.counter:
            return found
        good, total = (next((v for one, v in found.items() if one.name.endswith(end)), 0.0) for end in ("good", "all"))
        self._rows.append((good * self._weight, total * self._weight, float(bool(found))))
        return {}

    def track(self) -> Track:
        """What was added up; the first instant is where it begins."""
        at = np.array([tick.timestamp() for tick in self._ticks[: len(self._rows)]])
        rows = np.array(self._rows).reshape(-1, 3)
        good, total, held = np.cumsum(rows, axis=0).T
        return _since_data(Track(at, good, total, held))


def _in_pieces(reader: AnswersRanges, text: str, ticks: Sequence[datetime]) -> Iterator[Sequence[tuple[Labels, float]]]:
    """The answers to one query, oldest first; some 1,000 series of a piece are two million samples."""
    for begin in range(0, len(ticks), PIECE):
        yield from reader.ask_range(text, instants=ticks[begin : begin + PIECE])


def _read(reader: object, ticks: Sequence[datetime]) -> Iterator[Reading]:
    if isinstance(reader, Historical):
        return iter(reader.read_range(ticks))
    raise SourceUnavailable("it shows only what is now, and cannot tell the past")


class _Together:
    """The readings of one instant as one. What two sources show alike stays apart, and counts twice, as it does live."""

    def __init__(self) -> None:
        self._named: dict[tuple[int, Series], Series] = {}

    def samples(self, readings: Sequence[Reading]) -> Mapping[Series, float]:
        if len(readings) == 1:
            return readings[0].samples
        found = dict(readings[0].samples)
        for number, reading in enumerate(readings[1:], 1):
            for one, value in reading.samples.items():
                if (known := self._named.get((number, one))) is None:
                    label = ("tailwatch_source", str(number))
                    known = self._named[number, one] = Series(one.name, tuple(sorted((*one.labels, label))))
                found[known] = value
        return found


def _bounds(
    sources: Sequence[MetricSource], promises: Sequence[Objective], *, at: datetime
) -> Mapping[str, Sequence[float]]:
    """The bounds by which these promises are judged, as the sources show them now; {} where they show none."""
    shown = History(promises)
    shown.add(at, _Together().samples([source_for(source).read(at) for source in sources]))
    found: dict[str, set[float]] = {}
    for promise in promises:
        bound = shown.bound(promise)
        if bound is not None:
            # Where none is at or below the threshold, one that is above shows that there are others.
            found.setdefault(promise.measures[0].family, set()).add(math.inf if bound.used is None else bound.used)
    return {family: sorted(bounds) for family, bounds in found.items()}


def _parts(organisation: Organisation, promises: Sequence[Objective]) -> list[Objective]:
    """What composites among these are made of, as it is applied now."""
    wanted = {member.key.rpartition("/")[::2] for promise in promises for member in promise.terms.members}
    if not wanted:
        return []
    which = Q()
    for service, slug in sorted(wanted):
        which |= Q(service__slug=service, slug=slug)
    rows = Row.objects.enabled().filter(which, organisation=organisation).select_related("service")
    return [row.promise for row in rows]


def _decided(
    organisation: Organisation, promises: Mapping[str, Objective], *, start: datetime, now: datetime, coarse: bool
) -> dict[str, Decided]:
    """What was decided about each, by key: of an objective that is not applied what its service and everything have. Stretches are
    widened to what rollups keep where those are replayed (`coarse`)."""
    rows = exclusions(organisation_id=organisation.pk, start=start, end=now)
    prefetch_related_objects(rows, "service", "objective__service")
    parts = [(row, stretches(row.rule, start=start, end=now)) for row in rows]
    made: dict[str, list[tuple[datetime, Decimal]]] = defaultdict(list)
    given = Adjustment.objects.filter(objective__organisation=organisation, at__lte=now)
    for service, slug, at, ratio in given.values_list("objective__service__slug", "objective__slug", "at", "ratio"):
        made[f"{service}/{slug}"].append((at, ratio))
    found = {}
    for key, promise in promises.items():
        mine = [
            widened(one, now=now) if coarse else one
            for row, some in parts
            for one in some
            if (row.objective is None or row.objective.promise.key == key)
            and (row.service is None or row.service.slug == promise.service)
        ]
        found[key] = Decided(tuple(united(mine)), tuple(made.get(key, ())))
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


def nothing() -> Track:
    empty = np.empty(0)
    return Track(empty, empty, empty, empty)
