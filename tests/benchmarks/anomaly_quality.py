"""Which anomalies are found, at how many false alarms: NAB beside two other detectors, and a simulated year of spend by tenant.

By name only: it takes minutes. Choices were made on realAdExchange and realKnownCause; realAWSCloudwatch is reported apart.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from sloengine.cost.anomaly import judging, pipeline, seasons
from sloengine.cost.anomaly.decide import Rules, decide
from sloengine.cost.anomaly.drivers import Driver
from sloengine.cost.anomaly.levels import DAY, MAD_TO_SD, Floats
from tests.benchmarks import Measurement, anomaly_world, nab

BY_NAME = True
NAME = "anomaly_quality"
#: Half of the one false alarm a series and week that is allowed, so that data not seen before has room.
MOST_FALSE_WHEN_CHOOSING = 0.5
MOST_FALSE = 1.0
#: An alert that comes up to so many hours after an event ended is still about it.
AFTERWARDS = 24
#: After an alert a tenant is left alone for so long.
QUIET = 48


def measure(full: bool) -> Iterator[Measurement]:
    yield from _nab()
    yield from _year(tenants=200 if full else 60, every=(28 if full else 56) * DAY)


def ours(file: nab.File) -> Floats:
    """As the platform runs: hours, judged one after the other; the score is of the last reading of an hour."""
    from sloengine.cost.anomaly import learned

    many = max(1, round(3600 / file.step_seconds))
    hours = len(file.values) // many
    use = file.values[: hours * many].reshape(hours, many).mean(axis=1)
    start = dt.datetime.fromtimestamp(float(file.seconds[0]), dt.UTC)
    prepared = pipeline.prepare(use[None], seasons.calendar(start=start, hours=hours))
    expected = pipeline.walked(prepared, train=learned.train_middle, every=14 * DAY)
    found = np.full(len(file.values), -np.inf)
    found[many - 1 : hours * many : many] = -np.log10(np.maximum(pipeline.judged(prepared, expected).rate[0], 1e-300))
    return found


def seasonal_naive(file: nab.File) -> Floats:
    """Against the same time yesterday, in median absolute deviations of the week before."""
    day = max(1, round(86400 / file.step_seconds))
    values = file.values
    residual = np.full(len(values), np.nan)
    residual[day:] = values[day:] - values[:-day]
    found = np.full(len(values), -np.inf)
    for at in range(day + 10, len(values)):
        past = residual[max(day, at - 7 * day) : at]
        middle = np.median(past)
        noise = max(MAD_TO_SD * float(np.median(np.abs(past - middle))), 0.01 * float(np.std(values[:at])) + 1e-12)
        found[at] = abs(residual[at] - middle) / noise
    return found


def isolation_forest(file: nab.File) -> Floats:
    """Windows of 24 readings against those of the part that is not scored."""
    from sklearn.ensemble import IsolationForest

    padded = np.concatenate([np.full(23, file.values[0]), file.values])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 24)
    forest = IsolationForest(random_state=0).fit(windows[: max(file.begins, 64)])
    found: Floats = -forest.score_samples(windows)
    return found


def isolation_forest_of_points(file: nab.File) -> Floats:
    from sklearn.ensemble import IsolationForest

    points = file.values[:, None]
    found: Floats = -IsolationForest(random_state=0).fit(points[: max(file.begins, 64)]).score_samples(points)
    return found


DETECTORS: Mapping[str, Callable[[nab.File], Floats]] = {
    "ours": ours,
    "seasonal naive + MAD": seasonal_naive,
    "IsolationForest of windows": isolation_forest,
    "IsolationForest of points": isolation_forest_of_points,
}


def _nab() -> Iterator[Measurement]:
    place = nab.folder()
    if place is None:
        print(
            "anomaly_quality: NAB is skipped, TAILWATCH_NAB names no folder with its data and labels", file=sys.stderr
        )
        return
    fit, held_out = nab.files(place, nab.FIT), nab.files(place, nab.HELD_OUT)
    found: dict[str, list[tuple[str, nab.Result]]] = {}
    for name, detector in DETECTORS.items():
        scores = {file.name: detector(file) for file in (*fit, *held_out)}
        chosen = nab.best(fit, scores, most_false=MOST_FALSE_WHEN_CHOOSING)
        found[name] = [
            ("fit set", nab.best(fit, scores, most_false=MOST_FALSE, by=lambda one: one.recall)),
            ("held out, threshold of the fit set", nab.result(held_out, scores, chosen.threshold)),
            (
                "held out, at one false alarm",
                nab.best(held_out, scores, most_false=MOST_FALSE, by=lambda one: one.recall),
            ),
        ]
    for place_of in range(3):
        for name, results in found.items():
            where, one = results[place_of]
            for words, value, unit, better in (
                ("events found", one.recall, "ratio", "higher"),
                ("false alarms a series and week", one.false_per_week, "", "lower"),
                ("NAB score", one.score, "", "higher"),
                ("median delay", one.delay_hours or float("nan"), "h", "lower"),
            ):
                yield Measurement(
                    benchmark=NAME, metric=f"NAB {where}, {name}: {words}", value=value, unit=unit, better=better,  # type: ignore[arg-type]
                )  # fmt: skip


def _year(*, tenants: int, every: int) -> Iterator[Measurement]:
    from sloengine.cost.anomaly import learned

    world = anomaly_world.year(tenants=tenants)
    when = seasons.calendar(start=anomaly_world.START, hours=anomaly_world.HOURS, holidays=anomaly_world.HOLIDAYS)
    book = judging.walked(world.use, when, train=learned.train_middle, every=every)
    hits: dict[anomaly_world.Planted, tuple[int, bool]] = {}
    alerts = wrong = 0
    last: dict[int, int] = {}
    for row, at in book.moved(
        since=anomaly_world.QUIET_HOURS, until=anomaly_world.HOURS, most_per_week=Rules().most_per_week
    ):
        if at - last.get(row, -QUIET) < QUIET:
            continue
        verdict = decide(book.hour(row, at))
        if not verdict.opens:
            continue
        last[row] = at
        alerts += 1
        about = [one for one in world.planted if one.row == row and _about(one, at)]
        wrong += not about
        if about:
            hits.setdefault(about[-1], (at - about[-1].since, _named(about[-1], verdict.driver)))
    for kind in anomaly_world.Kind:
        mine = [one for one in world.planted if one.kind is kind]
        yield _ratio(
            f"year of {tenants} tenants, {len(mine)} of {kind}: found", sum(one in hits for one in mine), len(mine)
        )
    yield _ratio(f"year of {tenants} tenants, {len(world.planted)} planted: recall", len(hits), len(world.planted), 0.9)
    yield _ratio(f"year of {tenants} tenants, {alerts} alerts: precision", alerts - wrong, alerts, 0.85)
    yield _ratio("driver named, of those found", sum(named for _, named in hits.values()), len(hits), 0.95)
    yield Measurement(
        benchmark=NAME, metric="delay, 90 of 100 events", value=float(np.percentile([late for late, _ in hits.values()], 90)),
        unit="h", better="lower", target=6.0,
    )  # fmt: skip


def _about(one: anomaly_world.Planted, at: int) -> bool:
    began = one.since <= at < min(one.until, one.since + 48) + AFTERWARDS
    return began or (one.kind is anomaly_world.Kind.MIX and one.until <= at < one.until + AFTERWARDS)


def _named(one: anomaly_world.Planted, driver: object) -> bool:
    """Of a mix both factors that moved are right."""
    return driver is not Driver.PRICE if one.kind is anomaly_world.Kind.MIX else driver is one.driver


def _ratio(metric: str, part: int, whole: int, target: float | None = None) -> Measurement:
    return Measurement(
        benchmark=NAME, metric=metric, value=part / max(whole, 1), unit="ratio", better="higher", target=target
    )
