"""Silence: matchers that are quiet for a while. Notice: something that people should know ahead, without being woken."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q


class Silence(models.Model):
    """Alerts that fit all matchers are quiet from `starts_at` until `ends_at`, however often they resolve and fire again."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="silences")
    #: As people write them: ['service="chat"', 'alertname=~"Disk.*"'].
    matchers = models.JSONField()
    comment = models.CharField(max_length=500)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    #: The next thing to do for it: begin, give notice, end; None when it is over.
    due_at = models.DateTimeField(null=True)
    noticed = models.BooleanField(default=False)

    class Meta:
        ordering = ["-ends_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gte=models.F("starts_at")), name="silence_ends_after_start"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="silence_due"),
            models.Index(fields=["organisation", "-ends_at"], name="silence_by_end"),
        ]

    def __str__(self) -> str:
        return f"silence {self.pk}: {', '.join(self.matchers)}"


class Notice(models.Model):
    """What people should know ahead: a silence will end, maintenance begins. Shown on Now until `until`."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="notices")
    at = models.DateTimeField()
    until = models.DateTimeField()
    kind = models.CharField(max_length=32)
    text = models.CharField(max_length=500)
    #: Who asked for it; a notice for nobody in particular is for everyone.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["organisation", "-until"], name="notice_current")]

    def __str__(self) -> str:
        return self.text
