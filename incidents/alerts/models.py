"""Alert: one thing that says something is wrong; AlertCursor: how far the Findings have been read."""

from __future__ import annotations

from django.db import models


class Alert(models.Model):
    """A Finding (later also a webhook's alert) as incidents see it, and the incident that took it."""

    class State(models.TextChoices):
        FIRING = "firing", "Firing"
        CLEARED = "cleared", "Cleared"

    class Urgency(models.TextChoices):
        PAGE = "page", "Page"
        TICKET = "ticket", "Ticket"
        INFO = "info", "Information"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="alerts")
    service = models.ForeignKey(
        "sloengine.Service", null=True, blank=True, on_delete=models.PROTECT, related_name="alerts"
    )
    finding = models.OneToOneField(
        "sloengine.Finding", null=True, blank=True, on_delete=models.SET_NULL, related_name="alert"
    )
    #: `changed_at` of the finding as last read: equal means that there is nothing new to read.
    finding_changed_at = models.DateTimeField(null=True, blank=True)
    fingerprint = models.CharField(max_length=250)
    kind = models.CharField(max_length=16)
    urgency = models.CharField(max_length=8, choices=Urgency.choices)
    state = models.CharField(max_length=8, choices=State.choices)
    title = models.CharField(max_length=300)
    labels = models.JSONField(default=dict)
    annotations = models.JSONField(default=dict)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()

    incident = models.ForeignKey(
        "incidents.Incident", null=True, blank=True, on_delete=models.SET_NULL, related_name="alerts"
    )
    #: Why it is where it is (grouping.Reason).
    reason = models.CharField(max_length=64)

    class Meta:
        ordering = ["-starts_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "fingerprint", "starts_at"], name="alert_once"),
        ]
        indexes = [
            models.Index(fields=["organisation", "-starts_at"], name="alert_newest_first"),
            models.Index(fields=["finding"], condition=models.Q(state="firing"), name="alert_firing"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.state})"


class AlertCursor(models.Model):
    """How far a stream of Findings has been read. Its row's lock lets one reader work at a time."""

    name = models.CharField(max_length=32, primary_key=True)
    position = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} read up to {self.position:%Y-%m-%d %H:%M:%S}"
