"""Who is told about a service."""

from __future__ import annotations

from django.db.models import F, Prefetch, Q
from django.utils.text import slugify

from incidents.oncall.models import EscalationPolicy, Responder
from incidents.paging.escalation import Person, Policy
from observability.core.models import Organisation
from sloengine.catalog.models import Service


def policy_for(*, organisation: Organisation, service: Service | None, slug: str = "") -> Policy:
    """The policy of that slug, else the most specific that has somebody: of the service, its team, the organisation.

    Who left the organisation, or may not sign in any more, is nobody. Without a policy it is nobody too.
    """
    where = Q(service=None, team=None)
    if service is not None:
        where |= Q(service=service)
        if service.team_id is not None:
            where |= Q(team_id=service.team_id)
    members = Responder.objects.filter(user__is_active=True, user__memberships__organisation=organisation)
    people = Prefetch("responders", members.select_related("user"))
    if slug:
        named = EscalationPolicy.objects.filter(organisation=organisation).values_list("pk", "name")
        where |= Q(pk__in=[pk for pk, name in named if slugify(name) == slug])
    rows = list(
        EscalationPolicy.objects.filter(where, organisation=organisation)
        .order_by(F("service").asc(nulls_last=True), F("team").asc(nulls_last=True))
        .prefetch_related(people)
    )
    rows.sort(key=lambda row: slugify(row.name) != slug)
    row = next((row for row in rows if row.responders.all()), rows[0] if rows else None)
    if row is None:
        return Policy(name="no policy", people=(), after_seconds=300, repeats=0)
    return Policy(
        name=row.name,
        people=tuple(Person(user_id=place.user_id, name=str(place.user)) for place in row.responders.all()),
        after_seconds=row.after_seconds,
        repeats=row.repeats,
    )
