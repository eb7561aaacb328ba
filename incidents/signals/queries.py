"""The answers of a service's signals, as the tree and the runbooks would get them now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from incidents.diagnosis.answers import ServiceSignals
from incidents.diagnosis.evidence import Query
from incidents.diagnosis.queries import NOW_AT_MOST, ServiceView
from incidents.diagnosis.signals import SIGNALS, sentence, text
from sloengine.catalog.models import Service
from sloengine.rollups import queries as rollups

#: What a scope may fix.
LABELS = ("replica", "region", "version", "slice")


@dataclass(frozen=True, slots=True)
class Told:
    """One signal's answer; `value` is None where nobody can tell, and `sentence` says why."""

    name: str
    unit: str
    meaning: str
    value: float | None
    shown: str
    sentence: str
    window_seconds: int
    query: Query | None


def ask(
    *,
    service: Service,
    now: datetime,
    scope: Mapping[str, str] | None = None,
    since: datetime | None = None,
    names: Iterable[str] = (),
) -> list[Told]:
    """Each signal (or those named) of the service, or of the part that the scope fixes, against the hour before `since`.

    Without `since` the last five minutes are held against the hour before them. What a scope's label is not kept for cannot be told.
    """
    began = min(since or now - NOW_AT_MOST, now)
    wanted = tuple(names) or tuple(SIGNALS)
    with rollups.snapshot():
        signals = ServiceSignals(ServiceView(service, began, now, where=dict(scope or {})))
        return [_told(name, signals) for name in wanted]


def parts(*, service: Service, now: datetime) -> Mapping[str, list[str]]:
    """What there is to choose: the replicas, regions and versions seen in the last minutes."""
    view = ServiceView(service, now - NOW_AT_MOST, now)
    with rollups.snapshot():
        up = rollups.gauge(
            service=service, family="target_up", start=now - NOW_AT_MOST, end=now, by=("replica", "region", "version")
        )
    serving = [one for one in view.servings() if one.seen_until >= now - NOW_AT_MOST]
    return {
        "replica": sorted({key[0] for key in up if key[0]}),
        "region": sorted({key[1] for key in up if key[1]} | {one.region for one in serving if one.region}),
        "version": sorted({key[2] for key in up if key[2]} | {one.version for one in serving if one.version}),
    }


def _told(name: str, signals: ServiceSignals) -> Told:
    spec, answer = SIGNALS[name], signals.ask(name)
    shown = "cannot tell" if answer.value is None else text(answer.value, spec.unit)
    said = sentence(name, answer)
    return Told(name, spec.unit, spec.meaning, answer.value, shown, said, answer.window_seconds, answer.query)
