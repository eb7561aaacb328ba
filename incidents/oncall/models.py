"""Who is told about what: an ordered list of responders for a service, a team or the organisation."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q


class EscalationPolicy(models.Model):
    """Tell the first responder at once, the next one after `after_seconds` without an answer, then begin again.

    The most specific policy counts: of the service, else of its team, else of the organisation (both empty).
    """

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="escalation_policies")
    name = models.CharField(max_length=200)
    service = models.ForeignKey(
        "sloengine.Service", null=True, blank=True, on_delete=models.CASCADE, related_name="escalation_policies"
    )
    team = models.ForeignKey(
        "core.Team", null=True, blank=True, on_delete=models.CASCADE, related_name="escalation_policies"
    )
    after_seconds = models.PositiveIntegerField(default=300)
    #: How often the list is gone through again after the first time.
    repeats = models.PositiveSmallIntegerField(default=2)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "service", "team"], nulls_distinct=False, name="escalation_policy_once"
            ),
            models.CheckConstraint(
                condition=Q(service__isnull=True) | Q(team__isnull=True), name="escalation_policy_service_or_team"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Responder(models.Model):
    """A person's place in a policy, counted from 1."""

    policy = models.ForeignKey(EscalationPolicy, on_delete=models.CASCADE, related_name="responders")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "position"], name="responder_place_once"),
            models.CheckConstraint(condition=Q(position__gte=1), name="responder_place_from_1"),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.user}"
