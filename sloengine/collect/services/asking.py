"""Queries of objectives, asked beside the reading of their source; one that fails costs its own objective, never the reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.db import connection

from sloengine.collect.models import MetricSource
from sloengine.objectives.asked import Asked, asked, samples
from sloengine.objectives.models import Objective
from sloengine.objectives.queries import enabled_objectives
from sloengine.sources.base import Answers, Reading, Source, SourceUnavailable

#: By source: the objectives it was made of, and what they ask; made again when an objective was applied or switched off.
_asked: dict[tuple[object, int], tuple[Sequence[Objective], tuple[Asked, ...]]] = {}


def with_queries(*, source: MetricSource, reader: Source, reading: Reading) -> Reading:
    """The reading with the series of the queries that objectives ask of this source."""
    if not isinstance(reader, Answers):
        return reading
    found, warnings = dict(reading.samples), list(reading.warnings)
    wanted = asked_of(source)
    for one in wanted:
        try:
            answers = {name: reader.ask(text, at=reading.at) for name, text in one.queries}
        except SourceUnavailable as problem:
            warnings.append(f"{one.service}/{one.slug}: {problem.reason}")
            continue
        found.update(samples(one, answers))
    return replace(reading, samples=found, warnings=tuple(warnings)) if wanted else reading


def asked_of(source: MetricSource) -> tuple[Asked, ...]:
    """What is asked of it at each tick; objectives that name no source ask the organisation's first Prometheus."""
    objectives = enabled_objectives(organisation_id=source.organisation_id)
    key = (connection.settings_dict["NAME"], source.pk)
    known = _asked.get(key)
    if known is None or known[0] is not objectives:
        others = MetricSource.objects.filter(
            organisation=source.organisation_id, kind=MetricSource.Kind.PROMETHEUS, pk__lt=source.pk
        )
        promises = [one.promise for one in objectives if one.terms]
        known = _asked[key] = (objectives, asked(promises, source=source.name, first=not others.exists()))
    return known[1]
