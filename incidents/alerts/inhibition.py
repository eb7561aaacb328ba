"""Inhibition: an alert that explains others quiets them.

By matchers, as in Alertmanager: while a source alert fires, target alerts whose `equal` labels are the same stay quiet. And by
topology: a region that is down quiets the services that live in it; a source that cannot be read quiets the absences that
follow from it. No alert quiets itself, and what quiets others is not quieted by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from incidents.alerts.matchers import Matcher, all_fit, parse_all
from incidents.alerts.silences import Muted


class Topology(StrEnum):
    """What must lie in the source for a target to be explained by it."""

    NONE = ""
    REGION = "region"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Rule:
    """While an alert that fits `source` fires, alerts that fit `target` are quiet, where the labels in `equal` agree."""

    name: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()
    topology: Topology = Topology.NONE


#: Always on, unless the routes say `topology: false`.
BY_TOPOLOGY = (
    Rule("its region is down", parse_all(['scope="region"', 'region!=""']), (), topology=Topology.REGION),
    Rule("its source cannot be read", parse_all(['kind="blind"']), parse_all(['absence="true"']), topology=Topology.SOURCE),
)  # fmt: skip

#: Names of alerts that say "there is nothing to see", where no label `absence` says it.
ABSENCE_WORDS = ("absent", "nodata", "no_data", "datasourcenodata", "datasourceerror", "targetdown", "missing")


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fires, by its row and its labels; `regions`: where its service lives, as the catalogue has seen it."""

    alert_id: int
    labels: Mapping[str, str]
    regions: frozenset[str] = frozenset()


def says_absence(labels: Mapping[str, str]) -> bool:
    """Whether the alert's name says that something is not there: ServiceAbsent, TargetDown, DatasourceNoData."""
    name = labels.get("alertname", "").lower()
    return any(word in name for word in ABSENCE_WORDS)


def is_source(*, labels: Mapping[str, str], rules: Iterable[Rule]) -> bool:
    """Whether the alert would quiet others while it fires."""
    return any(all_fit(rule.source, labels) for rule in rules)


def inhibited(*, target: Firing, sources: Sequence[Firing], rules: Sequence[Rule]) -> Muted | None:
    """Why the target is quiet: the first rule with a source that fires, or None."""
    for rule in rules:
        if not all_fit(rule.target, target.labels) or all_fit(rule.source, target.labels):
            continue
        for source in sources:
            if (
                source.alert_id != target.alert_id
                and all_fit(rule.source, source.labels)
                and _same(rule, source, target)
            ):
                return Muted(reason=f"quieted: {rule.name}", by_alert=source.alert_id)
    return None


def _same(rule: Rule, source: Firing, target: Firing) -> bool:
    if any(source.labels.get(name, "") != target.labels.get(name, "") for name in rule.equal):
        return False
    match rule.topology:
        case Topology.REGION:
            return _lies_in(source.labels.get("region", ""), target)
        case Topology.SOURCE:
            named = source.labels.get("source", ""), target.labels.get("source", "")
            return "" in named or named[0] == named[1]
        case _:
            return True


def _lies_in(region: str, target: Firing) -> bool:
    """By its own label where it has one; else only where its service lives nowhere but there."""
    stated = target.labels.get("region", "")
    return stated == region if stated else target.regions == {region}
