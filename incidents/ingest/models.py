"""Integration: a key under which alerts come in. Event: what came, as it came."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from observability.core.fields import EncryptedTextField


class Integration(models.Model):
    """One sender: its key (kept as a hash), who answers for it, how its payloads are read. Ended, never deleted."""

    class Kind(models.TextChoices):
        ALERTMANAGER = "alertmanager", "Alertmanager or Prometheus"
        GRAFANA = "grafana", "Grafana"
        PAGERDUTY = "pagerduty", "PagerDuty"
        GENERIC = "generic", "Generic JSON"
        HEARTBEAT = "heartbeat", "Heartbeat"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="integrations")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    name = models.CharField(max_length=100)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    key_hash = models.CharField(max_length=64, unique=True)
    #: The sender's signing secret, where it signs.
    secret = EncryptedTextField(blank=True, default="")
    #: Grafana: the header that carries the time of signing, where one is configured.
    timestamp_header = models.CharField(max_length=100, blank=True, default="")
    #: Generic JSON: field paths, see mapping.py.
    mapping = models.JSONField(default=dict, blank=True)
    #: One incident for each of the sender's groups, where its alerts concern no known service.
    whole_groups = models.BooleanField(default=False)
    #: For alerts that state no severity, and for alerts that name no service.
    default_urgency = models.CharField(max_length=8, default="page")
    service = models.ForeignKey("sloengine.Service", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    #: Something must come at least this often (a dead man's switch); None: silence means nothing.
    expect_seconds = models.PositiveIntegerField(null=True, blank=True)
    #: The alert that must keep firing (Prometheus' Watchdog): it alone is the sign of life, and opens nothing. Empty: any request is.
    expect_alert = models.CharField(max_length=200, blank=True, default="", db_default="")
    #: When that alert last fired, or was first expected.
    heard_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    #: The last thing that went wrong, in words, and when.
    problem = models.CharField(max_length=500, blank=True, default="")
    problem_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name"], condition=Q(revoked_at__isnull=True), name="integration_name_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Event(models.Model):
    """One request as it came, with what was made of it. Pruned after 30 days."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="events", db_index=False)
    received_at = models.DateTimeField()
    #: The sender's own name for this message; the same one again changes nothing.
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)
    body = models.BinaryField()
    alerts = models.PositiveIntegerField(default=0)
    #: How many more the sender left out, by its own word.
    truncated = models.PositiveIntegerField(default=0)
    #: Why it could not be read, wholly or in part, in words.
    error = models.CharField(max_length=1000, blank=True, default="")

    class Meta:
        ordering = ["-received_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="ingest_event_once",
            )
        ]
        indexes = [
            models.Index(fields=["integration", "-received_at"], name="ingest_event_newest"),
            models.Index(fields=["received_at"], name="ingest_event_oldest"),
        ]

    def __str__(self) -> str:
        return f"event {self.pk} of {self.integration_id}"
