"""The learned expectation: gradient boosting of quantiles on calendar features of the ratio to the level. Pure.

One model for all series of an organisation. Each is seen as the ratio to its own level, so that large and small ones teach each
other; its own habits come in as features: the ratio a day and a week ago, its calendar profile, the week's trend. scikit-learn
takes 4 seconds to import: only the slow queue loads this module. One thread: on small work OpenMP's threads mostly wait for each other
on a machine that has other things to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from sloengine.cost.anomaly.levels import Floats
from sloengine.cost.anomaly.pipeline import Prepared

LOW, MIDDLE, HIGH = QUANTILES = (0.05, 0.5, 0.95)
MOST_ROWS = 40_000


@dataclass(frozen=True, slots=True)
class Model:
    """A regressor for each quantile."""

    of: Mapping[float, HistGradientBoostingRegressor]

    def at(self, quantile: float, rows: Floats) -> Floats:
        """Of rows x features, shaped series x hours x features, the log ratio that a `quantile` of hours stays below."""
        with threadpool_limits(1):
            found: Floats = self.of[quantile].predict(rows.reshape(-1, rows.shape[-1])).reshape(rows.shape[:-1])
        return found


def fit(*, rows: Floats, ratios: Floats, quantiles: Sequence[float] = QUANTILES) -> Model:
    """Of series x hours x features and their log ratios; a sample of 40,000 hours is enough to learn a calendar from."""
    flat, target = rows.reshape(-1, rows.shape[-1]), ratios.reshape(-1)
    known = np.flatnonzero(np.isfinite(target))
    if known.size > MOST_ROWS:
        known = np.random.default_rng(0).choice(known, MOST_ROWS, replace=False)
    with threadpool_limits(1):
        return Model({quantile: _quantile(flat[known], target[known], quantile) for quantile in quantiles})


def train(prepared: Prepared, since: int, until: int) -> Model:
    """All quantiles, on the hours since..until of every series that were known."""
    return _trained(prepared, since, until, QUANTILES)


def train_middle(prepared: Prepared, since: int, until: int) -> Model:
    """What is usual without how far hours stray from it: all that a score needs."""
    return _trained(prepared, since, until, (MIDDLE,))


def _trained(prepared: Prepared, since: int, until: int, quantiles: Sequence[float]) -> Model:
    rows = prepared.rows(since, until)
    ratios = np.where(prepared.known, prepared.ratios, np.nan)[:, since:until]
    return fit(rows=rows, ratios=ratios, quantiles=quantiles)


def _quantile(rows: Floats, target: Floats, quantile: float) -> HistGradientBoostingRegressor:
    model = HistGradientBoostingRegressor(
        loss="quantile",
        quantile=quantile,
        max_iter=40,
        learning_rate=0.12,
        max_leaf_nodes=15,
        min_samples_leaf=40,
        categorical_features=[0, 1],
        early_stopping=False,
        random_state=0,
    )
    return model.fit(rows, target)
