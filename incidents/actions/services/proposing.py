"""Propose by itself what a binding says may be: people find the button with its reason, and only have to say yes."""

from __future__ import annotations

import logging
from datetime import datetime

from incidents.actions import queries
from incidents.actions.models import ActionRun
from incidents.actions.services.asking import propose
from incidents.actions.services.rows import ActionRefused
from incidents.response.models import Incident
from observability.core import permissions, questions

log = logging.getLogger(__name__)


@questions.first(queries.PROPOSALS_WANTED)
def propose_due(*, now: datetime) -> int:
    """The first action that is offered, bound to be proposed by itself and not tried for the incident yet; how many were proposed."""
    return sum(_propose(incident, now) for incident in queries.open_incidents())


def _propose(incident: Incident, now: datetime) -> bool:
    actions = queries.document(organisation_id=incident.organisation_id)
    service = incident.service.slug if incident.service is not None else ""
    tried = set(ActionRun.objects.filter(incident=incident).values_list("action", flat=True))
    eager = {one.action for one in actions.bindings if one.service == service and one.propose == "by_itself"} - tried
    try:
        found = queries.offers(incident=incident, now=now) if eager else None
        first = next((one for one in found.offers if one.runnable and one.kind.name in eager), None) if found else None
        if first is None:
            return False
        propose(incident=incident, action=first.kind.name, actor=permissions.system(incident.organisation), now=now)
    except ActionRefused as reason:
        log.info("%s: nothing is proposed: %s", incident.name, reason)
        return False
    except Exception:
        # The others are looked at now, and this one again with the next beat.
        log.exception("%s: actions could not be judged", incident.name)
        return False
    return True
