"""All tenants and services of an organisation at once: each measure scored, hours looked at one by one where something moved. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sloengine.cost.anomaly import pipeline
from sloengine.cost.anomaly.decide import Hour, Measure, Score
from sloengine.cost.anomaly.drivers import Factors
from sloengine.cost.anomaly.levels import DAY, Floats
from sloengine.cost.anomaly.pipeline import RUNGS, Expected, Prepared, Rung
from sloengine.cost.anomaly.scores import VIEWS, Scored, View
from sloengine.cost.anomaly.seasons import Calendar

if TYPE_CHECKING:
    from sloengine.cost.anomaly.learned import Model

Key = tuple[str, str]  # service, tenant
#: Hours that a view looks back over.
HOURS_OF = {View.POINT: 1, View.JUMP: 1, View.THREE: 3, View.TWELVE: 12}
#: An hour so far out belongs to a step.
LASTING_NOISES = 2.0
#: Prices follow no clock: they are held to their level alone.
LEARNED = (Measure.SPEND, Measure.REQUESTS, Measure.SIZE)
CALIBRATION = 14 * DAY


@dataclass(frozen=True, slots=True)
class Use:
    """Series x hours, oldest first; `usd` is NaN where a part has no price. Hours before a series began are NaN in all three."""

    keys: Sequence[Key]
    requests: Floats
    tokens: Floats
    usd: Floats

    @property
    def priced(self) -> Floats:
        """USD, or tokens of a series any of whose hours has no price."""
        known = ~np.any(np.isnan(self.usd) & ~np.isnan(self.tokens), axis=1)
        return np.where(known[:, None], self.usd, self.tokens)

    def has_price(self, row: int) -> bool:
        return not bool(np.any(np.isnan(self.usd[row]) & ~np.isnan(self.tokens[row])))

    def measures(self) -> dict[Measure, Floats]:
        spend = self.priced
        with np.errstate(divide="ignore", invalid="ignore"):
            size = np.where(self.requests > 0, self.tokens / self.requests, np.nan)
            price = np.where(self.tokens > 0, spend / self.tokens, np.nan)
        return {Measure.SPEND: spend, Measure.REQUESTS: self.requests, Measure.SIZE: size, Measure.PRICE: price}


@dataclass(frozen=True, slots=True)
class Judged:
    prepared: Prepared
    expected: Expected
    scored: Scored
    model: Model | None = None


Train = Callable[[Prepared, int, int], "Model"]


@dataclass(frozen=True, slots=True)
class Book:
    """Every measure of every series, judged."""

    use: Use
    of: Mapping[Measure, Judged]

    def moved(self, *, since: int, until: int, most_per_week: float) -> list[tuple[int, int]]:
        """(series, hour) where some measure's rate is at most this."""
        any_moved = np.zeros((len(self.use.keys), until - since), bool)
        for judged in self.of.values():
            any_moved |= judged.scored.rate[:, since:until] <= most_per_week
        return [(int(row), int(at) + since) for row, at in zip(*np.nonzero(any_moved), strict=True)]

    def hour(self, row: int, at: int) -> Hour:
        """What is known of a series at an hour, over as many hours as its most improbable view looks back."""
        scores = {measure: self._score(judged, row, at) for measure, judged in self.of.items()}
        measure = min(scores, key=lambda one: scores[one].rate)
        hours = min(HOURS_OF[scores[measure].view], at + 1)
        if hours > 1 and not self._lasts(measure, row, at):
            hours = 1
        since = at - hours + 1
        spend = self.use.priced[row, since : at + 1]
        actual = _factors(self.use.requests[row, since : at + 1], self.use.tokens[row, since : at + 1], spend)
        return Hour(
            actual=actual,
            expected=self._expected(row, since, at + 1, actual),
            scores=scores,
            hours=hours,
            priced=self.use.has_price(row),
            age_hours=int(self.of[Measure.SPEND].prepared.age[row, at]),
        )

    def _lasts(self, measure: Measure, row: int, at: int) -> bool:
        """Whether the hour before stood out too: one hour alone that is far enough out also lifts the mean of three."""
        noises = self.of[measure].scored.noises[row]
        return bool(at > 0 and noises[at - 1] * np.sign(noises[at]) >= LASTING_NOISES)

    def usual(self, measure: Measure, row: int, since: int, until: int) -> Floats:
        """What was expected, in the measure's own unit."""
        judged = self.of[measure]
        prepared, window = judged.prepared, slice(since, until)
        found: Floats = prepared.back(prepared.level[row, window] + judged.expected.median[row, window], row)
        return found

    def band(self, row: int, at: int) -> tuple[float, float] | None:
        """What nine hours like this one of ten spend between; None where no model was old enough to say."""
        judged = self.of[Measure.SPEND]
        prepared, model = judged.prepared, judged.model
        if model is None or RUNGS[judged.expected.rung[row, at]] is not Rung.LEARNED:
            return None
        rows = prepared.rows(at, at + 1)[row : row + 1]
        low, high = (float(model.at(quantile, rows)[0, 0]) for quantile in (0.05, 0.95))
        both = prepared.back(prepared.level[row, at] + np.array([low, high]), row)
        return float(np.min(both)), float(np.max(both))

    def _expected(self, row: int, since: int, until: int, actual: Factors) -> Factors:
        requests = self.usual(Measure.REQUESTS, row, since, until)
        whole = float(np.sum(requests))
        weights = requests / whole if whole > 0 else np.full(len(requests), 1 / len(requests))
        size = float(np.sum(weights * self.usual(Measure.SIZE, row, since, until)))
        price = float(np.mean(self.usual(Measure.PRICE, row, since, until)))
        if Measure.PRICE not in self.of or not np.isfinite(price):
            price = actual.price
        return Factors(whole, size, price)

    @staticmethod
    def _score(judged: Judged, row: int, at: int) -> Score:
        return Score(
            float(judged.scored.rate[row, at]), VIEWS[judged.scored.view[row, at]], float(judged.scored.noises[row, at])
        )


def _factors(requests: Floats, tokens: Floats, spend: Floats) -> Factors:
    asked, used, paid = (float(np.nansum(values)) for values in (requests, tokens, spend))
    return Factors(asked, used / asked if asked > 0 else 0.0, paid / used if used > 0 else 0.0)


def book(use: Use, when: Calendar, *, train: Train | None = None) -> Book:
    """Judge by the rungs that the history allows; with `train` the newest two weeks of old series by a model of what lies before."""
    found = {}
    for measure, values in use.measures().items():
        prepared = pipeline.prepare(values, when)
        expected = pipeline.by_calendar(prepared)
        length, model = values.shape[1], None
        if train is not None and measure in LEARNED and length > pipeline.LEARNED_FROM:
            since = length - min(CALIBRATION, length // 2)
            model = train(prepared, 0, since)
            expected = pipeline.by_model(prepared, expected, model=model, since=since, until=length)
        if measure is Measure.PRICE:
            expected = Expected(np.zeros_like(expected.median), np.zeros_like(expected.rung))
        found[measure] = Judged(prepared, expected, pipeline.judged(prepared, expected), model)
    return Book(use, found)


def walked(use: Use, when: Calendar, *, train: Train, every: int) -> Book:
    """As `book`, but every hour as it would have been judged then: back-tests and benchmarks."""
    found = {}
    for measure, values in use.measures().items():
        prepared = pipeline.prepare(values, when)
        if measure in LEARNED:
            expected = pipeline.walked(prepared, train=train, every=every)
        else:
            expected = Expected(np.zeros_like(prepared.ratios), np.zeros(prepared.ratios.shape, np.int64))
        found[measure] = Judged(prepared, expected, pipeline.judged(prepared, expected))
    return Book(use, found)
