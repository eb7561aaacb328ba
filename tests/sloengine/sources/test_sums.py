"""Sums by the server: what they cost, pure and against a real Prometheus, beside the exact increments of the same history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from probes.exposition import Series, series
from sloengine.collect.increments import Readings, advance
from sloengine.sources.base import Reading, SourceUnavailable
from sloengine.sources.engines import Naming
from sloengine.sources.prometheus import PrometheusSource
from sloengine.sources.selectors import questions
from tests import servers
from tests.conftest import NOW
from tests.sloengine.histories import blocks
from tests.sloengine.readings import Replica, together

TICK = timedelta(seconds=30)
OK = series("tailwatch_requests_total", service="chat", instance="sum", outcome="ok")
ERROR = series("tailwatch_requests_total", service="chat", instance="sum", outcome="error")


def up(*replicas: int) -> dict[Series, float]:
    return {
        series("tailwatch_target_up", service="chat", replica=f"chat-{one}", instance="p:1"): 1.0 for one in replicas
    }


def amounts(*readings: Mapping[Series, float], of: Series = OK) -> list[float]:
    kept, found = Readings(), []
    for number, samples in enumerate(readings):
        step = advance(kept, samples, at=1000.0 + 30 * number)
        kept = step.readings
        counted = {step.order.keys[i]: float(a) for i, a in zip(step.order.counters, step.amounts, strict=True)}
        found.append(counted.get(of, 0.0))
    return found


def test_a_sum_that_fell_counts_nothing_and_goes_on_from_there() -> None:
    readings = [{OK: value, **up(0, 1)} for value in (1000, 1100, 620, 700)]
    assert amounts(*readings) == [0, 100, 0, 80]


def test_a_sum_whose_targets_changed_counts_nothing_at_that_tick() -> None:
    """One came back after an hour with all that it had counted: none of it is new."""
    readings = [
        {OK: 1000, **up(0, 1)},
        {OK: 500, **up(0)},
        {OK: 520, **up(0)},
        {OK: 1040, **up(0, 1)},
        {OK: 1060, **up(0, 1)},
    ]
    assert amounts(*readings) == [0, 0, 20, 0, 20]


def test_another_services_targets_are_none_of_its_business() -> None:
    other = {series("tailwatch_target_up", service="code", replica="code-0", instance="p:1"): 1.0}
    assert amounts({OK: 10, **up(0)}, {OK: 30, **up(0), **other}) == [0, 20]


def test_a_first_error_counts() -> None:
    assert amounts({OK: 10, **up(0)}, {OK: 20, ERROR: 3, **up(0)}, of=ERROR) == [0, 3]
    assert amounts({OK: 10, **up(0)}, {OK: 20, ERROR: 3, **up(0, 1)}, of=ERROR) == [
        0,
        0,
    ]  # a target's past, for all we know


def test_counters_are_summed_and_gauges_are_not() -> None:
    counters, gauges = questions(["tailwatch_requests_total", "tailwatch_target_up"], summed=True)
    assert counters.text.startswith("label_replace(sum by (__name__,le,model,outcome,")
    assert gauges.text == '{__name__=~"tailwatch_target_up"}'


def test_engines_own_series_name_no_service_to_sum_by() -> None:
    with pytest.raises(SourceUnavailable, match="need a probe's series"):
        PrometheusSource("http://127.0.0.1:1", summed=True, naming=Naming())


def churning(ticks: int) -> Iterator[Reading]:
    """Eight replicas of 20 requests a tick, 1 in 20 an error: one restarts each 20 ticks, one is replaced each 30, one is away for
    half an hour and comes back with all that it had."""
    replicas = [Replica(f"chat-{number}") for number in range(8)]
    for one in replicas:
        one.restart(NOW.timestamp() - 3600)
    for tick in range(ticks):
        at = (NOW + tick * TICK).timestamp()
        if tick % 20 == 10:
            replicas[tick // 20 % 8].restart(at - 10)
        if tick % 30 == 20:
            replicas[-1] = Replica(f"chat-new-{tick}")
            replicas[-1].restart(at - 15)
        for one in replicas:
            one.serve(19)
            one.serve(1, outcome="error")
        yield Reading(NOW + tick * TICK, together(*(replicas[1:] if 40 <= tick < 100 else replicas)))


@pytest.mark.heavy
def test_sums_never_count_too_much_and_lose_little_of_a_churning_fleet(
    prometheus_server: Callable[..., servers.Server], tmp_path: Path
) -> None:
    ticks = 160
    server = prometheus_server("global: {}\n", blocks=blocks(churning(ticks), tmp_path))
    exact, summed = (counted(PrometheusSource(server.url, summed=sums), ticks) for sums in (False, True))
    for (all_exact, bad_exact), (all_summed, bad_summed) in zip(exact, summed, strict=True):
        assert all_summed <= all_exact
        assert bad_summed <= bad_exact
    (whole, bad), (whole_summed, bad_summed) = (tuple(map(sum, zip(*found, strict=True))) for found in (exact, summed))
    quiet = sum(one == other for one, other in zip(exact, summed, strict=True))
    assert quiet >= ticks * 0.85  # where nothing restarts, comes or goes, they are the exact increments
    assert whole_summed >= 0.85 * whole
    assert bad_summed / whole_summed == pytest.approx(bad / whole, rel=0.01)


def counted(source: PrometheusSource, ticks: int) -> list[tuple[float, float]]:
    """Requests and errors at each tick."""
    kept, found = Readings(), []
    for reading in source.read_range([NOW + number * TICK for number in range(ticks)]):
        step = advance(kept, reading.samples, at=reading.at.timestamp())
        kept = step.readings
        rows = [
            (step.order.keys[i], float(amount))
            for i, amount in zip(step.order.counters, step.amounts, strict=True)
            if step.order.keys[i].name == "tailwatch_requests_total"
        ]
        found.append((sum(n for _, n in rows), sum(n for one, n in rows if one.label("outcome") == "error")))
    source.close()
    return found
