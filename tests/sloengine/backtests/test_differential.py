"""Against Prometheus itself: 200 generated histories a pair of windows, the same multi-window rules, the same firing ticks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from probes.exposition import Series
from sloengine.backtests.history import History, families_of
from sloengine.backtests.track import Judged, instants, judged, moment
from sloengine.budgets.burnrate import Windows, verdicts
from sloengine.budgets.windows import Tier, tiers
from sloengine.objectives.objective import Indicator, Method, Objective
from sloengine.reports.sloth import span
from sloengine.sources.prometheus import PrometheusSource
from tests import servers
from tests.conftest import NOW
from tests.sloengine.backtests.generated import Generated, generate
from tests.sloengine.histories import blocks_of_lines

HISTORIES = 200
TARGET = Decimal("0.99")
BUDGET = float(1 - TARGET)
TIERS = tiers(period=timedelta(days=30))


@dataclass(frozen=True, slots=True)
class Scale:
    """Fast windows at a minute's step, slow ones at ten minutes'."""

    tiers: tuple[Tier, ...]
    step: int
    steps: int
    judged: int  #: how many of the last steps are compared


SCALES = {"fast": Scale(TIERS[:2], 60, 470, 100), "slow": Scale(TIERS[2:], 600, 540, 100)}


def promise(service: str) -> Objective:
    return Objective(
        service=service, slug="availability", title="", indicator=Indicator.AVAILABILITY, method=Method.OCCURRENCES, target=TARGET,
        window=timedelta(days=30),
    )  # fmt: skip


def ours(counted: Judged, scale: Scale, since: float) -> dict[str, set[int]]:
    """The seconds at which each tier burns, by the verdicts of live evaluation."""
    lengths = tuple(sorted({each for tier in scale.tiers for each in (tier.long_seconds, tier.short_seconds)}))
    rows = np.flatnonzero(counted.at >= since)
    bad, total, covered = (np.zeros((len(rows), len(lengths))) for _ in range(3))
    for column, length in enumerate(lengths):
        before = counted.places(length)[rows]
        total[:, column] = counted.total[rows] - counted.total[before]
        bad[:, column] = np.clip(total[:, column] - (counted.good[rows] - counted.good[before]), 0, None)
        covered[:, column] = counted.covered[rows] - counted.covered[before]
    age = counted.at[rows] - counted.at[0]
    found = verdicts(
        windows=Windows(lengths, bad, total, covered, np.zeros(bad.shape), age),
        budget=np.full(len(rows), BUDGET),
        tiers=scale.tiers,
        minimum_failures=np.zeros(len(rows)),
        tick_seconds=scale.step,
    )
    return {
        tier.name: {int(counted.at[row]) for row, each in zip(rows, found, strict=True) if each[place].burning}
        for place, tier in enumerate(scale.tiers)
    }


def ratio(seconds: int, which: str = "") -> str:
    """The error ratio of every history over a window, as a rule would have it."""
    bad, whole = (
        f'sum by (service) (increase(tailwatch_requests_total{{outcome=~"{outcome}"{which}}}[{span(seconds)}]))'
        for outcome in ("error", "ok|error")
    )
    return f"({bad} / {whole})"


def theirs(source: PrometheusSource, scale: Scale, ticks: Sequence[float]) -> dict[tuple[str, str], set[int]]:
    """The seconds at which Prometheus's own evaluation of each rule returns a history."""
    found: dict[tuple[str, str], set[int]] = {}
    for tier in scale.tiers:
        limit = f"{tier.factor * BUDGET!r}"
        rule = f"({ratio(tier.long_seconds)} > {limit}) and ({ratio(tier.short_seconds)} > {limit})"
        envelope = source.connection.range(rule, start=moment(ticks[0]), end=moment(ticks[-1]), step_seconds=scale.step)
        for row in envelope["data"]["result"]:
            found[row["metric"]["service"], tier.name] = {int(at) for at, _ in row["values"]}
    return found


def apart(one: set[int], other: set[int], step: int) -> list[int]:
    """Ticks of one that the other has not, nor a tick before or after."""
    return sorted(at for at in one - other if not {at - step, at + step} & other)


def explained(source: PrometheusSource, history: Generated, counted: Judged, tier: Tier, at: int, *, step: int) -> str:
    """Why the two differ at a tick, or "" where nothing is known to explain it."""
    window = history.happened(at - tier.long_seconds - 600, at)
    if "birth" in window:
        return "birth: increase() leaves out what a counter was born with"
    if "gap" in window:
        return "gap: increase() extrapolates to a window's edge, ours counts at the tick that sees it"
    told = [_told(source, history, seconds, at) for seconds in (tier.long_seconds, tier.short_seconds)]
    if None in told:
        return "few samples: increase() needs two in its window"
    mine = [_burns(counted, seconds, at, step) for seconds in (tier.long_seconds, tier.short_seconds)]
    if all(
        min(abs(burn - each) for burn in burns) <= 0.02 * each + 1e-9
        for burns, each in zip(mine, told, strict=True)
        if each
    ):
        return (
            "edge: increase() leaves out the growth from the sample before its window to the first in it, ours does not"
        )
    if any(each is not None and abs(each - tier.factor) <= 0.2 * tier.factor for each in told):
        return "threshold: within a fifth of it, which the extrapolated share of a step decides"
    return ""


def _told(source: PrometheusSource, history: Generated, seconds: int, at: int) -> float | None:
    asked = ratio(seconds, f',service="{history.service}"')
    rows = source.connection.instant(asked, at=moment(at))["data"]["result"]
    return float(rows[0]["value"][1]) / BUDGET if rows and rows[0]["value"][1] != "NaN" else None


def _burns(counted: Judged, seconds: int, at: int, step: int) -> list[float]:
    """The burn of a window, and of one that begins a step later."""
    last = int(np.searchsorted(counted.at, at))
    found = []
    for length in (seconds, seconds - step):
        first = max(int(np.searchsorted(counted.at, at - length, side="right")) - 1, 0)
        total = counted.total[last] - counted.total[first]
        bad = total - (counted.good[last] - counted.good[first])
        found.append(float(bad / total / BUDGET) if total > 0 else 0.0)
    return found


@pytest.mark.heavy
@pytest.mark.parametrize("name", SCALES)
def test_the_same_ticks_fire_as_by_prometheus_own_rules(
    name: str,
    prometheus_server: Callable[..., servers.Server],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    scale = SCALES[name]
    start = NOW.timestamp()
    factors = [tier.factor for tier in scale.tiers]
    histories = [
        generate(number=number, start=start, steps=scale.steps, step=scale.step, budget=BUDGET, factors=factors)
        for number in range(HISTORIES)
    ]
    lines: dict[Series, list[str]] = {}
    for one in histories:
        lines.update(one.lines())
    server = prometheus_server("global: {}\n", blocks=blocks_of_lines(lines, tmp_path / "history"))
    promises = [promise(one.service) for one in histories]
    source = PrometheusSource(server.url, families=families_of(promises))
    end = moment(start + scale.step * (scale.steps - 1))
    ticks = instants(start=moment(start), end=end, step=timedelta(seconds=scale.step))
    history = History(promises)
    for reading in source.read_range(ticks):
        history.add(reading.at, reading.samples)
    compared = [at.timestamp() for at in ticks[-scale.judged :]]
    expected = theirs(source, scale, compared)

    fired, reasons, wrong = Counter[str](), Counter[str](), []
    for one, each in zip(histories, promises, strict=True):
        counted = judged(history.track(each), each)
        mine = ours(counted, scale, compared[0])
        for tier in scale.tiers:
            rule = expected.get((one.service, tier.name), set())
            fired[tier.name] += bool(rule)
            for ours_has_it, ats in (
                (True, apart(mine[tier.name], rule, scale.step)),
                (False, apart(rule, mine[tier.name], scale.step)),
            ):
                for at in ats[:1]:
                    why = explained(source, one, counted, tier, at, step=scale.step)
                    reasons[why.partition(":")[0]] += 1
                    if not why:
                        wrong.append((one.service, tier.name, at, ours_has_it))
    record_property("fired", dict(fired))
    record_property("explained", dict(reasons))
    assert wrong == []
    assert min(fired.values()) >= HISTORIES / 10  # every rule had something to say
    assert sum(reasons.values()) <= HISTORIES * len(scale.tiers) / 10
