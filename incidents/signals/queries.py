"""The answers of a service's signals, as the tree and the runbooks would get them now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from incidents.diagnosis.answers import ServiceSignals
from incidents.diagnosis.evidence import Query
from incidents.diagnosis.queries import NOW_AT_MOST, ServiceView
from incidents.diagnosis.signals import SIGNALS, sentence, text
from incidents.diagnosis.surroundings.queries import Surroundings, surroundings
from incidents.diagnosis.tree import Tree, evaluate
from incidents.trees.queries import trees_for
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


@dataclass(frozen=True, slots=True)
class Standing:
    """What the tree would say of a service this minute, were somebody to ask."""

    service: str
    leaf: str
    title: str
    path: tuple[str, ...]
    confidence: float
    branches: Mapping[str, bool | None]


def standings(*, services: Collection[Service], now: datetime) -> list[Standing]:
    """The tree asked of every service of an organisation, the last five minutes against the hour before them."""
    began = now - NOW_AT_MOST
    with rollups.snapshot():
        trees = trees_for(services=services)
        around = surroundings(services=services, since=began, now=now) if services else None
        return [_standing(service, trees[service.pk], around, now) for service in services]


def _standing(service: Service, tree: Tree, around: Surroundings | None, now: datetime) -> Standing:
    view = ServiceView(service, now - NOW_AT_MOST, now, around=around)
    found = evaluate(tree=tree, signals=ServiceSignals(view), whole=False)
    return Standing(service.slug, found.leaf.id, found.leaf.title, found.path, found.confidence, found.branches)


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
