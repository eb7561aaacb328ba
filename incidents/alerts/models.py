"""Alert: one thing that says something is wrong; AlertCursor: how far the Findings have been read."""

from __future__ import annotations

from django.db import models


class Alert(models.Model):
    """A Finding or a webhook's alert as incidents see it, and the incident that took it.

    Whoever changes an alert sets `place_at`; the one who places alerts does the rest (alerts.services).
    """

    class State(models.TextChoices):
        FIRING = "firing", "Firing"
        CLEARED = "cleared", "Cleared"

    class Urgency(models.TextChoices):
        PAGE = "page", "Page"
        TICKET = "ticket", "Ticket"
        INFO = "info", "Information"

    class Told(models.TextChoices):
        """What incidents have been told of it."""

        NOTHING = "", "Nothing yet"
        FIRING = "firing", "Firing"
        CLEARED = "cleared", "Cleared"
        MUTED = "muted", "Quiet"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="alerts")
    service = models.ForeignKey(
        "sloengine.Service", null=True, blank=True, on_delete=models.PROTECT, related_name="alerts"
    )
    finding = models.OneToOneField(
        "sloengine.Finding", null=True, blank=True, on_delete=models.SET_NULL, related_name="alert"
    )
    #: `changed_at` of the finding as last read: equal means that there is nothing new to read.
    finding_changed_at = models.DateTimeField(null=True, blank=True)
    #: Where it came in, of an alert from outside.
    integration = models.ForeignKey(
        "incidents.Integration", null=True, blank=True, on_delete=models.PROTECT, related_name="alerts"
    )
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
    #: Of an alert from outside: the sender's group, everything else it sent, and when it is over unless it is sent again.
    source_group = models.CharField(max_length=300, blank=True, default="", db_default="")
    extra = models.JSONField(default=dict, db_default={})
    expires_at = models.DateTimeField(null=True, blank=True)
    #: When the episode before this one of the same fingerprint ended: what is older is stale.
    previous_ends_at = models.DateTimeField(null=True, blank=True)

    #: The latest beginning that was stated for this episode: senders fold two stretches, or two of them watch.
    fires_since = models.DateTimeField(null=True, blank=True)
    #: When its sender last said something new of it.
    changed_at = models.DateTimeField(null=True, blank=True)

    #: When it is to be placed, or looked at again; None: nothing is due.
    place_at = models.DateTimeField(null=True, blank=True)
    told = models.CharField(max_length=8, choices=Told.choices, blank=True, default="", db_default="")
    #: The path through the routes, why it is quiet and since when, and the alert that quiets it.
    route = models.CharField(max_length=300, blank=True, default="", db_default="")
    muted_reason = models.CharField(max_length=250, blank=True, default="", db_default="")
    muted_since = models.DateTimeField(null=True, blank=True)
    muted_by = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="mutes")
    #: While it fires it may quiet others.
    quiets = models.BooleanField(default=False, db_default=False)

    incident = models.ForeignKey(
        "incidents.Incident", null=True, blank=True, on_delete=models.SET_NULL, related_name="alerts"
    )
    #: Why it is where it is (grouping.Reason).
    reason = models.CharField(max_length=64)

    class Meta:
        ordering = ["-starts_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "fingerprint", "starts_at"], name="alert_once"),
            models.UniqueConstraint(
                fields=["integration", "fingerprint"], condition=models.Q(state="firing"), name="alert_fires_once"
            ),
        ]
        indexes = [
            models.Index(fields=["organisation", "-starts_at"], name="alert_newest_first"),
            models.Index(fields=["finding"], condition=models.Q(state="firing"), name="alert_firing"),
            models.Index(
                fields=["integration", "fingerprint", "-starts_at"],
                condition=models.Q(integration__isnull=False),
                name="alert_episodes",
            ),
            models.Index(fields=["place_at"], condition=models.Q(place_at__isnull=False), name="alert_to_place"),
            models.Index(fields=["organisation"], condition=models.Q(quiets=True, state="firing"), name="alert_quiets"),
            models.Index(fields=["organisation"], condition=models.Q(told="muted", state="firing"), name="alert_muted"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.state})"


class AlertCursor(models.Model):
    """How far a stream of Findings has been read. Its row's lock lets one reader work at a time."""

    name = models.CharField(max_length=32, primary_key=True)
    position = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} read up to {self.position:%Y-%m-%d %H:%M:%S}"
