"""Readings played back, and sources that live in this process: the fake that ships.

`register("fleet", source)` makes `source` readable as a MetricSource of kind memory with url "memory:fleet".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from probes.exposition import Series
from sloengine.sources.base import Reading, Source, SourceUnavailable

_registered: dict[str, Source] = {}


class Recorded:
    """Plays readings back: at any instant the last one taken at or before it."""

    reads_past = True

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = sorted(readings, key=lambda reading: reading.at)
        self._instants = [reading.at for reading in self._readings]

    def read(self, at: datetime) -> Reading:
        place = bisect_right(self._instants, at)
        if place == 0:
            raise SourceUnavailable(f"nothing was recorded at or before {at:%Y-%m-%d %H:%M:%S}")
        found = self._readings[place - 1]
        return Reading(at, found.samples, found.partial, found.warnings)


class Live:
    """Whatever `samples` returns at the moment it is read; the past is gone."""

    reads_past = False

    def __init__(self, samples: Callable[[], Mapping[Series, float]]) -> None:
        self._samples = samples

    def read(self, at: datetime) -> Reading:
        return Reading(at, self._samples())


def register(name: str, source: Source) -> None:
    _registered[name] = source


def unregister(name: str) -> None:
    _registered.pop(name, None)


def registered(name: str) -> Source:
    found = _registered.get(name)
    if found is None:
        raise SourceUnavailable(f"no source called {name} is registered in this process")
    return found
