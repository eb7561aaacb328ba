"""Postmortem: what an incident taught, drafted by Tailwatch, finished by people."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Postmortem(models.Model):
    """A draft is written again when its incident is resolved again, until a person has edited it."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="postmortems")
    incident = models.OneToOneField("incidents.Incident", on_delete=models.CASCADE, related_name="postmortem")
    markdown = models.TextField()
    figures = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
    drafted_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True, blank=True)
    edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-drafted_at"]
        indexes = [models.Index(fields=["organisation", "-drafted_at"], name="postmortem_newest_first")]

    def __str__(self) -> str:
        return f"Postmortem of {self.incident}"
