"""Set who is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from incidents.oncall.models import EscalationPolicy, Responder
from observability.core import audit, permissions
from observability.core.models import Organisation, Team, User
from observability.core.permissions import Actor, Verb
from sloengine.catalog.models import Service


class NotAMember(ValueError):
    """Someone in the list does not belong to the organisation."""


def set_policy(
    *,
    organisation: Organisation,
    people: Sequence[User],
    actor: Actor,
    now: datetime,
    name: str = "Default",
    service: Service | None = None,
    team: Team | None = None,
    after_seconds: int = 300,
    repeats: int = 2,
) -> EscalationPolicy:
    """Replace the policy of a service, a team or (neither given) the organisation by this ordered list of people."""
    members = set(organisation.memberships.filter(user__in=people).values_list("user_id", flat=True))
    strangers = [str(person) for person in people if person.pk not in members]
    if strangers:
        raise NotAMember(f"{', '.join(strangers)} do not belong to {organisation}; add them to it first.")
    with transaction.atomic():
        policy, _ = EscalationPolicy.objects.update_or_create(
            organisation=organisation,
            service=service,
            team=team,
            defaults={"name": name, "after_seconds": after_seconds, "repeats": repeats},
        )
        permissions.require(actor, Verb.MANAGE_PAGERS, policy)
        policy.responders.all().delete()
        Responder.objects.bulk_create(
            Responder(policy=policy, user=person, position=place) for place, person in enumerate(people, start=1)
        )
        payload = {"people": [person.username for person in people], "after_seconds": after_seconds}
        audit.record(actor=actor, verb="set_escalation_policy", obj=policy, now=now, payload=payload)
    return policy
