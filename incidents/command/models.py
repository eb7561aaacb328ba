"""Duty: a role in an incident, who holds it, to whom it is offered, what of its checklist is done."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from incidents.command.roles import Role


class Duty(models.Model):
    """One role of one incident. Of the commander the holder stands on the incident: lists and pages show it."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="duties", db_index=False)
    role = models.CharField(max_length=16, choices=[(role.value, role.value.capitalize()) for role in Role])
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    #: A hand-over that waits for the other's yes: until then whoever holds the role holds it.
    offered_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    offered_at = models.DateTimeField(null=True, blank=True)
    #: Keys of the checklist's lines that are done.
    ticked = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["incident", "role"], name="duty_once"),
            models.CheckConstraint(
                condition=~Q(role="commander") | Q(holder__isnull=True), name="duty_commander_is_the_incidents"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.incident}"
