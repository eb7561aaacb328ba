"""A person's wish for the week in a message."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from observability.core.claims import Leased


class WeeklyDigest(Leased):
    """`due_at` is the next Monday at eight where the person lives."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="weekly_digests")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="weekly_digests")
    created_at = models.DateTimeField()
    written_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "user"], name="weekly_digest_once")]
        indexes = [models.Index(fields=["due_at"], name="weekly_digest_due")]

    def __str__(self) -> str:
        return f"the week for {self.user}"
