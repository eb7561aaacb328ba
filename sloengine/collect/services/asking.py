"""Queries of objectives, asked beside the readings of their source; one that fails costs its own objective, never the reading.

Each text is asked once, however many objectives have it, and for ticks that are caught up once for all of them. A server that is
too busy or does not answer is asked nothing more at this reading. What failed is asked last from then on, and ever more seldom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from sloengine.collect.models import MetricSource
from sloengine.objectives.asked import Answer, Asked, asked, samples
from sloengine.objectives.models import Objective
from sloengine.objectives.queries import enabled_objectives
from sloengine.sources.base import Answers, AnswersRanges, Fault, Reading, Source, SourceUnavailable

#: A query that fails again and again is left alone for at most so long.
LONGEST_PAUSE: Final = timedelta(minutes=10)
#: What the others would be told as well.
NO_ANSWER: Final = (Fault.BUSY, Fault.UNREACHABLE)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A query that failed so many times in a row, last for this reason; it is asked again at `again`."""

    times: int
    reason: str
    again: datetime


#: By source: the objectives it was made of, and what they ask; made again when an objective was applied or switched off.
_asked: dict[tuple[object, int], tuple[Sequence[Objective], tuple[Asked, ...]]] = {}
#: By source: its queries that failed when they were last asked.
_troubles: dict[tuple[object, int], dict[str, Trouble]] = {}


def with_queries(
    *, source: MetricSource, reader: Source, readings: Sequence[Reading], wanted: Sequence[Asked]
) -> list[Reading]:
    """The readings with the series of the queries that objectives ask of this source."""
    if not wanted or not readings or not isinstance(reader, Answers):
        return list(readings)
    instants = [reading.at for reading in readings]
    texts = list(dict.fromkeys(text for one in wanted for _, text in one.queries))
    answers, problems = _answers(source, reader, texts, instants)
    found = []
    for place, reading in enumerate(readings):
        known, warnings = dict(reading.samples), list(reading.warnings)
        for one in wanted:
            problem = next((problems[text] for _, text in one.queries if text in problems), None)
            if problem is None:
                known.update(samples(one, {name: answers[text][place] for name, text in one.queries}))
            else:
                warnings.append(f"{one.service}/{one.slug}: {problem}")
        found.append(replace(reading, samples=known, warnings=tuple(warnings)))
    return found


def asked_of(source: MetricSource) -> tuple[Asked, ...]:
    """What is asked of it at each tick; objectives that name no source ask the organisation's first Prometheus."""
    objectives = enabled_objectives(organisation_id=source.organisation_id)
    key = _key(source)
    known = _asked.get(key)
    if known is None or known[0] is not objectives:
        others = MetricSource.objects.filter(
            organisation=source.organisation_id, kind=MetricSource.Kind.PROMETHEUS, pk__lt=source.pk
        )
        promises = [one.promise for one in objectives if one.terms]
        known = _asked[key] = (objectives, asked(promises, source=source.name, first=not others.exists()))
    return known[1]


def _answers(
    source: MetricSource, reader: Answers, texts: Sequence[str], instants: Sequence[datetime]
) -> tuple[Mapping[str, Sequence[Answer]], Mapping[str, str]]:
    """By query: its answer at each instant, or what went wrong."""
    before, now = _troubles.get(_key(source), {}), instants[-1]
    troubles: dict[str, Trouble] = {}
    answers: dict[str, Sequence[Answer]] = {}
    problems: dict[str, str] = {}
    silent: str | None = None
    for text in sorted(texts, key=lambda text: before[text].times if text in before else 0):
        trouble = before.get(text)
        if silent is not None or (trouble is not None and instants[0] < trouble.again):
            if trouble is not None:
                troubles[text] = trouble
            problems[text] = f"not asked, since {silent}" if silent is not None or trouble is None else trouble.reason
            continue
        try:
            answers[text] = _ask(reader, text, instants)
        except SourceUnavailable as problem:
            times = trouble.times + 1 if trouble is not None else 1
            pause = min(timedelta(seconds=source.tick_seconds) * 2 ** min(times - 1, 6), LONGEST_PAUSE)
            troubles[text] = Trouble(times, problem.reason, now + pause)
            problems[text] = problem.reason
            silent = problem.reason if problem.fault in NO_ANSWER else None
    _troubles[_key(source)] = troubles
    return answers, problems


def _ask(reader: Answers, text: str, instants: Sequence[datetime]) -> Sequence[Answer]:
    if len(instants) > 1 and isinstance(reader, AnswersRanges):
        return reader.ask_range(text, instants=instants)
    return [reader.ask(text, at=at) for at in instants]


def _key(source: MetricSource) -> tuple[object, int]:
    return connection.settings_dict["NAME"], source.pk
