"""One tick: read, claim, count, append; all of it in one transaction, or not at all."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import orjson
from django.db import transaction

from observability.core import prepared, questions
from observability.core.models import User
from sloengine.catalog.discovery import Found, Sightings, storable
from sloengine.catalog.services import record
from sloengine.collect.increments import Order, Step, advance
from sloengine.collect.increments import forget as forget_series
from sloengine.collect.models import MetricSource, Tick
from sloengine.collect.services.asking import asked_of
from sloengine.collect.services.reading import HERE, Due, Read, side_by_side, source_for
from sloengine.collect.services.state import (
    SourceState,
    committed,
    note_idle,
    recall,
    remember,
    with_slots,
    with_slots_again,
    write_readings,
)
from sloengine.collect.slots import BLOCK_SIZE, Scope, SlotKey
from sloengine.collect.totals import Plan, add, grown, missing
from sloengine.collect.wiring import Wiring
from sloengine.objectives.models import Objective
from sloengine.rollups.queries.rows import keep_in_cache
from sloengine.rollups.services.rows import Row, append, ensure_partitions, rows_of, stand_in
from sloengine.rollups.thinning import FINEST, MIDNIGHT_STEP_SECONDS, tiers_of, tiers_of_stand_in
from sloengine.sources.base import Reading, SourceUnavailable

log = logging.getLogger(__name__)

#: A source that could not be read is tried again this soon, if its tick is not shorter.
RETRY_SECONDS: Final = 15
#: How long a source may take where pages wait behind it, how long it took at the most to be asked there again, and how many ticks
#: it may be behind.
LIVE_SECONDS: Final = 5.0
QUICK_SECONDS: Final = 3.0
QUICK_TICKS: Final = 4
#: How long it may take where nobody waits, and for how long nobody else asks it then, the counting included.
CATCH_UP_SECONDS: Final = 115.0
SLOW_LEASE_SECONDS: Final = 240
#: How far back a source that can tell the past is asked about it, and how many ticks one call catches up.
CATCH_UP: Final = timedelta(hours=7)
CATCH_UP_TICKS: Final = 40
#: A clock set back by less catches up unnoticed; by more, somebody must know that nothing is counted until then.
SET_BACK: Final = timedelta(minutes=5)
#: A series not seen for so long is gone for good.
FORGET_AFTER_SECONDS: Final = 24 * 3600
DISCOVER_EVERY_SECONDS: Final = 300
#: The slots of replicas that are gone are given out again once the finest tier, which alone holds them, has dropped every row of
#: the time when they were fed: it keeps whole partitions of an hour, and idleness is looked at hourly.
REUSE_AFTER_SECONDS: Final = FINEST.keep.total_seconds() + 2 * 3600
#: A label that takes a value a request would fill the disk: a source gets no more slots than this. 40 services have 40,000.
#: Those of replicas are counted apart, so that they leave services theirs.
MAX_SLOTS: Final = {Scope.SERVICE: 60_000, Scope.REPLICA: 40_000}


#: A source without a tick, one whose next tick has come, or one whose last is later than now; asked by nobody, and not in the pause
#: after a failure. One that is claimed for longer than anybody claims it was claimed by a clock that ran ahead.
_DUE: Final = f"""
enabled AND (
    last_tick IS NULL OR last_tick > %(now)s
    OR last_tick + make_interval(secs => tick_seconds + lag_seconds) <= %(now)s
) AND (
    failing_since IS NULL OR attempted_at IS NULL OR attempted_at > %(now)s
    OR attempted_at + make_interval(secs => least(tick_seconds, {RETRY_SECONDS})) <= %(now)s
) AND (
    asked_until IS NULL OR asked_until <= %(now)s OR asked_until > %(now)s + make_interval(secs => {SLOW_LEASE_SECONDS})
)
"""
#: A remote source that took long when it was last asked, or that has much to catch up.
_SLOW: Final = f"""
kind NOT IN ({", ".join(f"'{kind.value}'" for kind in HERE)}) AND (
    asked_seconds > {QUICK_SECONDS} OR coalesce(
        kind = 'prometheus' AND last_tick + make_interval(secs => lag_seconds + {QUICK_TICKS + 1} * tick_seconds) <= %(now)s, false
    )
)
"""
_CLAIM: Final = """
UPDATE sloengine_metricsource SET asked_until = %(until)s WHERE {which} RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Lane:
    """Which sources are asked together, how long each may take, and for how long they are ours meanwhile."""

    which: str
    seconds: float
    lease: timedelta

    @property
    def question(self) -> questions.Question:
        return questions.Question(f"EXISTS (SELECT FROM sloengine_metricsource WHERE {self.which})")


QUICK: Final = Lane(f"{_DUE} AND NOT ({_SLOW})", LIVE_SECONDS, timedelta(seconds=30))
LEISURELY: Final = Lane(f"{_DUE} AND {_SLOW}", CATCH_UP_SECONDS, timedelta(seconds=SLOW_LEASE_SECONDS))


@questions.first(QUICK.question)
def collect_due(*, now: datetime) -> int:
    """Collect every due tick of the sources that answer quickly, in order; how many were counted. Doing it twice counts nothing
    twice, and nobody asks a source that another worker is asking.

    Sources are read side by side and each is counted as its answer comes: a slow one delays no other. One that does not answer
    within 5 s is left to `catch_up_due`, and so is one with more than 4 ticks to catch up.
    """
    return _collect(QUICK, now=now)


@questions.first(LEISURELY.question)
def catch_up_due(*, now: datetime) -> int:
    """The same for sources that take their time, or have much to catch up; of workers that nobody waits for."""
    return _collect(LEISURELY, now=now)


def _collect(lane: Lane, *, now: datetime) -> int:
    claimed = prepared.rows(_CLAIM.format(which=lane.which), {"now": now, "until": now + lane.lease})
    if not claimed:
        return 0
    sources = prepared.objects(MetricSource, "WHERE id = ANY(%s::bigint[]) ORDER BY id", [[pk for (pk,) in claimed]])
    asked = [due for source in sources if (due := _due(source, now=now)) is not None]
    if asked:
        ensure_partitions(now=now)
    return sum(_count_all(source, read, now=now) for source, read in side_by_side(asked, seconds=lane.seconds))


def due_ticks(source: MetricSource, *, now: datetime) -> list[datetime]:
    """The ticks of a source to read now. One that cannot tell the past has at most one, which covers the gap before it. Raises
    SourceUnavailable where all up to a later time than now has been counted. One that failed is tried with a single tick."""
    step = timedelta(seconds=source.tick_seconds)
    newest = floor(now - timedelta(seconds=source.lag_seconds), source.tick_seconds)
    if source.last_tick is None:
        return [newest]
    if newest <= source.last_tick:
        if source.last_tick - now > SET_BACK:
            raise SourceUnavailable(
                f"the clock was set back: it is {now:%Y-%m-%d %H:%M:%S}, and {source.last_tick:%Y-%m-%d %H:%M:%S} is counted"
            )
        return []
    if source.kind == MetricSource.Kind.SCRAPE or not _reads_past(source):
        return [newest]
    first = max(source.last_tick + step, floor(newest - CATCH_UP, source.tick_seconds))
    count = min(int((newest - first) / step) + 1, CATCH_UP_TICKS if source.failing_since is None else 1)
    return [first + step * i for i in range(count)]


def collect_reading(*, source: MetricSource, reading: Reading) -> bool:
    """Count one reading; False where this tick, or a later one, has been counted already."""
    with committed(source):
        (locked,) = prepared.objects(MetricSource, "WHERE id = %s FOR UPDATE", [source.pk])
        if locked.last_tick is not None and reading.at <= locked.last_tick:
            return False
        before = recall(locked)
        after, rows = _count(locked, before, reading)
        _thin(locked, before, after, rows, at=reading.at)
        _write_tick(locked, reading, slot_count=after.given)
        remember(locked, after)
        transaction.on_commit(lambda: keep_in_cache([row for _, row in rows]))
    return True


def floor(at: datetime, seconds: int) -> datetime:
    """The last multiple of so many seconds, counted from 1970: 10:00:44 is 10:00:30 at 30."""
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, UTC)


def zones_in_use() -> set[str]:
    """The time zones whose midnights the coarser tiers keep: those of people, and of calendars that budgets follow."""
    of_people = User.objects.values_list("time_zone", flat=True).distinct()
    calendars = Objective.objects.enabled().filter(terms__calendar__zone__isnull=False)
    of_calendars = calendars.values_list("terms__calendar__zone", flat=True).distinct().order_by()
    return {"UTC", *(zone for zone in (*of_people, *of_calendars) if _is_zone(zone))}


def _due(source: MetricSource, *, now: datetime) -> Due | None:
    """What to ask it; None, and released, where there is nothing."""
    try:
        ticks = due_ticks(source, now=now)
        if ticks:
            return Due(source, ticks, asked_of(source) if source.kind == MetricSource.Kind.PROMETHEUS else ())
    except SourceUnavailable as problem:
        _record_failure(source, problem.reason, now=now)
    _release(source, seconds=source.asked_seconds)
    return None


def _count_all(source: MetricSource, read: Read, *, now: datetime) -> int:
    """All readings of one source; what breaks here is its own failure, and the others are counted all the same."""
    counted = 0
    ended = now + timedelta(seconds=int(read.seconds))
    try:
        for reading in read.readings:
            counted += collect_reading(source=source, reading=reading)
        if read.problem is not None:
            _record_failure(source, read.problem, now=ended)
    except SourceUnavailable as problem:
        _record_failure(source, problem.reason, now=ended)
    except Exception as problem:
        log.exception("source %s", source.name)
        _record_failure(source, f"it broke off: {problem!r:.500}", now=ended)
    _release(source, seconds=read.seconds)
    return counted


def _release(source: MetricSource, *, seconds: float) -> None:
    """Others may ask it again."""
    prepared.rows(
        "UPDATE sloengine_metricsource SET asked_until = NULL, asked_seconds = %s::float8 WHERE id = %s",
        [seconds, source.pk],
    )


def _record_failure(source: MetricSource, reason: str, *, now: datetime) -> None:
    if source.failing_since is None:
        log.warning("source %s cannot be read: %s", source.name, reason)
    rows = MetricSource.objects.filter(pk=source.pk)
    rows.filter(failing_since=None).update(failing_since=now)
    rows.update(attempted_at=now, last_error=storable(reason, longest=2000))


def _count(source: MetricSource, before: SourceState, reading: Reading) -> tuple[SourceState, list[tuple[Scope, Row]]]:
    at = reading.at
    step = advance(before.readings, reading.samples, at=at.timestamp())
    after, places = _planned(source, before, step, at=at)
    totals, states = add(grown(after.totals, after.slots.size), step, places, partial=reading.partial)
    readings = step.readings
    if at.timestamp() % 3600 == 0:
        after = note_idle(after, at=at)
        if after.wiring is not None and after.wiring.ask_again():
            after = replace(after, plan=None)
        readings = forget_series(readings, before=at.timestamp() - FORGET_AFTER_SECONDS)
    listed = readings.register, len(readings.values)
    write_readings(source, readings, at=at, series_changed=listed != before.written)
    after = replace(after, last_tick=at, readings=readings, totals=totals, written=listed)
    rows = list(rows_of(at=at, blocks=after.slots.blocks, block_ids=after.block_ids, totals=totals, states=states))
    return after, [*_woken(before, {row.block_id for _, row in rows}), *rows]


def _woken(before: SourceState, written: Collection[int]) -> Iterator[tuple[Scope, Row]]:
    """What blocks of replicas had counted that had no row at the tick before and have one now: the rows that said it may be
    pruned by now, and a window must not begin at 0."""
    if before.plan is None or before.last_tick is None:
        return
    for number, ((scope, used), block_id) in enumerate(zip(before.slots.blocks, before.block_ids, strict=True)):
        place = slice(number * BLOCK_SIZE, number * BLOCK_SIZE + used)
        if scope is Scope.REPLICA and block_id in written and not before.plan.fed[place].any():
            yield scope, Row(block_id, before.last_tick, before.totals[place].tobytes(), bytes(used))


def _planned(source: MetricSource, before: SourceState, step: Step, *, at: datetime) -> tuple[SourceState, Plan]:
    """The state with a slot for all that the reading holds, and where all of it goes; nearly always as before."""
    if not step.reordered and before.plan is not None:
        if at.timestamp() % DISCOVER_EVERY_SECONDS == 0 and before.found is not None:
            _record(source, before, before.found, at=at)
        return before, before.plan
    register = step.readings.register
    sightings, wiring = before.sightings, before.wiring
    if sightings is None or sightings.register is not register:
        sightings = Sightings(register)
    if wiring is None or wiring.register is not register:
        wiring = Wiring(register)
    found = sightings.find(step.order.numbers)
    if found != before.found or at.timestamp() % DISCOVER_EVERY_SECONDS == 0:
        _record(source, before, found, at=at)
    new_series = wiring.strangers(step.order)
    after = before
    if new := missing(new_series, before.slots):
        after = _with_slots(source, before, wiring, step.order, new, at=at)
    wiring.connect(new_series, after.slots.numbers)
    places = wiring.plan(step.order, size=after.slots.size)
    return replace(after, wiring=wiring, sightings=sightings, found=found, plan=places), places


def _with_slots(
    source: MetricSource, before: SourceState, wiring: Wiring, order: Order, new: list[SlotKey], *, at: datetime
) -> SourceState:
    """With slots for new keys: replicas take those of replicas that are gone first; of what there is no room for is said so."""
    wanted = {scope: [key for key in new if key.scope is scope] for scope in Scope}
    gone = [number for number, since in before.idle.items() if at.timestamp() - since >= REUSE_AFTER_SECONDS]
    after = before
    if gone and wanted[Scope.REPLICA]:
        busy = wiring.plan(order, size=before.slots.size).fed
        free = sorted(number for number in gone if not busy[number])
        numbers = dict(zip(wanted[Scope.REPLICA], free, strict=False))
        wiring.disconnect(np.array(list(numbers.values()), np.intp))
        after = with_slots_again(source, before, numbers=numbers)
        wanted[Scope.REPLICA] = wanted[Scope.REPLICA][len(numbers) :]
    fit: list[SlotKey] = []
    for scope, keys in wanted.items():
        room = max(MAX_SLOTS[scope] - sum(used for owner, used in before.slots.blocks if owner is scope), 0)
        if len(keys) > room:
            log.error(
                "source %s asks for %d %s slots more, but has room for %d only: which label runs away?",
                source.name,
                len(keys),
                scope,
                room,
            )
        fit += keys[:room]
    return with_slots(source, after, keys=fit, at=at) if fit else after


def _record(source: MetricSource, before: SourceState, found: Found, *, at: datetime) -> None:
    record(
        found=found,
        organisation=source.organisation,
        now=at,
        simulated=source.simulated,
        before=before.found,
        before_at=before.last_tick,
    )


_WRITE_TICK: Final = """
WITH tick AS (
    INSERT INTO sloengine_tick (source_id, at, covers, state, series, warnings)
    VALUES (%(source)s, %(at)s, %(covers)s, %(state)s, %(series)s, %(warnings)s::jsonb)
)
UPDATE sloengine_metricsource
SET last_tick = %(at)s, slot_count = %(slots)s, attempted_at = %(at)s, failing_since = NULL, last_error = ''
WHERE id = %(source)s
"""


def _write_tick(source: MetricSource, reading: Reading, *, slot_count: int) -> None:
    """The tick, and the source's row that says it is counted."""
    covers = 1
    if source.last_tick is not None:
        covers = max(round((reading.at - source.last_tick).total_seconds() / source.tick_seconds), 1)
    given = {
        "source": source.pk,
        "at": reading.at,
        "covers": covers,
        "state": (Tick.State.PARTIAL if reading.partial else Tick.State.OK).value,
        "series": len(reading.samples),
        "warnings": orjson.dumps(list(reading.warnings)).decode(),
        "slots": slot_count,
    }
    prepared.rows(_WRITE_TICK, given)
    source.last_tick, source.slot_count = reading.at, slot_count
    source.attempted_at, source.failing_since, source.last_error = reading.at, None, ""


def _thin(
    source: MetricSource, before: SourceState, after: SourceState, rows: list[tuple[Scope, Row]], *, at: datetime
) -> None:
    """Each row goes into every tier that keeps it; where a step was jumped over, the row before stands in."""
    zones = zones_in_use() if at.timestamp() % MIDNIGHT_STEP_SECONDS == 0 else ()
    for tier in tiers_of(at, zones=zones):
        append(tier=tier, rows=[row for scope, row in rows if tier.replicas or scope is Scope.SERVICE])
    if source.last_tick is None:
        return
    for tier in tiers_of_stand_in(source.last_tick, at):
        coarse = [
            block_id
            for block_id, (scope, _) in zip(before.block_ids, before.slots.blocks, strict=True)
            if scope is Scope.SERVICE
        ]
        stand_in(tier=tier, finest=FINEST, block_ids=coarse, at=source.last_tick)


def _reads_past(source: MetricSource) -> bool:
    try:
        return bool(getattr(source_for(source), "reads_past", False))
    except SourceUnavailable:
        return False


@lru_cache(maxsize=256)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
