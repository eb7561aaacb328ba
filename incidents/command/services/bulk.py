"""The same for many incidents at once: each by itself, so that one that cannot be moved holds none of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from incidents.command.services.pause import snooze
from incidents.response import services as response
from incidents.response.models import Incident
from observability.core import permissions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused

MOST_AT_ONCE = 100
VERBS = {"acknowledge": Verb.ACKNOWLEDGE, "resolve": Verb.RESOLVE, "snooze": Verb.SNOOZE}


@dataclass(frozen=True, slots=True)
class Done:
    """Which incidents were moved, and why each of the others was not."""

    moved: tuple[Incident, ...]
    refused: tuple[tuple[str, str], ...]


def act(
    *,
    organisation: Organisation,
    numbers: Sequence[int],
    verb: str,
    actor: Actor,
    now: datetime,
    minutes: int = 60,
) -> Done:
    """Acknowledge, resolve or snooze (for `minutes`) the incidents of these numbers, oldest first."""
    if verb not in VERBS:
        raise Refused(f"found {verb[:20]!r}, expected one of {', '.join(VERBS)}.")
    if not 0 < len(set(numbers)) <= MOST_AT_ONCE:
        raise Refused(f"Choose 1 to {MOST_AT_ONCE} incidents; {len(set(numbers))} are chosen.")
    permissions.require(actor, VERBS[verb], organisation)
    move: Callable[..., Incident] = response.MOVES.get(verb) or partial(snooze, until=now + timedelta(minutes=minutes))
    rows = Incident.objects.filter(organisation=organisation, number__in=numbers).select_related("organisation")
    moved, refused = [], []
    for incident in rows.order_by("number"):
        try:
            moved.append(move(incident=incident, actor=actor, now=now))
        except Refused as reason:
            refused.append((incident.name, str(reason)))
    return Done(tuple(moved), tuple(refused))
