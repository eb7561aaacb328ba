"""Has a signal moved for the worse? A test that may be asked at every tick, with a stated rate of false alarms. Pure.

An e-detector (Shin, Ramdas, Rinaldo: "E-detectors: a nonparametric framework for sequential change detection", arXiv 2203.03532,
section 2), as `probes.sequential` is one for answers; here for all signals of all services at once, as arrays of charts.

    residual   z = (x - level) / max(noise, floor) - ALLOWANCE      x on its scale, turned so that more is worse
    evidence   L = exp(bet * z - bet^2 / 2)                         for each of four bets, in noises
    share      L = odds^bad / (1 + null * (odds - 1))^events        for each of four odds; null: twice the usual share, or the floor
    sum        M = L * (M + 1)                                      alarm where the mean of the four M reaches `run_length`

The expectation of L is at most 1 while z is sub-Gaussian of variance 1 around 0 or less (bad events binomial with at most `null`),
whatever came before. Then M less the number of ticks is a supermartingale, and the expected number of ticks to a false alarm of a
chart is at least `run_length`. One tick is worth MOST at most, less than any alarm needs: no single odd tick alarms.

Level and noise are those of the last hour (median, and 1.4826 median absolute deviations), carried on with a memory of half an
hour while nothing is suspected; a step moves the level by two noises at most. The factor 1.4826 makes the deviation that of a
normal distribution. Residuals are not independent, and have tails: what that costs is measured (docs/detection.md).

A run length of 725,760: one false alarm a week of 36 charts with 2,880 ticks a day. It needs 13.5 (and 1.4 for four bets) of log
evidence: a departure of 5 noises beyond the allowance gives it in 2 ticks, of 2 noises in 8, of 1 in half an hour.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

BETS = np.array([0.5, 1.0, 2.0, 3.0])
ODDS = np.array([2.0, 4.0, 16.0, 128.0])
ALLOWANCE = 1.0
#: The most that one tick may say, as residual and as log evidence.
FARTHEST = 5.0
MOST = 10.5
#: Log evidence from which on a chart is suspected: its level waits.
SUSPECTED = 3.0
MEMORY = 1 / 60  # ticks of 30 s: half an hour
LEAST_VALUES = 12  # of the last hour, to know a level
SMOOTHED = 0.3
#: A departure that stands for so long is the new usual.
ACCEPTED_AFTER_SECONDS = 7200.0
WEEK_SECONDS = 604_800


@dataclass(frozen=True, slots=True, eq=False)
class Charts:
    """What is known of each chart, one row a chart. `level` is NaN until it is learned; of a share it is the share."""

    level: Floats
    noise: Floats
    evidence: Floats  # charts x bets: log of the sums
    begun: Floats  # unix seconds: the last tick at which nothing was suspected
    stands: Floats  # unix seconds of the alarm, 0 where none stands
    recent: Floats  # the residual, smoothed over the last ticks
    value: Floats  # on its scale, of the last tick that had one
    pending_over: Floats
    pending_under: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What is the same at every tick: `floor` and `least` of each chart, and which are shares."""

    floor: Floats
    least: Floats
    share: Bools
    run_length: float


def new(count: int) -> Charts:
    """Charts of which nothing is known."""
    unknown = np.full(count, np.nan)
    return Charts(
        level=unknown,
        noise=np.zeros(count),
        evidence=np.full((count, len(BETS)), -np.inf),
        begun=np.zeros(count),
        stands=np.zeros(count),
        recent=np.zeros(count),
        value=unknown.copy(),
        pending_over=np.zeros(count),
        pending_under=np.zeros(count),
    )


def run_length(*, charts: int, tick_seconds: float, false_alarms_per_week: float) -> float:
    """Ticks to a false alarm of one chart so that all together have so many a week: 36 charts at 30 s, one a week: 725,760."""
    return max(charts, 1) * WEEK_SECONDS / tick_seconds / false_alarms_per_week


def learned(charts: Charts, *, values: Floats, over: Floats, under: Floats, rules: Rules) -> Charts:
    """Level and noise of charts that have none, from the ticks of the last hour (ticks x charts; NaN where there was no value)."""
    unknown = np.isnan(charts.level) & (np.sum(np.isfinite(values), axis=0) >= LEAST_VALUES)
    if not unknown.any():
        return charts
    level, noise = charts.level.copy(), charts.noise.copy()
    some = values[:, unknown]
    level[unknown] = np.nanmedian(some, axis=0)
    noise[unknown] = 1.4826 * np.nanmedian(np.abs(some - level[unknown]), axis=0)
    shares = unknown & rules.share
    if shares.any():
        level[shares] = np.sum(over[:, shares], axis=0) / np.maximum(np.sum(under[:, shares], axis=0), 1.0)
    return _with(charts, level=level, noise=noise)


def step(charts: Charts, *, values: Floats, over: Floats, under: Floats, at: float, rules: Rules) -> Charts:
    """One tick ended at `at`: the values on their scale (NaN where there is none), and for shares bad events and all."""
    known = np.isfinite(values) & np.isfinite(charts.level)
    z = np.zeros(len(values))
    spread = np.maximum(charts.noise, rules.floor)
    np.divide(values - charts.level, spread, out=z, where=known & ~rules.share)
    z = np.clip(z - ALLOWANCE, -FARTHEST, FARTHEST)
    gains = BETS * z[:, None] - BETS**2 / 2
    shares = known & rules.share
    if shares.any():
        null = np.minimum(np.maximum(2 * charts.level[shares], rules.floor[shares]), 0.5)
        bad, events = over[shares, None], under[shares, None]
        gains[shares] = bad * np.log(ODDS) - events * np.log1p(null[:, None] * (ODDS - 1))
        excess = values[shares] - null
        z[shares] = np.clip(excess / np.maximum(null, 0.01), -1.0, FARTHEST)
    with np.errstate(invalid="ignore"):
        grown = np.minimum(gains, MOST) + np.logaddexp(0.0, charts.evidence)
    evidence = np.where(known[:, None], grown, charts.evidence)
    told = together(evidence)
    standing = charts.stands > 0
    alarmed = known & ~standing & (told >= np.log(rules.run_length))
    calm = known & (told < SUSPECTED) & ~standing
    recent = np.where(known, charts.recent + SMOOTHED * (z - charts.recent), charts.recent)
    recent[alarmed] = FARTHEST
    over_by = at - charts.stands
    ends = standing & (recent <= 0.0)
    accepted = standing & ~ends & (over_by >= ACCEPTED_AFTER_SECONDS)
    evidence[standing | alarmed] = -np.inf
    level, noise = _carried(charts, values, calm, spread, rules)
    level[accepted] = np.nan  # learned anew from the last hour
    return Charts(
        level=level,
        noise=noise,
        evidence=evidence,
        begun=np.where(calm, at, charts.begun),
        stands=np.where(alarmed, at, np.where(ends | accepted, 0.0, charts.stands)),
        recent=recent,
        value=np.where(known, values, charts.value),
        pending_over=charts.pending_over,
        pending_under=charts.pending_under,
    )


def gathered(charts: Charts, *, over: Floats, under: Floats, least: Floats) -> tuple[Charts, Floats, Floats, Bools]:
    """What this tick brought and what was too little to judge before; what is judged now, and of which charts."""
    over, under = charts.pending_over + over, charts.pending_under + under
    enough = under >= least
    return (
        _with(charts, pending_over=np.where(enough, 0.0, over), pending_under=np.where(enough, 0.0, under)),
        over,
        under,
        enough,
    )


def together(evidence: Floats) -> Floats:
    """Log of the mean of the four sums."""
    most = np.max(evidence, axis=1)
    safe = np.where(np.isfinite(most), most, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(safe + np.log(np.mean(np.exp(evidence - safe[:, None]), axis=1)))


def usual_then(charts: Charts, *, newly: Bools, values: Floats, rules: Rules) -> Charts:
    """Without those of the new alarms whose value is usual for the same hour of last week; that hour's value is their level."""
    known = newly & np.isfinite(values)
    spread = np.where(rules.share, np.maximum(values, rules.floor), ALLOWANCE * np.maximum(charts.noise, rules.floor))
    with np.errstate(invalid="ignore"):
        usual = known & (charts.value <= values + spread)
    return _with(
        charts,
        level=np.where(usual, values, charts.level),
        stands=np.where(usual, 0.0, charts.stands),
        recent=np.where(usual, 0.0, charts.recent),
    )


def _carried(charts: Charts, values: Floats, calm: Bools, spread: Floats, rules: Rules) -> tuple[Floats, Floats]:
    away = np.where(calm, values - charts.level, 0.0)
    held = np.where(rules.share, away, np.clip(away, -2 * spread, 2 * spread))
    level = charts.level + MEMORY * held
    squared = charts.noise**2 + MEMORY * (np.minimum(away**2, 9 * spread**2) - charts.noise**2)
    return level, np.where(calm, np.sqrt(np.maximum(squared, 0.0)), charts.noise)


def _with(charts: Charts, **changed: Floats) -> Charts:
    return Charts(**{one.name: changed.get(one.name, getattr(charts, one.name)) for one in fields(Charts)})
