"""Objectives as OpenSLO v1 documents; openslo.parse reads them back as they were. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import yaml

from sloengine.objectives.alerting import SHORT
from sloengine.objectives.annotations import written
from sloengine.objectives.objective import Indicator, Method, Objective
from sloengine.objectives.terms import BurnAlert, Queries

METHOD_NAMES = {
    Method.OCCURRENCES: "Occurrences",
    Method.TIMESLICES: "Timeslices",
    Method.RATIO_TIMESLICES: "RatioTimeslices",
}
GREATER = frozenset({Indicator.QUALITY})


def dump(objective: Objective) -> dict[str, Any]:
    """The OpenSLO v1 document of an objective; `parse` of it gives the objective back."""
    spec: dict[str, Any] = {
        "service": objective.service,
        "timeWindow": [_window(objective)],
        "budgetingMethod": METHOD_NAMES[objective.method],
        "objectives": [_goal(objective)],
    }
    if objective.terms.queries.present:
        spec = {"indicator": _indicator(objective.slug, objective.terms.queries), **spec}
    if objective.description:
        spec = {"description": objective.description, **spec}
    if objective.terms.alerting.alerts:
        spec["alertPolicies"] = [_policy(alert) for alert in objective.terms.alerting.alerts]
    annotations = written(objective.terms, signal=objective.indicator, where=objective.where)
    metadata: dict[str, Any] = {"name": objective.slug, "displayName": objective.title}
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": metadata, "spec": spec}


def render(objectives: Iterable[Objective]) -> str:
    """The YAML text of objectives, one document each."""
    return yaml.safe_dump_all(
        [dump(objective) for objective in objectives], sort_keys=False, allow_unicode=True, explicit_start=True
    )


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The printed diff of two documents of one objective, a line for each value that differs.

    "~ chat/first-token spec.objectives[0].target: 0.995 -> 0.999"
    """
    old, new = _flat(before), _flat(after)
    key = f"{after['spec']['service']}/{after['metadata']['name']}"
    return [
        f"~ {key} {path}: {old.get(path, 'nothing')} -> {new.get(path, 'nothing')}"
        for path in dict.fromkeys([*old, *new])
        if old.get(path) != new.get(path)
    ]


def _flat(value: object, path: str = "") -> dict[str, object]:
    if isinstance(value, Mapping):
        parts = [(f"{path}.{key}" if path else str(key), one) for key, one in value.items()]
    elif isinstance(value, list):
        parts = [(f"{path}[{index}]", one) for index, one in enumerate(value)]
    else:
        return {path: value}
    return {name: leaf for below, one in parts for name, leaf in _flat(one, below).items()}


def _goal(objective: Objective) -> dict[str, Any]:
    goal: dict[str, Any] = {"target": f"{objective.target:f}"}
    if objective.threshold is not None:
        op = objective.terms.queries.op or ("gte" if objective.indicator in GREATER or objective.terms.kpi else "lte")
        goal = {"op": op, "value": objective.threshold, **goal}
    if objective.method is Method.TIMESLICES and objective.slice_target is not None and not objective.by_value:
        goal["timeSliceTarget"] = f"{objective.slice_target:.9f}".rstrip("0").rstrip(".")
    if objective.method is not Method.OCCURRENCES:
        goal["timeSliceWindow"] = f"{objective.slice_seconds // 60}m"
    return goal


def _window(objective: Objective) -> dict[str, Any]:
    calendar = objective.terms.calendar
    if calendar is None:
        return {"duration": _duration(objective.window), "isRolling": True}
    start = {"startTime": calendar.start.replace("T", " "), "timeZone": calendar.zone}
    return {"duration": calendar.duration, "isRolling": False, "calendar": start}


def _indicator(slug: str, queries: Queries) -> dict[str, Any]:
    texts = {name: getattr(queries, name) for name in ("good", "bad", "total", "raw")}
    metrics: dict[str, Any] = {name: _metric(queries.source, text) for name, text in texts.items() if text}
    if queries.threshold:
        spec: Mapping[str, Any] = {"thresholdMetric": _metric(queries.source, queries.threshold)}
    elif queries.raw:
        spec = {
            "ratioMetric": {
                "rawType": "failure" if queries.raw_fails else "success",
                "counter": queries.counter,
                **metrics,
            }
        }
    else:
        spec = {"ratioMetric": {"counter": queries.counter, **metrics}}
    return {"metadata": {"name": slug}, "spec": spec}


def _metric(source: str, query: str) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "Prometheus", "spec": {"query": query}}
    return {"metricSource": {"metricSourceRef": source, **found} if source else found}


def _policy(alert: BurnAlert) -> dict[str, Any]:
    condition = {
        "kind": "burnrate",
        **({"op": "gte"} if alert.inclusive else {}),
        "threshold": alert.factor,
        "lookbackWindow": _seconds(alert.long_seconds),
        "alertAfter": _seconds(alert.hold_seconds) if alert.hold_seconds else "0m",
    }
    metadata: dict[str, Any] = {"name": alert.name}
    if alert.short_seconds != max(alert.long_seconds // 12 // 30 * 30, 60):
        metadata["annotations"] = {SHORT: _seconds(alert.short_seconds)}
    inline = {
        "kind": "AlertCondition",
        "metadata": metadata,
        "spec": {"severity": alert.severity, "condition": condition},
    }
    return {"kind": "AlertPolicy", "metadata": {"name": alert.name}, "spec": {"conditions": [inline]}}


def _seconds(seconds: int) -> str:
    return f"{seconds // 3600}h" if seconds % 3600 == 0 else f"{seconds // 60}m"


def _duration(window: timedelta) -> str:
    hours = int(window.total_seconds() // 3600)
    return f"{hours // 24}d" if hours % 24 == 0 else f"{hours}h"
