"""What was told to whom, and when the next update is due."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from incidents.updates.cadence import Audience, Impact, Phase
from observability.core.claims import Leased


def choices(names: type[Audience] | type[Phase] | type[Impact]) -> list[tuple[str, str]]:
    """("public", "Public") of each name of a closed list."""
    return [(name.value, name.value.capitalize()) for name in names]


class StatusUpdate(models.Model):
    """One message to stakeholders. Published ones are what the status page says: nothing else of an incident is."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="updates", db_index=False)
    audience = models.CharField(max_length=8, choices=choices(Audience))
    #: Of a public one: where it stands, what is noticed, and under which headline. Empty inside.
    phase = models.CharField(max_length=16, choices=choices(Phase), blank=True)
    impact = models.CharField(max_length=8, choices=choices(Impact), blank=True)
    headline = models.CharField(max_length=200, blank=True)
    text = models.TextField()
    at = models.DateTimeField()
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(audience="internal") | (~Q(phase="") & ~Q(impact="") & ~Q(headline="")),
                name="status_update_public_is_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["incident", "audience", "-at"], name="status_update_in_order"),
            models.Index(fields=["organisation", "-at"], condition=Q(audience="public"), name="status_update_public"),
        ]

    def __str__(self) -> str:
        return f"{self.audience} update of {self.incident} at {self.at:%H:%M}"


class UpdateReminder(Leased):
    """The next update of an incident to one audience: its commander is reminded at `due_at` unless it was posted by then."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="reminders")
    audience = models.CharField(max_length=8, choices=choices(Audience))
    #: Since when the audience has heard nothing: the last update, else when the incident began to ask for them.
    since = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident", "audience"], name="update_reminder_once")]
        indexes = [models.Index(fields=["due_at"], name="update_reminder_due")]

    def __str__(self) -> str:
        return f"{self.audience} update of {self.incident} due {self.due_at:%H:%M}"
