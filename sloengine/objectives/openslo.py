"""OpenSLO documents to the engine's objectives. Pure; rendering.py is the way back.

    ObjectivesError
      InvalidObjectives    every problem of every document at once: file, line, path, found, expected

Objects refer to each other by name across all the texts that are given together. An SLO with several objectives becomes as many
of ours; one for service "*" is one for every service. Specification: https://github.com/OpenSLO/OpenSLO (openslo/v1).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import ValidationError

from observability.core.documents import Problem, WithProblems
from sloengine.objectives import annotations as extensions
from sloengine.objectives.alerting import Alerts, alerting
from sloengine.objectives.annotations import PREFIX
from sloengine.objectives.documents import (
    KINDS,
    Goal,
    Object,
    PolicyDocument,
    ServiceDocument,
    SliDocument,
    SloDocument,
    SourceDocument,
)
from sloengine.objectives.goals import check_goal
from sloengine.objectives.indicators import resolved
from sloengine.objectives.objective import MEASURES, TIMED, Indicator, Method, Objective, cost_floor
from sloengine.objectives.terms import Member, Queries, Terms
from sloengine.objectives.texts import Document, Piece, path_of, pieces
from sloengine.objectives.v1alpha import NotUpgradable, upgraded

#: `spec.service: "*"` stands for every service of the catalogue.
EVERY_SERVICE = "*"
METHODS = {
    "Occurrences": Method.OCCURRENCES,
    "Timeslices": Method.TIMESLICES,
    "RatioTimeslices": Method.RATIO_TIMESLICES,
}
Kind = TypeVar("Kind", bound=Object)


class ObjectivesError(ValueError):
    pass


class InvalidObjectives(WithProblems, ObjectivesError):
    """All problems found; nothing of the documents was used."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A Service or DataSource object: name, words, and of a source its URL."""

    name: str
    title: str
    description: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is there already: services, sources by name, objectives by key with whether each is a composite; and the tick."""

    services: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    objectives: Mapping[str, bool] = field(default_factory=dict)
    tick_seconds: int = 30


@dataclass(frozen=True, slots=True)
class Parsed:
    """`notes` are sentences about what was read and is not obvious; they refuse nothing."""

    objectives: tuple[Objective, ...]
    services: tuple[Declared, ...]
    sources: tuple[Declared, ...]
    notes: tuple[str, ...]


def parse(*, documents: Iterable[Document], known: Known) -> Parsed:
    """The objectives of all documents; raises InvalidObjectives with everything that is wrong in any."""
    reader = _Reader(known)
    for document in documents:
        for piece in pieces(document, reader.problems):
            reader.add(piece)
    found = reader.built()
    if reader.problems:
        raise InvalidObjectives(list(dict.fromkeys(reader.problems)))
    return found


class _Reader:
    """Collects the objects of all texts, then builds: what one refers to may stand in a later text."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.objects: dict[str, dict[str, tuple[Object, Piece]]] = defaultdict(dict)

    def add(self, piece: Piece) -> None:
        raw = piece.value
        if not isinstance(raw, dict):
            self.problems.append(piece.problem("(document)", raw, "an OpenSLO object"))
            return
        try:
            objects = upgraded(raw) if raw.get("apiVersion") == "openslo/v1alpha" else [raw]
        except NotUpgradable as error:
            self.problems.append(piece.problem(error.path, error.found, str(error)))
            return
        for one in objects:
            self._add(piece, one)

    def _add(self, piece: Piece, raw: Mapping[str, Any]) -> None:
        kind = raw.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            self.problems.append(piece.problem("kind", kind or "nothing", f"one of {', '.join(KINDS)}"))
            return
        try:
            found = KINDS[kind].model_validate(raw)
        except ValidationError as errors:
            self.problems += _refusals(piece, errors)
            return
        name = found.metadata.name
        if isinstance(found, SloDocument):  # nothing refers to an SLO, and each service may have one of that name
            name = f"{found.spec.service}/{name}#{len(self.objects[kind])}"
        if name in self.objects[kind]:
            other = self.objects[kind][name][1]
            self.problems.append(
                piece.problem("metadata.name", name, f"a name of its own; {other.file}:{other.line} has it")
            )
        self.objects[kind].setdefault(name, (found, piece))

    def of_kind(self, kind: type[Kind]) -> dict[str, tuple[Kind, Piece]]:
        name = next(name for name, shape in KINDS.items() if shape is kind)
        return {key: pair for key, pair in self.objects[name].items() if isinstance(pair[0], kind)}  # type: ignore[misc]

    def built(self) -> Parsed:
        declared = [_declared(found) for found, _ in self.of_kind(ServiceDocument).values()]
        services = tuple(dict.fromkeys([*self.known.services, *(one.name for one in declared)]))
        sources = [
            source
            for found, piece in self.of_kind(SourceDocument).values()
            if (source := self._source(found, piece)) is not None
        ]
        self._unused_policies()
        objectives: dict[str, tuple[Objective, Piece]] = {}
        for slo, piece in self.of_kind(SloDocument).values():
            for objective in _Slo(self, slo, piece).objectives(services):
                if objective.key in objectives:
                    other = objectives[objective.key][1]
                    expected = f"a name of its own; {other.file}:{other.line} has it"
                    self.problems.append(piece.problem("metadata.name", objective.slug, expected))
                objectives.setdefault(objective.key, (objective, piece))
        self._check_members(objectives)
        found = tuple(objective for objective, _ in objectives.values())
        return Parsed(found, tuple(declared), tuple(sources), tuple(dict.fromkeys(self.notes)))

    def source_types(self) -> dict[str, str]:
        """What can be asked, by name: the sources that are there, and those of the documents."""
        found = dict.fromkeys(self.known.sources, "Prometheus")
        return found | {name: one.spec.type for name, (one, _) in self.of_kind(SourceDocument).items()}

    def _source(self, found: SourceDocument, piece: Piece) -> Declared | None:
        """None of another type than Prometheus, which is said."""
        name, details = found.metadata.name, found.spec.connectionDetails
        if found.spec.type.lower() != "prometheus":
            self.notes.append(f"{name}: a DataSource of type {found.spec.type} is left out; Prometheus alone is asked.")
            return None
        given = details if isinstance(details, Mapping) else {}
        url = str(given.get("url", ""))
        if not re.match(r"https?://", url):
            self.problems.append(
                piece.problem("spec.connectionDetails.url", url or "nothing", "the URL of a Prometheus")
            )
        if unused := ", ".join(sorted(str(key) for key in given if key != "url")):
            self.notes.append(
                f"{name}: of its connectionDetails only the url is used, not {unused}; `manage.py connect URL --name {name}`"
                " says how to be let in."
            )
        return replace(_declared(found), url=url, description=found.spec.type)

    def _unused_policies(self) -> None:
        """An object that is referred to by nobody is checked all the same; that of an AlertPolicy needs its conditions."""
        for policy, piece in self.of_kind(PolicyDocument).values():
            Alerts(self.objects, piece, self.problems).of_policy(policy.spec, "spec")

    def _check_members(self, objectives: Mapping[str, tuple[Objective, Piece]]) -> None:
        composites = dict(self.known.objectives) | {key: one.is_composite for key, (one, _) in objectives.items()}
        for objective, piece in objectives.values():
            for member in objective.terms.members:
                path = f"metadata.annotations.{PREFIX}members"
                if member.key not in composites:
                    self.problems.append(
                        piece.problem(path, member.key, "an objective of these documents or one that is applied")
                    )
                elif composites[member.key]:
                    self.problems.append(
                        piece.problem(path, member.key, "a plain objective, since composites do not nest")
                    )


class _Slo:
    """One SLO object on its way to objectives."""

    def __init__(self, reader: _Reader, slo: SloDocument, piece: Piece) -> None:
        self.reader, self.slo, self.piece = reader, slo, piece

    def problem(self, path: str, found: object, expected: str) -> None:
        self.reader.problems.append(self.piece.problem(path, found, expected))

    def annotation_problem(self, name: str, found: object, expected: str) -> None:
        known = PREFIX + name in self.slo.metadata.annotations
        self.problem(f"metadata.annotations.{PREFIX}{name}" if known else "metadata.annotations", found, expected)

    def objectives(self, services: Sequence[str]) -> list[Objective]:
        before = len(self.reader.problems)
        queries, annotations = resolved(
            self.slo,
            slis={name: found for name, (found, _) in self.reader.of_kind(SliDocument).items()},
            sources=self.reader.source_types(),
            problem=self.problem,
            note=self.reader.notes.append,
        )
        given = extensions.ours(annotations, self.annotation_problem)
        signal = extensions.indicator(given, self.annotation_problem)
        if signal is None and "indicator" not in given:
            signal = Indicator.QUERY if queries.present else None
            if signal is None and not self.slo.spec.indicatorRef:
                expected = f"{PREFIX}indicator: one of {', '.join(Indicator)}; or an indicator with a query"
                self.problem("metadata.annotations", f"no {PREFIX}indicator", expected)
        wanted = tuple(services) if self.slo.spec.service == EVERY_SERVICE else (self.slo.spec.service,)
        for service in wanted:
            if service not in services:
                there = ", ".join(sorted(services)) or "the services found so far (none)"
                self.problem("spec.service", service, f'one of {there}, or "*"')
        if signal is None:
            return []
        where = extensions.where(given, self.annotation_problem)
        terms = self._terms(given, signal, queries)
        for index, goal in enumerate(self.slo.spec.objectives):
            self._check(goal, f"spec.objectives[{index}]", signal, terms)
        if len(self.reader.problems) > before:
            return []
        slugs = _slugs(self.slo)
        return [
            self._built(goal, slug, signal, where, _of_service(terms, service), service)
            for service in wanted
            for goal, slug in zip(self.slo.spec.objectives, slugs, strict=True)
        ]

    def _check(self, goal: Goal, at: str, signal: Indicator, terms: Terms) -> None:
        def problem(path: str, found: object, expected: str) -> None:
            self.problem(f"{at}{path}" if path.startswith(".") else path, found, expected)

        check_goal(goal, signal=signal, method=self.method, terms=terms, problem=problem)

    @property
    def method(self) -> Method:
        return METHODS[self.slo.spec.budgetingMethod]

    def _terms(self, given: Mapping[str, str], signal: Indicator, queries: Queries) -> Terms:
        from_table = Alerts(self.reader.objects, self.piece, self.reader.problems)
        found = extensions.terms(
            given, signal=signal, tiers=from_table.names(), service=EVERY_SERVICE, problem=self.annotation_problem
        )
        goal = self.slo.spec.objectives[0]
        if signal in (Indicator.QUERY, Indicator.KPI):
            queries = replace(queries, op=goal.op or "" if queries.threshold else "")
            if queries.present == bool(found.kpi):
                what = "both a query and a pushed KPI" if found.kpi else "no query"
                expected = "a query of good and total, of a ratio, or of a threshold"
                pushed = f"; or {PREFIX}kpi, the name under which it is pushed" if signal is Indicator.KPI else ""
                self.problem("spec.indicator", what, expected + pushed)
            found = replace(found, queries=queries)
        elif queries.present:
            self.reader.notes.append(
                f"{self.slo.metadata.name}: its queries are not asked, {PREFIX}indicator is measured."
            )
        found = alerting(found, self.slo.spec.alertPolicies, from_table, absent_said="absent-after" in given)
        return replace(found, calendar=self.slo.spec.timeWindow[0].as_calendar())

    def _built(
        self, goal: Goal, slug: str, signal: Indicator, where: tuple[tuple[str, str], ...], terms: Terms, service: str
    ) -> Objective:
        share = goal.timeSliceTarget
        value = None if goal.value is None else float(goal.value)
        sliced = self.method is Method.TIMESLICES
        slice_target: float | None
        if signal is Indicator.COST:
            slice_target = cost_floor(value or 0.0, terms.usd_per_gpu_hour or 0.0, self.reader.known.tick_seconds)
        elif signal is Indicator.QUALITY or (terms.kpi and value is not None):
            slice_target = value
        else:
            slice_target = float(share) if share is not None and sliced else None
        title = self.slo.metadata.displayName or self.slo.metadata.name
        if len(self.slo.spec.objectives) > 1:
            title = f"{title}: {goal.displayName or slug.removeprefix(self.slo.metadata.name + '-')}"[:120]
        found = Objective(
            service=service, slug=slug, title=title, description=self.slo.spec.description, indicator=signal, method=self.method,
            target=goal.ratio(), window=self.slo.spec.timeWindow[0].span(), threshold=value, slice_seconds=goal.slice_seconds(),
            slice_target=slice_target, where=where, terms=terms,
        )  # fmt: skip
        self._note(found, goal)
        return found

    def _note(self, objective: Objective, goal: Goal) -> None:
        for label in extensions.missing_labels(objective.measures[0], dict(objective.where)):
            self.reader.notes.append(
                f"{objective.slug}: our probes write no {label} on {objective.measures[0].family}; unless another exporter"
                " does, there will be no data."
            )
        if not objective.terms.via and not objective.terms.queries.present and objective.where:
            used, usual = objective.measures[0].family, MEASURES[objective.indicator].family
            if used != usual:
                self.reader.notes.append(f"{objective.slug}: measured by {used}, since {usual} carries no such label.")
        if goal.op == "lt" and objective.indicator in TIMED:
            self.reader.notes.append(
                f"{objective.slug}: lt is judged as lte, since a bucket holds what is at its bound too."
            )


def _declared(found: Object) -> Declared:
    spec = getattr(found, "spec", None)
    return Declared(found.metadata.name, found.metadata.displayName, getattr(spec, "description", ""))


def _of_service(terms: Terms, service: str) -> Terms:
    """Parts without a service are parts of the objective's own."""
    members = tuple(
        Member(
            f"{service}/{member.key.removeprefix('*/')}" if member.key.startswith("*/") else member.key, member.weight
        )
        for member in terms.members
    )
    return replace(terms, members=members)


def _slugs(slo: SloDocument) -> list[str]:
    """One objective has the SLO's name; of several each adds its display name, or its number."""
    name, goals = slo.metadata.name, slo.spec.objectives
    if len(goals) == 1:
        return [name]
    words = [re.sub(r"[^a-z0-9]+", "-", goal.displayName.lower()).strip("-") for goal in goals]
    if not all(words) or len(set(words)) < len(words):
        words = [str(number) for number in range(1, len(goals) + 1)]
    return [f"{name}-{word}"[:63].rstrip("-") for word in words]


def _refusals(piece: Piece, errors: ValidationError) -> list[Problem]:
    found = []
    for error in errors.errors():
        path, value, expected = path_of(error["loc"]), _found(error), _expected(error)
        if expected.startswith("@"):
            field, expected = expected[1:].split(" ", 1)
            path, value = f"{path}.{field}", error["input"].get(field, "nothing")
        found.append(piece.problem(path, value, expected))
    return found


def _found(error: Mapping[str, Any]) -> object:
    if error["type"] == "missing":
        return "nothing"
    if error["type"] == "extra_forbidden":
        return f"key {error['loc'][-1]!r}"
    if error["type"] == "value_error" and isinstance(error["input"], Mapping):
        return "keys " + ", ".join(map(str, error["input"])) if error["input"] else "nothing"
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
    return str(error["msg"]).removeprefix("Input should be ")
