"""A back-test over several sources counts what one that had it all would count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from probes.exposition import series
from sloengine.backtests import page, queries
from sloengine.backtests.history import History
from sloengine.sources.base import Reading
from tests import factories, servers
from tests.conftest import NOW
from tests.sloengine.backtests.test_replay import AVAILABILITY
from tests.sloengine.histories import blocks
from tests.sloengine.objectives.test_kinds import inline, metric, read
from tests.sloengine.readings import Replica, together

MINUTES = 30


@pytest.mark.heavy
@pytest.mark.django_db
def test_two_prometheis_tell_one_past(prometheus_server: Callable[..., servers.Server], tmp_path: Path) -> None:
    replicas = [Replica("chat-0"), Replica("chat-1")]
    for one in replicas:
        one.restart(NOW.timestamp() - 3600)
    whole: list[Reading] = []
    apart: tuple[list[Reading], list[Reading]] = [], []
    for number in range(MINUTES + 1):
        at = NOW + number * timedelta(minutes=1)
        if number == 10:  # it shows every series from its first page on
            replicas[1].restart(at.timestamp() - 9)
        for one in replicas:
            one.serve(50)
        replicas[1].serve(5, outcome="error")
        whole.append(Reading(at, together(*replicas)))
        for told, one in zip(apart, replicas, strict=True):
            told.append(Reading(at, together(one)))
    organisation = factories.make_organisation()
    sources = []
    for number, told in enumerate(apart):
        server = prometheus_server("global: {}\n", blocks=blocks(told, tmp_path / str(number)))
        sources.append(factories.make_source(organisation, name=f"p{number}", kind="prometheus", url=server.url))
    end = NOW + timedelta(minutes=MINUTES)
    (past,) = queries.pasts(
        organisation=organisation, promises=[AVAILABILITY], sources=sources, start=NOW + queries.LEAD,
        now=end + timedelta(seconds=max(one.lag_seconds for one in sources)),
    )  # fmt: skip
    history = History([AVAILABILITY])
    for reading in whole:
        history.add(reading.at, reading.samples)
    expected = history.track(AVAILABILITY)
    np.testing.assert_allclose(past.track.denominator, expected.denominator)
    np.testing.assert_allclose(past.track.numerator, expected.numerator)
    objective = factories.make_objective(
        factories.make_service(organisation, slug="chat"), slug="availability", indicator="availability",
        method="occurrences", threshold=None, slice_target=None,
    )  # fmt: skip
    test = queries.tested(objective=objective, asked=page.asked({"days": "4", "source": "p0, p1"}, promise=objective.promise),
                          now=end)  # fmt: skip
    assert test.outcome.budget.total == expected.denominator[-1] - expected.denominator[0]
    assert queries.telling(organisation) == ("p0", "p1")
    assert past.track.denominator[-1] > past.track.numerator[-1] > 2 * 50 * (MINUTES - 2)


@pytest.mark.heavy
@pytest.mark.django_db
def test_queries_of_a_file_that_nobody_applied_are_asked_of_a_prometheus_over_its_past(
    prometheus_server: Callable[..., servers.Server], tmp_path: Path
) -> None:
    """Five bad minutes of pod a; pod b is scraped from minute 20 on, with a past of its own; five minutes of a long queue."""
    told: list[Reading] = []
    ok = 0.0
    for number in range(MINUTES + 1):
        ok += 5 if 10 <= number < 15 else 10
        shown = {series("ok_total", pod="a"): ok, series("all_total", pod="a"): 10.0 * (number + 1)}
        shown[series("queue_depth")] = 20.0 if 5 <= number < 10 else 3.0
        if number >= 20:
            shown |= {series(name, pod="b"): 1000.0 + 10 * number for name in ("ok_total", "all_total")}
        told.append(Reading(NOW + number * timedelta(minutes=1), shown))
    server = prometheus_server("global: {}\n", blocks=blocks(told, tmp_path / "own"))
    organisation = factories.make_organisation()
    source = factories.make_source(organisation, name="p", kind="prometheus", url=server.url)
    ratio = read(inline(f"{{ratioMetric: {{good: {metric('ok_total')}, total: {metric('all_total')}}}}}")).objectives[0]
    queue = read(
        inline(f"{{thresholdMetric: {metric('queue_depth')}}}", "- {op: lt, value: 12, target: 0.99}")
    ).objectives[0]
    elsewhere = replace(queue, slug="e", terms=replace(queue.terms, queries=replace(queue.terms.queries, source="q")))
    now = NOW + timedelta(minutes=MINUTES, seconds=source.lag_seconds)
    found = queries.pasts(
        organisation=organisation, promises=[ratio, replace(queue, slug="queue"), elsewhere], sources=[source],
        start=NOW + queries.LEAD, now=now,
    )  # fmt: skip
    sums = [(one.track.numerator[-1] - one.track.numerator[0], one.track.denominator[-1] - one.track.denominator[0])
            for one in found[:2]]  # fmt: skip
    assert sums == [(375, 400), (50, 60)], "a minute of a source that is read every 30 s is two readings"
    assert found[2].empty
    assert "its queries are asked of q, which is not read here" in found[2].notices[0]
