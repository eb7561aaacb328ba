"""Exponential histograms as OpenTelemetry sends them, to counts at fixed bounds, every one of them exact. Pure.

Bucket i of scale s holds values in (base^i, base^(i+1)] with base = 2^(2^-s); two neighbours are one bucket of the scale below, so a finer
histogram becomes a coarser one without loss (https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram). All are
brought to scale 3, eight bounds to an octave, 9 % apart. A bound of an objective is on that grid where it is a power of two in the metric's
own unit: 250 ms in seconds is. Any other lies between two bounds of the grid, and both are shown: for 300 ms 297.3 and 324.2 ms. Nothing is
placed within a bucket, so an objective at 300 ms is judged at 297.3 ms and says so.

A histogram that is coarser than scale 3 cannot tell those bounds and is left out: senders keep 160 buckets by default, which is scale 3 or
finer for values that lie within a factor of a million.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from probes.tally import LATENCY_BOUNDS, TOKEN_BOUNDS

SCALE = 3
_STEPS = 2**SCALE  # bounds to an octave


@dataclass(frozen=True, slots=True)
class Exponential:
    scale: int
    offset: int
    counts: Sequence[int]  # of positive values
    below: int = 0  # values that are zero or less
    zero_threshold: float = 0.0


class TooCoarse(ValueError):
    """Its buckets do not end at the bounds that are shown."""


def grid(name: str, *, factor: float) -> tuple[int, ...]:
    """Which bounds a metric has, as exponents of 2^(1/8) in its own unit. `factor`: seconds in one of that unit."""
    wanted = TOKEN_BOUNDS if "time_per_output" in name else LATENCY_BOUNDS
    found: set[int] = set()
    for bound in wanted:
        exact = math.log2(bound / factor) * _STEPS
        near = round(exact)
        found |= {near} if math.isclose(exact, near, abs_tol=1e-9) else {math.floor(exact), math.ceil(exact)}
    return tuple(sorted(found))


def bounds(exponents: Sequence[int], *, factor: float) -> tuple[float, ...]:
    """In seconds: exponent -16 is 0.25."""
    return tuple(2.0 ** (exponent / _STEPS) * factor for exponent in exponents)


def counts(one: Exponential, exponents: Sequence[int]) -> tuple[float, ...]:
    """Not cumulative, one more than the bounds. Raises TooCoarse. Without bounds every histogram is fine enough."""
    if not exponents:
        return (float(one.below + sum(one.counts)),)
    shift = one.scale - SCALE
    if shift < 0:
        raise TooCoarse(f"scale {one.scale}")
    if one.zero_threshold > 2.0 ** (exponents[0] / _STEPS):
        raise TooCoarse(f"values up to {one.zero_threshold:g} count as zero")
    out = [0] * (len(exponents) + 1)
    out[0] = one.below
    place = 0
    for index, count in enumerate(one.counts, one.offset):
        upper = (index >> shift) + 1  # the bucket's upper bound on the grid
        while place < len(exponents) and exponents[place] < upper:
            place += 1
        out[place] += count
    return tuple(map(float, out))
