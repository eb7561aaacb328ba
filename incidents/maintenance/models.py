"""Maintenance: a plan of windows in which what fits its matchers is quiet."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q


class Maintenance(models.Model):
    """The plan, and its window that is next or under way. One row a plan, however often it recurs."""

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        ANNOUNCED = "announced", "Announced"
        ACTIVE = "active", "Under way"
        OVER = "over", "Over"
        CANCELLED = "cancelled", "Cancelled"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="maintenance")
    name = models.CharField(max_length=200)
    matchers = models.JSONField()
    #: Wall time of the first window in `zone`, without an offset: "2026-03-01T02:00".
    first = models.CharField(max_length=19)
    zone = models.CharField(max_length=64)
    length_seconds = models.PositiveIntegerField()
    rule = models.CharField(max_length=300, blank=True, default="")
    announce_seconds = models.PositiveIntegerField(default=3600)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PLANNED)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["starts_at", "pk"]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="maintenance_due"),
            models.Index(fields=["organisation", "state"], name="maintenance_by_state"),
        ]

    def __str__(self) -> str:
        return self.name
