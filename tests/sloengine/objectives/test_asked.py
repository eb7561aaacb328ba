"""Queries of objectives: what is asked, what the answers become, and that they are counted end to end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from observability.core import permissions
from probes.exposition import series
from sloengine.budgets.queries import statuses
from sloengine.budgets.services import evaluate_due
from sloengine.collect.increments import Readings, advance
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
    assert sorted(value for key, value in found.items() if key.label("field") != "none") == [5.0, 7.0, 9.0]
    assert len({key.label("instance") for key in found}) == 4, "two queries of two pods, and of none"


def counted(one, *steps):
    """What each part adds at the last of these steps, 30 s apart."""
    kept = Readings()
    found: dict[str, float] = {}
    for number, answers in enumerate(steps):
        step = advance(kept, samples(one, answers), at=1000.0 + 30 * number)
        kept, found = step.readings, {}
        for place, amount in zip(step.order.counters, step.amounts, strict=True):
            name = step.order.keys[place].name.removeprefix("tailwatch_query_").removesuffix("_total")
            found[name] = found.get(name, 0.0) + float(amount)
    return found


def of(pod, value, **more):
    return tuple(sorted({"job": "web", "pod": pod, **more}.items())), float(value)


def test_a_pod_that_is_read_for_the_first_time_brings_no_past_with_it():
    """Lived for months, and scraped or relabelled only now, beside others that were always read."""
    one = asks("bad", "total", counter=True)
    before = {"bad": [of("a", 10, code="500")], "total": [of("a", 1000)]}
    after = {"bad": [of("a", 11, code="500"), of("c", 70_000, code="500")], "total": [of("a", 1100), of("c", 9e6)]}
    assert counted(one, before, after) == {"bad": 1.0, "all": 100.0}
    more = {"bad": [of("a", 11, code="500"), of("c", 70_004, code="500")], "total": [of("a", 1100), of("c", 9e6 + 8)]}
    assert counted(one, before, after, more) == {"bad": 4.0, "all": 8.0}


@pytest.mark.parametrize(
    ("first", "steps"),
    [
        ([], [of("a", 7, code="500")]),
        ([of("a", 3, code="500")], [of("a", 3, code="500"), of("a", 7, code="503")]),
        ([], [((), 7.0)]),
    ],
    ids=["of the query", "with another code", "of a sum over all pods"],
)
def test_the_first_failures_of_a_pod_that_was_read_without_them_count(first, steps):
    one = asks("bad", "total", counter=True)
    before = {"bad": first, "total": [of("a", 1000)]}
    assert counted(one, before, {"bad": steps, "total": [of("a", 1100)]}) == {"bad": 7.0, "all": 100.0}


def test_good_ones_alone_are_told_from_a_pod_that_is_new():
    one = asks("good", "total", counter=True)
    before = {"good": [], "total": [of("a", 5)]}
    after = {"good": [of("a", 4), of("b", 90)], "total": [of("a", 9), of("b", 100)]}
    assert counted(one, before, after) == {"good": 4.0, "all": 4.0}


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
        {"a": (109.0, 110.0), "b": (4.0, 5.0)},  # new, and nobody says how old: nothing
        {"b": (14.0, 15.0)},  # a is gone: 10 of 10
        {"b": (3.0, 5.0)},  # restarted: 3 of 5
    ]
    for pods in steps:
        reader.pods, now = pods, now + timedelta(seconds=30)
        (reading,) = with_queries(source=source, reader=reader, readings=[reader.read(now)], wanted=asked_of(source))
        assert collect_reading(source=source, reading=reading)
        evaluate_due(now=now)
    (status,) = statuses(objectives=[Objective.objects.get()], now=now)
    assert (status.total, status.bad) == (25, 3)
    reader.broken = True
    (reading,) = with_queries(source=source, reader=reader, readings=[reader.read(now)], wanted=asked_of(source))
    assert reading.warnings == ("chat/q: 422: parse error",)
    assert len(reading.samples) == 1, "the reading itself is kept"
