"""What becomes of an alert before any incident is asked: its route, what quiets it, when it is looked at again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from incidents.alerts.inhibition import Firing, Rule, inhibited, is_source, says_absence
from incidents.alerts.routing import Routes, Settings, Taken, take
from incidents.alerts.silences import Muted, Quiet, silenced

#: Of an alert whose kind no route names.
EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What holds for all alerts of an organisation at one time."""

    routes: Routes
    quiets: Sequence[Quiet] = ()


@dataclass(frozen=True, slots=True)
class Treatment:
    """`labels`: those by which it was judged, with what we know of it added."""

    labels: Mapping[str, str]
    taken: Taken
    source: bool
    silence: Muted | None
    rules: Sequence[Rule] = ()

    @property
    def settings(self) -> Settings:
        return self.taken.settings


def matched_labels(
    *, labels: Mapping[str, object], kind: str, urgency: str, fingerprint: str, integration: str, service: str
) -> dict[str, str]:
    """The labels that matchers see: the sender's, and ours where the sender has none of that name.

    `fingerprint` names one alert; `integration` where it came in; `absence` is "true" where its name says that nothing is there.
    """
    known = {
        "kind": kind,
        "urgency": urgency,
        "fingerprint": fingerprint,
        "integration": integration,
        "service": service,
    }
    found = {name: str(value) for name, value in labels.items()}
    found = {**{name: value for name, value in known.items() if value}, **found}
    if kind == EXTERNAL and "absence" not in found and says_absence(found):
        found["absence"] = "true"
    return found


def treat(*, labels: Mapping[str, str], surroundings: Surroundings, now: datetime) -> Treatment:
    """Its route, whether it would quiet others, whether a silence or maintenance holds for it."""
    return Treatment(
        labels=labels,
        taken=take(routes=surroundings.routes, labels=labels),
        source=is_source(labels=labels, rules=surroundings.routes.rules),
        silence=silenced(labels=labels, quiets=surroundings.quiets, now=now),
        rules=surroundings.routes.rules,
    )


def muted(*, treatment: Treatment, alert: Firing, sources: Sequence[Firing], routes: Routes) -> Muted | None:
    """A silence counts before another alert: it is what a person said."""
    return treatment.silence or inhibited(target=alert, sources=sources, rules=routes.rules)


def next_look(*, muted: Muted | None, expires_at: datetime | None) -> datetime | None:
    """When the alert is to be looked at again without being told anything: its expiry, or the end of what quiets it."""
    moments = [at for at in (muted.until if muted is not None else None, expires_at) if at is not None]
    return min(moments) if moments else None
