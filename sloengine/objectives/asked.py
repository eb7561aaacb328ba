"""Queries of objectives: what is asked of a source at each tick, and the canonical series that its answers become. Pure.

A counter stays what it is: each series of an answer is followed by itself, so restarts are exact and a pod that goes takes nothing
back. What is seen first of a target (its job, instance, pod and the like) is where its count begins, since nobody says how old it is;
a series that a target shows later, a first failure, began at 0. So that good and bad ones that a target does not show yet are known
to be none, they stand at 0 where its total is shown. Anything else is a gauge that is added up tick by tick: a ratio counts
(ratio, 1), a threshold (1 or 0, 1).

The series are `query_{good,bad,all}_total` and the gauges `query_{good,all}`, with the objective's name as slice. A query that was
changed is another instance, so that its past is not counted as its first increment.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2s

from probes.exposition import Labels, Samples, Series, series
from probes.signals import PREFIX
from sloengine.objectives.objective import Objective

Answer = Sequence[tuple[Labels, float]]
COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge,
}  # fmt: skip
#: The labels that tell whose counter it is; any other tells parts of one target's count (codes, routes, tenants) apart.
OF_TARGETS = frozenset(
    {
        "cluster", "namespace", "job", "instance", "exported_instance", "service", "pod", "pod_name", "exported_pod", "container",
        "node", "host", "hostname", "replica", "prometheus_replica",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """The queries of one objective by part: good, bad, total, raw, threshold."""

    service: str
    slug: str
    queries: tuple[tuple[str, str], ...]
    counter: bool
    raw_fails: bool
    op: str
    value: float


def asked(objectives: Iterable[Objective], *, source: str, first: bool) -> tuple[Asked, ...]:
    """What these objectives ask of a source; those that name none ask the organisation's first."""
    found = []
    for one in objectives:
        queries = one.terms.queries
        if not queries.present or not (queries.source == source or (first and not queries.source)):
            continue
        parts = {name: getattr(queries, name) for name in ("good", "bad", "total", "raw", "threshold")}
        texts = tuple((name, text) for name, text in parts.items() if text)
        counter = queries.counter and bool(queries.total)
        found.append(Asked(one.service, one.slug, texts, counter, queries.raw_fails, queries.op, one.threshold or 0.0))
    return tuple(found)


def samples(one: Asked, answers: Mapping[str, Answer]) -> Samples:
    """The canonical series of the answers, by part. No total is no data; no good ones beside it are none."""
    if not all(answers.get(name) for name, _ in one.queries if name in ("total", "raw", "threshold")):
        return {}
    if one.counter:
        return dict(_counters(one, answers))
    values = {name: sum(value for _, value in answers.get(name, ()) if math.isfinite(value)) for name, _ in one.queries}
    if "threshold" in values:
        readings = [value for _, value in answers["threshold"] if math.isfinite(value)]
        good, total = float(sum(COMPARE[one.op](value, one.value) for value in readings)), float(len(readings))
    elif "raw" in values:
        ratios = [min(max(value, 0.0), 1.0) for _, value in answers["raw"] if math.isfinite(value)]
        total = float(len(ratios))
        good = total - sum(ratios) if one.raw_fails else sum(ratios)
    else:
        total = values["total"]
        good = total - values["bad"] if "bad" in values else values["good"]
    return {_gauge(one, "query_good"): good, _gauge(one, "query_all"): total} if total > 0 else {}


def _counters(one: Asked, answers: Mapping[str, Answer]) -> Iterable[tuple[Series, float]]:
    targets = {_target(labels) for labels, _ in answers["total"]}
    for name, text in one.queries:
        answer = answers.get(name, ())
        if name != "total":
            for target in targets | {()}:
                yield _counter(one, name, text, target, "none"), 0.0
        for labels, value in answer:
            yield _counter(one, name, text, _target(labels), _digest(repr(labels))), value


def _counter(one: Asked, name: str, text: str, target: Labels, field: str) -> Series:
    family = {"good": "query_good_total", "bad": "query_bad_total", "total": "query_all_total"}[name]
    whose = _digest(text + repr(target)) if target else _digest(text)
    return series(PREFIX + family, service=one.service, slice=one.slug, instance=whose, field=field)


def _target(labels: Labels) -> Labels:
    return tuple(label for label in labels if label[0] in OF_TARGETS)


def _gauge(one: Asked, family: str) -> Series:
    return series(PREFIX + family, service=one.service, slice=one.slug)


def _digest(text: str) -> str:
    return blake2s(text.encode(), digest_size=6).hexdigest()
