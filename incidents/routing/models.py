"""RouteDocument: one version of an organisation's routes."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class RouteDocument(models.Model):
    """The YAML as it was written; the highest version counts."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="route_documents")
    version = models.PositiveIntegerField()
    text = models.TextField()
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["organisation", "version"], name="route_version_once")]

    def __str__(self) -> str:
        return f"routes of {self.organisation}, version {self.version}"
