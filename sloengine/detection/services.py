"""Two claims a service: signals of it have moved for the worse, against its own last hour and the same hour of last week."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from sloengine.budgets.findings.services import Claim
from sloengine.budgets.findings.steps import Condition
from sloengine.budgets.models import FindingKind, FindingSeverity
from sloengine.budgets.slices import FINE_SECONDS, FINE_STEP
from sloengine.catalog.models import Service
from sloengine.detection import detector, queries, record, values, words
from sloengine.detection.detector import Charts, Rules
from sloengine.detection.queries import Watch
from sloengine.detection.watched import Scale
from sloengine.detection.words import Moved
from sloengine.objectives.queries import SlotMap

FALSE_ALARMS_PER_WEEK = 1.0
CLEAR_AFTER = timedelta(minutes=2)
LEARNED_FROM = timedelta(hours=1)
#: Charts without a level look at the last hour again so often.
LEARN_EVERY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Watched:
    """`kept` is what the next tick needs to know."""

    claims: list[Claim]
    kept: bytes


def watched(*, organisation_id: int, slots: SlotMap, kept: bytes, since: datetime | None, tick: datetime) -> Watched:
    """Judge all signals of all services by what was added from `since` to `tick`."""
    watch = queries.watch(organisation_id=organisation_id, slots=slots)
    if not watch.keys or since is None:
        return Watched([], kept)
    rules = _rules(watch)
    charts = record.load(kept, watch.keys)
    if np.isnan(charts.level).any() and (not kept or tick.timestamp() % LEARN_EVERY.total_seconds() == 0):
        charts = _learned(charts, watch, slots, rules, tick)
    standing = charts.stands > 0
    charts = _stepped(charts, watch, slots, rules, since, tick)
    newly = (charts.stands > 0) & ~standing
    if newly.any():
        charts = _against_last_week(charts, newly, watch, slots, rules, tick)
    return Watched(_claims(charts, watch, rules), record.dump(charts, watch.keys))


def _rules(watch: Watch) -> Rules:
    return Rules(
        floor=np.array([one.floor for one in watch.signals]),
        least=np.array([one.least for one in watch.signals]),
        share=np.array([one.scale is Scale.SHARE for one in watch.signals]),
        run_length=detector.run_length(
            charts=len(watch.keys), tick_seconds=FINE_SECONDS, false_alarms_per_week=FALSE_ALARMS_PER_WEEK
        ),
    )


def _learned(charts: Charts, watch: Watch, slots: SlotMap, rules: Rules, tick: datetime) -> Charts:
    steps = int(LEARNED_FROM / FINE_STEP)
    edges = [tick - FINE_STEP * back for back in range(steps, 0, -1)]
    over, under = queries.sums(watch, slots, edges)
    found = values.on_scale(watch.signals, over, under)
    enough = np.where(under >= rules.least / 2, found, np.nan)
    return detector.learned(charts, values=enough, over=over, under=under, rules=rules)


def _stepped(charts: Charts, watch: Watch, slots: SlotMap, rules: Rules, since: datetime, tick: datetime) -> Charts:
    over, under = (one[0] for one in queries.sums(watch, slots, (since, tick)))
    quantile, events = over.copy(), under.copy()
    of_buckets = np.zeros(len(over), np.bool_)
    of_buckets[watch.histograms] = True
    charts, over, under, enough = detector.gathered(
        charts, over=np.where(of_buckets, 0.0, over), under=under, least=rules.least
    )
    # Buckets are not kept from tick to tick: a quantile is of this tick, or there is none.
    over, under = np.where(of_buckets, quantile, over), np.where(of_buckets, events, under)
    found = values.on_scale(watch.signals, over, under)
    found = np.where(enough & (under >= rules.least), found, np.nan)
    return detector.step(charts, values=found, over=over, under=under, at=tick.timestamp(), rules=rules)


def _against_last_week(
    charts: Charts, newly: detector.Bools, watch: Watch, slots: SlotMap, rules: Rules, tick: datetime
) -> Charts:
    over, under = (one[0] for one in queries.sums(watch, slots, queries.hour_of_last_week(tick)))
    then = np.where(under >= rules.least, values.on_scale(watch.signals, over, under), np.nan)
    return detector.usual_then(charts, newly=newly, values=then, rules=rules)


def _claims(charts: Charts, watch: Watch, rules: Rules) -> list[Claim]:
    """Two claims for each service with a chart that knows its level: what users feel, and what they do not."""
    moved: dict[tuple[int, bool], list[Moved]] = defaultdict(list)
    for index in map(int, np.flatnonzero(charts.stands > 0)):
        signal = watch.signals[index]
        moved[watch.keys[index][0], signal.hurts].append(
            Moved(
                signal,
                before=values.plain(signal, float(charts.level[index])),
                now=values.plain(signal, float(charts.value[index])),
                begun_at=float(charts.begun[index]) or float(charts.stands[index]),
            )
        )
    known = {watch.keys[int(index)][0] for index in np.flatnonzero(np.isfinite(charts.level))}
    return [
        _claim(service, hurts, moved.get((service.pk, hurts), []), rules)
        for service in watch.slots.services
        if service.pk in known
        for hurts in (True, False)
    ]


def _claim(service: Service, hurts: bool, moved: list[Moved], rules: Rules) -> Claim:
    return Claim(
        fingerprint=f"moved/{service.slug}/{'felt' if hurts else 'unfelt'}",
        kind=FindingKind.MOVED,
        severity=FindingSeverity.TICKET if hurts else FindingSeverity.INFO,
        service_id=service.pk,
        condition=Condition.TRUE if moved else Condition.FALSE,
        reason=words.sentence(service.slug, moved)[:300] if moved else "",
        evidence=lambda: words.evidence(moved, run_length=rules.run_length),
        clear_after=CLEAR_AFTER,
    )
