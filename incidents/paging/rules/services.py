"""Set one's own rules; an administrator may set anybody's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from incidents.oncall.document import HoursDocument
from incidents.paging.models import PagerEndpoint
from incidents.paging.rules.models import NotificationRule, QuietHours
from incidents.paging.rules.plan import Rule
from observability.core import audit, permissions
from observability.core.models import Organisation, User
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused

LONGEST_WAIT_SECONDS = 24 * 3600


class RuleInvalid(Refused):
    """A rule names a pager that is not the person's, or a wait that cannot be."""


def set_rules(*, organisation: Organisation, user: User, rules: Sequence[Rule], actor: Actor, now: datetime) -> None:
    """Exactly these rules from now on; none: every pager rings at once."""
    _require(organisation, user, actor)
    mine = set(PagerEndpoint.objects.filter(organisation=organisation, user=user).values_list("pk", flat=True))
    for place, rule in enumerate(rules, start=1):
        if rule.endpoint_id not in mine:
            raise RuleInvalid(f"rule {place}: pager {rule.endpoint_id} is none of {user}'s.")
        if not 0 <= rule.after_seconds <= LONGEST_WAIT_SECONDS or not 1 <= rule.mildest_severity <= 5:
            raise RuleInvalid(
                f"rule {place}: found {rule.after_seconds} s and SEV{rule.mildest_severity}, expected 0 to 86400 s, 1 to 5."
            )
    with transaction.atomic():
        NotificationRule.objects.filter(organisation=organisation, user=user).delete()
        NotificationRule.objects.bulk_create(
            (
                NotificationRule(
                    organisation=organisation,
                    user=user,
                    endpoint_id=rule.endpoint_id,
                    after_seconds=rule.after_seconds,
                    mildest_severity=rule.mildest_severity,
                )
                for rule in rules
            ),
            ignore_conflicts=True,
        )
        payload = {"user": user.username, "rules": len(rules)}
        audit.record(actor=actor, verb="set_notification_rules", obj=user, now=now, payload=payload)


def set_quiet_hours(
    *,
    organisation: Organisation,
    user: User,
    hours: Sequence[HoursDocument],
    actor: Actor,
    now: datetime,
    comes_through: int = 2,
) -> None:
    """In these hours of the person's own zone only SEV1 to SEV`comes_through` ring; none: never quiet."""
    _require(organisation, user, actor)
    if not 1 <= comes_through <= 5:
        raise RuleInvalid(f"comes_through: found {comes_through}, expected a severity from 1 to 5")
    with transaction.atomic():
        if hours:
            kept = [one.model_dump(mode="json") for one in hours]
            QuietHours.objects.update_or_create(
                organisation=organisation, user=user, defaults={"hours": kept, "comes_through": comes_through}
            )
        else:
            QuietHours.objects.filter(organisation=organisation, user=user).delete()
        audit.record(actor=actor, verb="set_quiet_hours", obj=user, now=now, payload={"user": user.username})


def _require(organisation: Organisation, user: User, actor: Actor) -> None:
    """One's own as a responder; another's as an administrator."""
    mine = actor.user_id == user.pk
    permissions.require(actor, Verb.OVERRIDE if mine else Verb.MANAGE_PAGERS, organisation)
