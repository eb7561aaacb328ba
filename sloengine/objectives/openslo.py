"""OpenSLO v1 documents to the engine's objectives, and back. Pure.

    ObjectivesError
      InvalidObjectives    every problem of every document at once: file, line, path, found, expected

What OpenSLO has no word for lives under annotations that begin with `tailwatch/`: `tailwatch/indicator` names a signal in
place of a raw query, `tailwatch/where` narrows it by labels ("model=llama-8b,region=eu").
Specification: https://github.com/OpenSLO/OpenSLO (openslo/v1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import yaml
from pydantic import ValidationError

from observability.core.documents import Problem
from sloengine.objectives.documents import PREFIX, SloDocument
from sloengine.objectives.objective import MEASURES, TIMED, Indicator, Method, Objective, Reading

#: `spec.service: "*"` stands for every service of the catalogue.
EVERY_SERVICE = "*"
LABELS = frozenset({"model", "version", "replica", "region", "tenant", "tag", "slice"})


@dataclass(frozen=True, slots=True)
class Document:
    """A text and the name by which errors call it."""

    file: str
    text: str


class ObjectivesError(ValueError):
    pass


class InvalidObjectives(ObjectivesError):
    """All problems found; nothing of the documents was used."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def parse(*, documents: Iterable[Document], services: Iterable[str]) -> list[Objective]:
    """The objectives of all documents, those for "*" once for each of `services`; raises InvalidObjectives."""
    known = tuple(services)
    problems: list[Problem] = []
    objectives: list[Objective] = []
    seen: dict[str, str] = {}
    for document in documents:
        for node, raw in _loaded(document, problems):
            for objective, line in _objectives(document, node, raw, known, problems):
                if objective.key in seen:
                    expected = f"a name of its own; {seen[objective.key]} has it"
                    problems.append(Problem(document.file, line, "metadata.name", repr(objective.slug), expected))
                seen.setdefault(objective.key, f"{document.file}:{line}")
                objectives.append(objective)
    if problems:
        raise InvalidObjectives(problems)
    return objectives


def _loaded(document: Document, problems: list[Problem]) -> list[tuple[yaml.Node, Any]]:
    """Each YAML document with its node tree, which knows the lines."""
    try:
        nodes = [node for node in yaml.compose_all(document.text, Loader=yaml.SafeLoader) if node is not None]
        values = [value for value in yaml.safe_load_all(document.text) if value is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        problems.append(Problem(document.file, line, "(document)", str(getattr(error, "problem", error)), "valid YAML"))
        return []
    if not nodes:
        problems.append(Problem(document.file, 1, "(document)", "nothing", "an SLO"))
    return list(zip(nodes, values, strict=True))


def _objectives(
    document: Document, node: yaml.Node, raw: Any, services: tuple[str, ...], problems: list[Problem]
) -> list[tuple[Objective, int]]:
    def problem(path: str, found: object, expected: str) -> None:
        keys = (
            [int(key) if key.isdigit() else key for key in re.findall(r"[^.\[\]]+", path)]
            if path != "(document)"
            else []
        )
        problems.append(Problem(document.file, _line(node, keys), path, _shown(found), expected))

    try:
        slo = SloDocument.model_validate(raw)
    except ValidationError as errors:
        for error in errors.errors():
            problem(_path(error["loc"]), _found(error), _expected(error))
        return []
    before = len(problems)
    indicator = _indicator(slo, problem)
    where = _where(slo, problem)
    wanted = services if slo.spec.service == EVERY_SERVICE else (slo.spec.service,)
    for service in wanted:
        if service not in services:
            problem(
                "spec.service",
                service,
                f'one of {", ".join(sorted(services)) or "the services found so far (none)"}, or "*"',
            )
    if indicator is not None:
        _check_goal(slo, indicator, problem)
    if len(problems) > before or indicator is None:
        return []
    line = node.start_mark.line + 1
    return [(_built(slo, indicator, where, service), line) for service in wanted]


def _indicator(slo: SloDocument, problem: Any) -> Indicator | None:
    path, name = "metadata.annotations.tailwatch/indicator", slo.annotation("indicator")
    if name is None:
        problem("metadata.annotations", "no tailwatch/indicator", f"tailwatch/indicator: one of {', '.join(Indicator)}")
        return None
    if name not in {*Indicator}:
        problem(path, name, f"one of {', '.join(Indicator)}")
        return None
    return Indicator(name)


def _where(slo: SloDocument, problem: Any) -> tuple[tuple[str, str], ...]:
    text = slo.annotation("where") or ""
    pairs = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        label, equals, value = part.partition("=")
        if not equals or label.strip() not in LABELS or not value.strip():
            problem(
                "metadata.annotations.tailwatch/where",
                text,
                f"label=value pairs with labels of {', '.join(sorted(LABELS))}",
            )
            break
        pairs.append((label.strip(), value.strip()))
    for name in slo.annotations():
        if name.startswith(PREFIX) and name not in {PREFIX + "indicator", PREFIX + "where"}:
            problem(f"metadata.annotations.{name}", name, "tailwatch/indicator or tailwatch/where")
    return tuple(sorted(pairs))


def _check_goal(slo: SloDocument, indicator: Indicator, problem: Any) -> None:
    goal = slo.spec.objectives[0]
    measure = MEASURES[indicator]
    base = "spec.objectives[0]"
    timeslices = slo.spec.budgetingMethod == "Timeslices"
    if indicator in TIMED:
        if goal.value is None or goal.value <= 0:
            problem(f"{base}.value", "nothing" if goal.value is None else goal.value, "seconds above 0")
        if goal.op not in {"lte", "lt"}:
            problem(f"{base}.op", goal.op or "nothing", "lte")
    elif measure.reading is Reading.MEAN:
        if goal.value is None or not 0 < goal.value <= 1:
            problem(
                f"{base}.value", "nothing" if goal.value is None else goal.value, "a similarity above 0 and at most 1"
            )
        if goal.op not in {"gte", "gt"}:
            problem(f"{base}.op", goal.op or "nothing", "gte")
        if not timeslices:
            problem(
                "spec.budgetingMethod", slo.spec.budgetingMethod, "Timeslices, since a mean has no single good requests"
            )
    elif goal.value is not None or goal.op is not None:
        problem(f"{base}.value", goal.op if goal.value is None else goal.value, f"no op and no value for {indicator}")
    needs_share = timeslices and measure.reading is not Reading.MEAN
    if needs_share and goal.timeSliceTarget is None:
        problem(f"{base}.timeSliceTarget", "nothing", 'the share of a good slice, for instance "0.95"')
    if not timeslices and (goal.timeSliceTarget is not None or goal.timeSliceWindow is not None):
        problem(
            f"{base}.timeSliceTarget",
            goal.timeSliceTarget or goal.timeSliceWindow,
            "no slices with budgetingMethod Occurrences",
        )
    if timeslices and measure.reading is Reading.MEAN and goal.timeSliceTarget is not None:
        problem(
            f"{base}.timeSliceTarget",
            goal.timeSliceTarget,
            f"none for {indicator}: a slice is good when its mean reaches value",
        )


def _built(slo: SloDocument, indicator: Indicator, where: tuple[tuple[str, str], ...], service: str) -> Objective:
    goal = slo.spec.objectives[0]
    timeslices = slo.spec.budgetingMethod == "Timeslices"
    share = goal.value if MEASURES[indicator].reading is Reading.MEAN else goal.timeSliceTarget
    return Objective(
        service=service,
        slug=slo.metadata.name,
        title=slo.metadata.displayName or slo.metadata.name,
        description=slo.spec.description,
        indicator=indicator,
        method=Method.TIMESLICES if timeslices else Method.OCCURRENCES,
        target=goal.ratio(),
        window=slo.spec.timeWindow[0].span(),
        threshold=goal.value,
        slice_seconds=goal.slice_seconds(),
        slice_target=float(share) if timeslices and share is not None else None,
        where=where,
    )


def dump(objective: Objective) -> dict[str, Any]:
    """The OpenSLO v1 document of an objective; `parse` of it gives the objective back."""
    goal: dict[str, Any] = {"target": str(objective.target)}
    if objective.threshold is not None:
        mean = MEASURES[objective.indicator].reading is Reading.MEAN
        goal = {"op": "gte" if mean else "lte", "value": objective.threshold, **goal}
        if objective.slice_target is not None and not mean:
            goal["timeSliceTarget"] = str(objective.slice_target)
    elif objective.slice_target is not None:
        goal["timeSliceTarget"] = str(objective.slice_target)
    if objective.method is Method.TIMESLICES:
        goal["timeSliceWindow"] = f"{objective.slice_seconds // 60}m"
    annotations = {PREFIX + "indicator": str(objective.indicator)}
    if objective.where:
        annotations[PREFIX + "where"] = ",".join(f"{label}={value}" for label, value in objective.where)
    spec: dict[str, Any] = {
        "service": objective.service,
        "timeWindow": [{"duration": _duration(objective.window), "isRolling": True}],
        "budgetingMethod": objective.method.value.capitalize(),
        "objectives": [goal],
    }
    if objective.description:
        spec = {"description": objective.description, **spec}
    metadata = {"name": objective.slug, "displayName": objective.title, "annotations": annotations}
    return {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": metadata, "spec": spec}


def render(objectives: Iterable[Objective]) -> str:
    """The YAML text of objectives, one document each."""
    return yaml.safe_dump_all(
        [dump(objective) for objective in objectives], sort_keys=False, allow_unicode=True, explicit_start=True
    )


def _duration(window: timedelta) -> str:
    hours = int(window.total_seconds() // 3600)
    return f"{hours // 24}d" if hours % 24 == 0 else f"{hours}h"


def _line(node: yaml.Node, keys: Sequence[object]) -> int:
    """The line of the node at a path, or of its nearest parent that exists; 1 is the first line."""
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            found = next((child for name, child in node.value if name.value == str(key)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            found = node.value[key]
        else:
            found = None
        if found is None:
            break
        node = found
    return int(node.start_mark.line) + 1


def _path(location: Sequence[int | str]) -> str:
    text = ""
    for key in location:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text or "(document)"


def _shown(value: object) -> str:
    said = isinstance(value, str) and value.startswith(("nothing", "no ", "key "))
    text = str(value) if said else repr(str(value)) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _found(error: Mapping[str, Any]) -> object:
    if error["type"] == "missing":
        return "nothing"
    if error["type"] == "extra_forbidden":
        return f"key {error['loc'][-1]!r}"
    return error["input"]


def _expected(error: Mapping[str, Any]) -> str:
    if error["type"] == "missing":
        return "a value here"
    if error["type"] == "extra_forbidden":
        return "a key of OpenSLO v1 that this engine reads"
    if error["type"] == "literal_error":
        return str(error["ctx"]["expected"])
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    message = str(error["msg"])
    return message.removeprefix("Input should be ")
