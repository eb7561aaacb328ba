"""openslo/v1alpha objects as openslo/v1. Pure.

v1alpha has SLO and Service only. A window is unit and count; a ratio is asked for by each objective (`ratioMetrics`), so an SLO
of it with several ratios becomes several of v1; a threshold is asked for by `indicator.thresholdMetric`. Prometheus is the
source's name in both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

UNITS = {"Second": None, "Minute": "m", "Hour": "h", "Day": "d", "Week": "w", "Month": "M", "Quarter": "Q", "Year": "Y"}


class NotUpgradable(ValueError):
    """The message is what was expected; `path` and `found` say where and what."""

    def __init__(self, path: str, found: object, expected: str) -> None:
        super().__init__(expected)
        self.path, self.found = path, found


def upgraded(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The v1 objects of one v1alpha object; what v1 does not know is left in its place for v1's own check to refuse."""
    kind = raw.get("kind")
    if kind == "Service":
        return [{**raw, "apiVersion": "openslo/v1"}]
    if kind != "SLO":
        raise NotUpgradable("kind", kind, "SLO or Service, the kinds of openslo/v1alpha")
    spec = raw.get("spec")
    if not isinstance(spec, Mapping):
        raise NotUpgradable("spec", spec, "a mapping")
    common = {key: value for key, value in spec.items() if key not in ("timeWindows", "objectives", "indicator")}
    common["timeWindow"] = [_window(index, one) for index, one in enumerate(_listed(spec, "timeWindows"))]
    goals = _listed(spec, "objectives")
    ratios = [goal for goal in goals if isinstance(goal, Mapping) and "ratioMetrics" in goal]
    if not ratios:
        return [_slo(raw, common, goals, _threshold(spec.get("indicator")), "")]
    if len(ratios) < len(goals):
        raise NotUpgradable("spec.objectives", "ratioMetrics in some", "ratioMetrics in each objective, or in none")
    several = len(ratios) > 1
    return [
        _slo(raw, common, [_without_threshold(goal)], _ratio(goal["ratioMetrics"]), f"-{number}" if several else "")
        for number, goal in enumerate(ratios, 1)
    ]


def _slo(
    raw: Mapping[str, Any], common: Mapping[str, Any], goals: list[Any], metric: Mapping[str, Any] | None, suffix: str
) -> dict[str, Any]:
    metadata = raw.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, Mapping) else {}
    name = f"{metadata.get('name', '')}{suffix}"
    spec = {**common, "objectives": goals}
    if metric is not None:
        spec["indicator"] = {"metadata": {"name": name}, "spec": dict(metric)}
    return {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": {**metadata, "name": name}, "spec": spec}


def _window(index: int, one: Any) -> Any:
    path = f"spec.timeWindows[{index}]"
    if not isinstance(one, Mapping):
        raise NotUpgradable(path, one, "a mapping")
    unit, count = one.get("unit"), one.get("count")
    if unit not in UNITS or not isinstance(count, int):
        raise NotUpgradable(path, f"{count} {unit}", f"unit: one of {', '.join(UNITS)}, and a count")
    if unit == "Second" and count % 60:
        raise NotUpgradable(path, f"{count} seconds", "whole minutes")
    rest = {key: value for key, value in one.items() if key not in ("unit", "count")}
    letter = UNITS[unit]
    duration = f"{count // 60}m" if letter is None else f"{count}{letter}"
    if one.get("isRolling") and letter in ("M", "Q", "Y"):
        raise NotUpgradable(
            path, f"a rolling {unit}", "days or weeks for a rolling window: a month has no fixed length"
        )
    return {**rest, "duration": duration}


def _threshold(indicator: Any) -> dict[str, Any] | None:
    if not isinstance(indicator, Mapping):
        return None
    return {"thresholdMetric": _metric(indicator.get("thresholdMetric"), "spec.indicator.thresholdMetric")}


def _ratio(ratio: Any) -> dict[str, Any]:
    if not isinstance(ratio, Mapping):
        raise NotUpgradable("spec.objectives[0].ratioMetrics", ratio, "good and total")
    path = "spec.objectives[0].ratioMetrics"
    parts = {key: _metric(ratio[key], f"{path}.{key}") for key in ("good", "bad", "total") if key in ratio}
    counter = ratio.get("counter", ratio.get("incremental", True))
    return {"ratioMetric": {**parts, "counter": counter}}


def _metric(metric: Any, path: str) -> dict[str, Any]:
    if not isinstance(metric, Mapping) or not isinstance(metric.get("query"), str):
        raise NotUpgradable(path, metric, "source, queryType and query")
    source = re.sub(r"(?i)^prometheus$", "Prometheus", str(metric.get("source", "")))
    return {"metricSource": {"type": source, "spec": {"query": metric["query"]}}}


def _without_threshold(goal: Mapping[str, Any]) -> dict[str, Any]:
    """A ratio has nothing to compare with, though v1alpha's objectives carry a value beside it."""
    return {key: value for key, value in goal.items() if key not in ("ratioMetrics", "value", "op")}


def _listed(spec: Mapping[str, Any], key: str) -> list[Any]:
    found = spec.get(key)
    if not isinstance(found, list):
        raise NotUpgradable(f"spec.{key}", found, "a list")
    return found
