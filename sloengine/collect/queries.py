"""What the sources said at their last tick, and which of them cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from observability.core.models import Organisation
from sloengine.collect.models import MetricSource, Tick
from sloengine.objectives.models import Objective
from sloengine.sources.base import without_credentials


@dataclass(frozen=True, slots=True)
class Standing:
    """A source as it is now: `state` is ok, partial, failing, not read yet, or off; `warnings` are of its last tick."""

    name: str
    kind: str
    url: str
    state: str
    last_tick: datetime | None
    failing_since: datetime | None
    error: str
    asked_seconds: float
    warnings: tuple[str, ...]


def standings(*, organisation: Organisation) -> list[Standing]:
    """Every source of an organisation, by name."""
    last = {tick.source_id: tick for tick in _last_ticks(organisation.pk)}
    return [
        Standing(
            name=source.name,
            kind=source.get_kind_display(),
            url=" ".join(without_credentials(line) for line in source.url.split()),
            state=_state(source, last.get(source.pk)),
            last_tick=source.last_tick,
            failing_since=source.failing_since,
            error=source.last_error,
            asked_seconds=round(source.asked_seconds, 3),
            warnings=tuple(last[source.pk].warnings) if source.pk in last else (),
        )
        for source in MetricSource.objects.filter(organisation=organisation).order_by("name")
    ]


def warnings_of(objective: Objective) -> tuple[str, ...]:
    """Why the last tick of its source holds no answer to its queries: the server's words."""
    if not objective.promise.terms.queries.present:
        return ()
    whose = f"{objective}: "
    return tuple(
        warning.removeprefix(whose)
        for tick in _last_ticks(objective.organisation_id)
        for warning in tick.warnings
        if warning.startswith(whose)
    )


def _last_ticks(organisation_id: int) -> list[Tick]:
    return list(Tick.objects.filter(source__organisation=organisation_id, at=F("source__last_tick")))


def _state(source: MetricSource, tick: Tick | None) -> str:
    if not source.enabled:
        return "off"
    if source.failing_since is not None:
        return "failing"
    return tick.state if tick is not None else "not read yet"
