"""Who is told about a service."""

from __future__ import annotations

from django.db.models import F, Prefetch, Q

from incidents.oncall.models import EscalationPolicy, Responder
from incidents.paging.escalation import Person, Policy
from observability.core.models import Organisation
from sloengine.catalog.models import Service


def policy_for(*, organisation: Organisation, service: Service | None) -> Policy:
    """The most specific policy: of the service, else of its team, else of the organisation; without one, nobody."""
    where = Q(service=None, team=None)
    if service is not None:
        where |= Q(service=service)
        if service.team_id is not None:
            where |= Q(team_id=service.team_id)
    people = Prefetch("responders", Responder.objects.filter(user__is_active=True).select_related("user"))
    row = (
        EscalationPolicy.objects.filter(where, organisation=organisation)
        .order_by(F("service").asc(nulls_last=True), F("team").asc(nulls_last=True))
        .prefetch_related(people)
        .first()
    )
    if row is None:
        return Policy(name="no policy", people=(), after_seconds=300, repeats=0)
    return Policy(
        name=row.name,
        people=tuple(Person(user_id=place.user_id, name=str(place.user)) for place in row.responders.all()),
        after_seconds=row.after_seconds,
        repeats=row.repeats,
    )
