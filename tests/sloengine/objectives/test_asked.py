"""Queries of objectives: what is asked, what the answers become, and that they are counted end to end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from observability.core import permissions
from probes.exposition import series
from sloengine.budgets.queries import statuses
from sloengine.budgets.services import evaluate_due
from sloengine.collect.services import collect_reading
from sloengine.collect.services.asking import asked_of, with_queries
from sloengine.objectives import services
from sloengine.objectives.asked import Asked, samples
from sloengine.objectives.models import Objective
from sloengine.objectives.texts import Document
from sloengine.rollups.services import ensure_partitions
from sloengine.sources.base import Reading, SourceUnavailable
from tests import factories
from tests.factories import NOW
from tests.sloengine.objectives.test_kinds import inline, metric


def gauges(one, answers):
    found = samples(one, answers)
    return tuple(found.get(series(f"tailwatch_query_{name}", service="chat", slice="q")) for name in ("good", "all"))


def asks(*names, op="", value=0.0, raw_fails=False, counter=False):
    return Asked("chat", "q", tuple((name, f"{name}_query") for name in names), counter, raw_fails, op, value)


@pytest.mark.parametrize(
    ("one", "answers", "found"),
    [
        (asks("threshold", op="lt", value=12.0), {"threshold": [((), 3.0), ((), 12.0)]}, (1.0, 2.0)),
        (asks("threshold", op="lte", value=12.0), {"threshold": [((), 12.0)]}, (1.0, 1.0)),
        (asks("threshold", op="gt", value=1.0), {"threshold": [((), float("nan"))]}, (None, None)),
        (asks("raw"), {"raw": [((), 0.75)]}, (0.75, 1.0)),
        (asks("raw", raw_fails=True), {"raw": [((), 0.25)]}, (0.75, 1.0)),
        (asks("good", "total"), {"good": [((), 8.0)], "total": [((), 10.0)]}, (8.0, 10.0)),
        (asks("bad", "total"), {"bad": [], "total": [((), 10.0)]}, (10.0, 10.0)),
        (asks("good", "total"), {"good": [((), 8.0)], "total": []}, (None, None)),
    ],
    ids=[
        "a threshold",
        "at it",
        "not a number",
        "a ratio",
        "of failures",
        "rates",
        "no bad ones are none",
        "no total is no data",
    ],
)
def test_what_is_no_counter_is_added_up(one, answers, found):
    assert gauges(one, answers) == found


def test_each_series_of_a_counter_is_followed_by_itself():
    answers = {"good": [((("pod", "a"),), 5.0), ((("pod", "b"),), 7.0)], "total": [((("pod", "a"),), 9.0)]}
    found = samples(asks("good", "total", counter=True), answers)
    assert sorted(found.values()) == [5.0, 7.0, 9.0]
    assert len({key.label("instance") for key in found}) == 2, "a query is an instance of its own"


class Answering:
    """A source without readings of its own that answers queries: `ok` and `all` grow, and pods come and go."""

    def __init__(self):
        self.pods = {"a": (100.0, 100.0)}
        self.broken = False

    def read(self, at):
        return Reading(at, {series("tailwatch_target_up", service="chat", replica="a"): 1.0})

    def ask(self, query, *, at):
        if self.broken:
            raise SourceUnavailable("422: parse error")
        place = 0 if query == "ok_total" else 1
        return [((("pod", pod),), counts[place]) for pod, counts in self.pods.items()]


@pytest.mark.django_db
def test_a_query_objective_is_counted_exactly_through_births_and_deaths():
    service = factories.make_service(factories.make_organisation(), slug="chat")
    source = factories.make_source(service.organisation, name="prom", kind="prometheus", url="http://prometheus")
    spec = f"{{ratioMetric: {{good: {metric('ok_total')}, total: {metric('all_total')}}}}}"
    services.apply(
        organisation=service.organisation, documents=[Document("q", inline(spec))],
        actor=permissions.system(service.organisation), now=NOW,
    )  # fmt: skip
    ensure_partitions(now=NOW)
    reader, now = Answering(), NOW
    steps = [
        {"a": (100.0, 100.0)},
        {"a": (109.0, 110.0)},  # 9 of 10
        {"a": (109.0, 110.0), "b": (4.0, 5.0)},  # born: 4 of 5
        {"b": (14.0, 15.0)},  # a is gone: 10 of 10
        {"b": (3.0, 5.0)},  # restarted: 3 of 5
    ]
    for pods in steps:
        reader.pods, now = pods, now + timedelta(seconds=30)
        (reading,) = with_queries(source=source, reader=reader, readings=[reader.read(now)], wanted=asked_of(source))
        assert collect_reading(source=source, reading=reading)
        evaluate_due(now=now)
    (status,) = statuses(objectives=[Objective.objects.get()], now=now)
    assert (status.total, status.bad) == (30, 4)
    reader.broken = True
    (reading,) = with_queries(source=source, reader=reader, readings=[reader.read(now)], wanted=asked_of(source))
    assert reading.warnings == ("chat/q: 422: parse error",)
    assert len(reading.samples) == 1, "the reading itself is kept"
