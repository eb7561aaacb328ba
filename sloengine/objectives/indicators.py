"""The SLI of an SLO, inline or by name, to annotations and queries. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sloengine.objectives.documents import IndicatorSpec, Metric, SliDocument, SloDocument
from sloengine.objectives.terms import Queries

Problem = Callable[[str, object, str], None]
Note = Callable[[str], None]
_AT = "spec.indicator.spec"
_SUM = re.compile(r"\s*(sum|avg|max|min|count)\b")


def resolved(
    slo: SloDocument, *, slis: Mapping[str, SliDocument], sources: Mapping[str, str], problem: Problem, note: Note
) -> tuple[Queries, dict[str, str]]:
    """Its queries, and the annotations of the SLI and the SLO, whose own win; `sources` are types by name."""
    spec, inherited = _indicator(slo, slis, problem)
    return _queries(slo, spec, sources, problem, note), {**inherited, **slo.metadata.annotations}


def _indicator(
    slo: SloDocument, slis: Mapping[str, SliDocument], problem: Problem
) -> tuple[IndicatorSpec, Mapping[str, str]]:
    inline, reference = slo.spec.indicator, slo.spec.indicatorRef
    if reference and inline is not None:
        problem("spec.indicatorRef", reference, "either indicator or indicatorRef")
    if inline is not None:
        return inline.spec, inline.metadata.annotations
    if reference and reference not in slis:
        there = ", ".join(sorted(slis)) or "none"
        problem("spec.indicatorRef", reference, f"the name of an SLI of these documents ({there})")
    if reference not in slis:
        return IndicatorSpec(), {}
    return slis[reference].spec, slis[reference].metadata.annotations


def _queries(
    slo: SloDocument, spec: IndicatorSpec, sources: Mapping[str, str], problem: Problem, note: Note
) -> Queries:
    ratio = spec.ratioMetric
    metrics = {"threshold": spec.thresholdMetric}
    if ratio is not None:
        metrics |= {"good": ratio.good, "bad": ratio.bad, "total": ratio.total, "raw": ratio.raw}
    texts: dict[str, Any] = {}
    asked = []
    for name, metric in metrics.items():
        if metric is not None:
            path = f"{_AT}.thresholdMetric" if name == "threshold" else f"{_AT}.ratioMetric.{name}"
            texts[name] = _query(metric, f"{path}.metricSource", sources, problem)
            asked.append(metric.metricSource.metricSourceRef)
    if len(set(filter(None, asked))) > 1:
        problem(f"{_AT}.ratioMetric", ", ".join(asked), "one source for all its queries")
    counter = ratio.counter if ratio is not None else False
    if counter and any(_SUM.match(text) and "rate(" not in text for text in texts.values()):
        note(
            f"{slo.metadata.name}: a sum of counters falls when a pod goes, which looks like a restart; ask for the plain"
            " series instead, they are added up here."
        )
    fails = ratio is not None and ratio.rawType == "failure"
    return Queries(source=next(filter(None, asked), ""), counter=counter, raw_fails=fails, **texts)


def _query(metric: Metric, path: str, sources: Mapping[str, str], problem: Problem) -> str:
    source, query = metric.metricSource, metric.metricSource.spec.get("query")
    kind = source.type or sources.get(source.metricSourceRef, "")
    if source.metricSourceRef and source.metricSourceRef not in sources:
        there = ", ".join(sorted(sources)) or "none"
        expected = f"a DataSource of these documents or a source that is there ({there})"
        problem(f"{path}.metricSourceRef", source.metricSourceRef, expected)
    elif kind.lower() != "prometheus":
        problem(f"{path}.type", kind or "nothing", "Prometheus, whose queries are the only ones asked")
    if not isinstance(query, str) or not query.strip():
        problem(f"{path}.spec.query", "nothing" if query is None else query, "a PromQL query")
        return ""
    return query.strip()
