"""What every change of a run shares: its row held, written down in timeline and audit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from incidents.actions.course import State
from incidents.actions.models import ActionRun
from incidents.actions.permits import Permit
from incidents.response import services as response
from incidents.response.timeline import TimelineKind
from observability.core import audit, permissions
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused

LONGEST_REASON = 600


class ActionRefused(Refused):
    """It may not be done now; the message says why, to the person who asked."""

    def __init__(self, permit: Permit | str) -> None:
        said = permit if isinstance(permit, str) else permit.sentence
        super().__init__(f"{said[:1].upper()}{said[1:]}.")


def locked(run: ActionRun) -> ActionRun:
    """The run as it is now, its row held until the transaction ends."""
    rows = ActionRun.objects.select_for_update(of=("self",))
    return rows.select_related("incident", "incident__service", "service", "organisation", "undo_of").get(pk=run.pk)


def tell(
    run: ActionRun, kind: TimelineKind, *, said: str, now: datetime, actor: Actor | None = None, **more: Any
) -> None:
    """A line in the incident's timeline; a rehearsal from the settings has no incident."""
    if run.incident is None:
        return
    payload: Mapping[str, object] = {
        "sentence": said, "run": run.pk, "action": run.action, "target": run.target, "rehearsal": run.rehearsal, **more,
    }  # fmt: skip
    response.write_timeline(incident=run.incident, kind=kind, now=now, actor=actor, payload=payload)


def note(run: ActionRun, verb: Verb, *, now: datetime, actor: Actor | None = None, **more: object) -> None:
    """An entry in the audit log; without an actor it is Tailwatch itself."""
    by = actor or permissions.system(run.organisation, name="actions")
    payload = {"action": run.action, "service": run.service.slug, "parameters": run.parameters, "key": run.key, **more}
    audit.record(actor=by, verb=verb, obj=run, now=now, payload=payload)


def ended(run: ActionRun, state: State, *, reason: str, now: datetime) -> None:
    """Write the run's last state."""
    run.state, run.reason, run.ended_at = state.value, reason[:LONGEST_REASON], now
    run.in_flight, run.lease_until = False, None
    run.save(update_fields=["state", "reason", "ended_at", "in_flight", "lease_until", "output", "evidence"])
