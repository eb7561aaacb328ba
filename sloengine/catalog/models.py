"""Services that are watched, what of them is deployed where, and what changed."""

from __future__ import annotations

from django.db import models


class Service(models.Model):
    """One thing people send requests to; its slug is the `service` label of its series."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="services")
    team = models.ForeignKey("core.Team", on_delete=models.SET_NULL, null=True, blank=True, related_name="services")
    slug = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    simulated = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "slug"], name="service_slug_once")]
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name


class Deployment(models.Model):
    """A version that served in a region from `seen_from` to `seen_until` (the last time it was seen)."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="deployments")
    region = models.CharField(max_length=200, blank=True)
    version = models.CharField(max_length=200, blank=True)
    model = models.CharField(max_length=200, blank=True)
    config_hash = models.CharField(max_length=200, blank=True)
    seen_from = models.DateTimeField()
    seen_until = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["service", "region", "version", "model", "config_hash", "seen_from"], name="deployment_once"
            )
        ]
        indexes = [models.Index(fields=["service", "-seen_until"], name="deployment_latest")]

    def __str__(self) -> str:
        return f"{self.service.slug} {self.version}"


class Change(models.Model):
    """Something that was done to a service, and when: the first thing to look at when it breaks."""

    class Kind(models.TextChoices):
        DEPLOY = "deploy", "Deploy"
        CONFIG = "config", "Configuration"
        TRAFFIC = "traffic", "Traffic"
        MAINTENANCE = "maintenance", "Maintenance"

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    at = models.DateTimeField()
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["service", "-at"], name="change_newest_first")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.service.slug} at {self.at:%Y-%m-%d %H:%M}"
