"""The Numenta Anomaly Benchmark's files and its scoring, written from its description (Lavin and Ahmad, ICMLA 2015).

The data is read where TAILWATCH_NAB names a folder that holds `data/` and `labels/combined_windows.json`; nothing of it is kept here.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sloengine.cost.anomaly.levels import Floats

#: The data beside a checkout, where nobody says where it is.
BESIDE = Path(__file__).parents[3] / "shared" / "data" / "nab"
FIT, HELD_OUT = ("realAdExchange", "realKnownCause"), ("realAWSCloudwatch",)
FALSE_WEIGHT = 0.11
WEEK_SECONDS = 604800.0
#: An alarm keeps its series quiet for so long, whoever raised it.
QUIET_SECONDS = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class File:
    """`windows` are (first, last) places of labelled anomalies. What lies before `begins` is not scored."""

    name: str
    seconds: Floats
    values: Floats
    windows: tuple[tuple[int, int], ...]

    @property
    def begins(self) -> int:
        return min(int(0.15 * len(self.values)), 750)

    @property
    def step_seconds(self) -> float:
        return float(np.median(np.diff(self.seconds)))

    @property
    def weeks(self) -> float:
        return float(self.seconds[-1] - self.seconds[self.begins]) / WEEK_SECONDS


def folder() -> Path | None:
    """None where the data is not there."""
    place = Path(os.environ.get("TAILWATCH_NAB", BESIDE))
    return place if (place / "labels" / "combined_windows.json").is_file() else None


def files(place: Path, groups: Sequence[str]) -> list[File]:
    labels = json.loads((place / "labels" / "combined_windows.json").read_text())
    return [_file(place, name, labels[name]) for name in sorted(labels) if name.split("/")[0] in groups]


def _file(place: Path, name: str, windows: Sequence[Sequence[str]]) -> File:
    with (place / "data" / name).open() as lines:
        rows = [(_seconds(row["timestamp"]), float(row["value"])) for row in csv.DictReader(lines)]
    seconds, values = (np.array(column) for column in zip(*rows, strict=True))
    places = []
    for begin, end in windows:
        inside = np.flatnonzero((seconds >= _seconds(begin)) & (seconds <= _seconds(end)))
        places.append((int(inside[0]), int(inside[-1])))
    return File(name, seconds, values, tuple(places))


def _seconds(text: str) -> float:
    return dt.datetime.fromisoformat(text[:19]).replace(tzinfo=dt.UTC).timestamp()


def alarms(file: File, scores: Floats, threshold: float) -> list[int]:
    """Where a score first reaches the threshold, and again once the quiet time is over."""
    found: list[int] = []
    last = -math.inf
    for place in np.flatnonzero(scores >= threshold):
        if place >= file.begins and file.seconds[place] - last >= QUIET_SECONDS:
            found.append(int(place))
            last = float(file.seconds[place])
    return found


@dataclass(frozen=True, slots=True)
class Result:
    threshold: float
    found: int
    events: int
    false_per_week: float
    delay_hours: float | None  # median, of those that were found
    score: float  # NAB's, standard profile: 0 is no detector, 100 a perfect one

    @property
    def recall(self) -> float:
        return self.found / self.events


def result(some: Sequence[File], scores: Mapping[str, Floats], threshold: float) -> Result:
    events = sum(len(file.windows) for file in some)
    wrong, raw, delays = 0, 0.0, []
    for file in some:
        raised = alarms(file, scores[file.name], threshold)
        raw += raw_score(file, raised)
        wrong += sum(not _inside(file, place) for place in raised)
        for begin, end in file.windows:
            hits = [place for place in raised if begin <= place <= end]
            if hits:
                delays.append(float(file.seconds[hits[0]] - file.seconds[begin]) / 3600)
    weeks = sum(file.weeks for file in some)
    delay = float(np.median(delays)) if delays else None
    return Result(threshold, len(delays), events, wrong / weeks, delay, 100 * (raw + events) / (2 * events))


def raw_score(file: File, raised: Sequence[int]) -> float:
    """1 for each window found at its beginning, less when later; -1 for each missed; up to -0.11 for each false alarm."""
    score = 0.0
    for begin, end in file.windows:
        hits = [place for place in raised if begin <= place <= end]
        score += _sigmoid(-(end - hits[0] + 1) / (end - begin + 1)) / _sigmoid(-1.0) if hits else -1.0
    for place in raised:
        if not _inside(file, place):
            before = [window for window in file.windows if window[1] < place]
            far = (place - before[-1][1]) / max(before[-1][1] - before[-1][0], 1) if before else math.inf
            score += FALSE_WEIGHT * _sigmoid(far)
    return score


def _inside(file: File, place: int) -> bool:
    return any(begin <= place <= end for begin, end in file.windows)


def _sigmoid(far: float) -> float:
    return -1.0 if far > 3 else 2 / (1 + math.exp(5 * far)) - 1


def best(
    some: Sequence[File],
    scores: Mapping[str, Floats],
    *,
    most_false: float,
    by: Callable[[Result], float] = lambda one: one.score,
) -> Result:
    """The threshold with the highest NAB score (or what `by` says) that keeps false alarms per series-week at or below `most_false`."""
    pool = np.concatenate([scores[file.name][file.begins :] for file in some])
    pool = pool[np.isfinite(pool)]
    steps = np.concatenate([np.linspace(0.93, 0.998, 60), np.linspace(0.9983, 0.99999, 25)])
    tried = [result(some, scores, float(one)) for one in np.unique(np.quantile(pool, steps))]
    return max((one for one in tried if one.false_per_week <= most_false), key=lambda one: (by(one), one.score))
