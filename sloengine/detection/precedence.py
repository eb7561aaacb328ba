"""Does a small rise of latency come before a fall of quality? (REQUIREMENTS R6.) Pure.

A leading indicator is more than a moved signal: it has to come before, and more often than chance has it. Two series of even steps:

    rise    mean of the last LATEST steps of log latency, less the median of the BASE steps before them: 2 % or more
    fall    the same of similarity: 10 % of it or more lost
    stat    how many falls have the beginning of a rise within the hour before them, never at the same step
    null    the same count with the rises moved along the series, once by each number of steps, its end joined to its beginning:
            what bursts there are stay bursts, only their place among the falls is chance
    p       the share of all these places (the true one included) that count as many

This is event coincidence analysis with a precursor window (Donges, Schleussner, Siegmund, Donner: "Event coincidence analysis for
quantifying statistical interrelationships between event time series", Eur. Phys. J. Special Topics 225, 2016), with circular shifts
for its null. One rise 20 minutes before the one fall in two days of five-minute steps: 12 of 576 places, p = 0.02.

It says "precedes", and never "causes". It cannot say even that where the noise hides the rise: the least that can be seen is

    least = (z(0.999) + z(0.80)) * deviation * sqrt(1 / LATEST + pi / 2 / BASE)       as a share; z(0.999) = 3.090, z(0.80) = 0.842

with the robust deviation of one step (of differences, so that a level that moves adds nothing). At a deviation of 0.3 % it is 0.94 %.
A p95 is never known better than the bucket that it lies in: `resolution` is that bucket's width as a share of the value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

RISE, FALL = 0.02, 0.10
LATEST, BASE = 2, 12
WITHIN_SECONDS = 3600.0
SURE = 0.05
SIZE, POWER = 3.090, 0.842
LEAST_STEPS = 4 * BASE


class Verdict(StrEnum):
    PRECEDES = "precedes"
    NOT_SHOWN = "not shown"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Precedence:
    """`least_shift`: the smallest rise that would have been seen, as a share; `lead_seconds`: of the last fall that had one."""

    verdict: Verdict
    reason: str
    least_shift: float | None = None
    lead_seconds: float | None = None
    p_value: float | None = None
    rises: int = 0
    falls: int = 0
    measured: str = "latency"

    @property
    def sentence(self) -> str:
        """ "A rise of 2 % precedes the fall of quality by 20 min (p = 0.02; the least rise that can be seen is 0.7 %)."."""
        if self.verdict is not Verdict.PRECEDES or self.lead_seconds is None or self.p_value is None:
            return f"{self.verdict.value}: {self.reason}".capitalize() + "."
        seen = f"; the least rise that can be seen is {self.least_shift:.1%}" if self.least_shift is not None else ""
        return (
            f"A rise of {self.measured} by {RISE:.0%} or more precedes the fall of quality by {self.lead_seconds / 60:.0f} min"
            f" (p = {self.p_value:.2g}{seen}). That it comes before does not make it the cause."
        )


def precedence(
    *,
    latency: Sequence[float | None],
    similarity: Sequence[float | None],
    step_seconds: float,
    resolution: float = 0.0,
) -> Precedence:
    """Both series over the same steps, oldest first; None where nothing was read."""
    logs, answers = _logs(latency), _plain(similarity)
    if min(np.sum(np.isfinite(logs)), np.sum(np.isfinite(answers))) < LEAST_STEPS:
        return Precedence(Verdict.CANNOT_TELL, "there is too little history")
    error = _deviation(logs) * math.sqrt(1 / LATEST + math.pi / 2 / BASE)
    least = max(math.expm1((SIZE + POWER) * error), resolution)
    if least > RISE:
        return Precedence(
            Verdict.CANNOT_TELL,
            f"a rise of {RISE:.0%} hides in the noise, the least that can be seen is {least:.1%}",
            least,
        )
    rises = _beginnings(_moves(logs) >= math.log1p(RISE) - POWER * error)
    falls = _beginnings(_moves(answers) <= -FALL * _bases(answers))
    told = Precedence(Verdict.NOT_SHOWN, "quality did not fall", least, rises=int(rises.sum()), falls=int(falls.sum()))
    if not falls.any():
        return told
    window = int(WITHIN_SECONDS // step_seconds)
    met = _met(rises, falls, window)
    if not met:
        return replace(told, reason="no rise of latency within an hour before the fall of quality")
    places = len(rises)
    as_many = sum(_met(np.roll(rises, shift), falls, window) >= met for shift in range(places))
    p_value = as_many / places
    if p_value > SURE:
        return replace(told, reason=f"rises of latency come as often elsewhere (p = {p_value:.2g})", p_value=p_value)
    return replace(
        told,
        verdict=Verdict.PRECEDES,
        reason="a rise of latency comes before",
        lead_seconds=_lead(rises, falls, window) * step_seconds,
        p_value=p_value,
    )


def _logs(values: Sequence[float | None]) -> Floats:
    return np.array([math.log(one) if one is not None and one > 0 else math.nan for one in values])


def _plain(values: Sequence[float | None]) -> Floats:
    return np.array([math.nan if one is None else one for one in values])


def _deviation(values: Floats) -> float:
    """Of one step, from differences of neighbours: those of independent steps deviate sqrt(2) times as far."""
    differences = np.diff(values)
    known = differences[np.isfinite(differences)]
    return 1.4826 * float(np.median(np.abs(known - np.median(known)))) / math.sqrt(2)


def _bases(values: Floats) -> Floats:
    """At each step the median of the BASE steps before the last LATEST; NaN where half of them are missing."""
    found = np.full(len(values), np.nan)
    before = np.lib.stride_tricks.sliding_window_view(values[:-LATEST], BASE)
    enough = np.sum(np.isfinite(before), axis=1) >= BASE / 2
    found[BASE + LATEST - 1 :][enough] = np.nanmedian(before[enough], axis=1)
    return found


def _moves(values: Floats) -> Floats:
    """At each step how far the mean of the last LATEST lies from its base; NaN where one of them is missing."""
    latest = np.lib.stride_tricks.sliding_window_view(values, LATEST).mean(axis=1)
    return np.concatenate([np.full(LATEST - 1, np.nan), latest]) - _bases(values)


def _beginnings(holds: Bools) -> Bools:
    """Where it holds and did not at any of the BASE steps before: a rise is one, however long it lasts."""
    found = np.zeros(len(holds), np.bool_)
    last = -BASE - 1
    for step in np.flatnonzero(holds):
        found[step] = step - last > BASE
        last = int(step)
    return found


def _met(rises: Bools, falls: Bools, window: int) -> int:
    """Falls with the beginning of a rise among the `window` steps before them."""
    return sum(bool(rises[max(0, fall - window) : fall].any()) for fall in np.flatnonzero(falls))


def _lead(rises: Bools, falls: Bools, window: int) -> int:
    """Steps from the first rise in its window to the last fall that has one."""
    leads = [
        fall - (max(0, fall - window) + int(np.argmax(rises[max(0, fall - window) : fall])))
        for fall in map(int, np.flatnonzero(falls))
        if rises[max(0, fall - window) : fall].any()
    ]
    return leads[-1]
