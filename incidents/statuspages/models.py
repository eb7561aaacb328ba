"""The status page of an organisation and the services that it shows."""

from __future__ import annotations

from django.db import models


class StatusPage(models.Model):
    """One an organisation. Private until somebody makes it public: then everyone who has the address may read it."""

    organisation = models.OneToOneField("core.Organisation", on_delete=models.CASCADE, related_name="status_page")
    slug = models.SlugField(max_length=64, unique=True)
    title = models.CharField(max_length=100)
    about = models.CharField(max_length=300, blank=True)
    public = models.BooleanField(default=False)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.title


class StatusComponent(models.Model):
    """A service as the page names it."""

    page = models.ForeignKey(StatusPage, on_delete=models.CASCADE, related_name="components", db_index=False)
    service = models.ForeignKey("sloengine.Service", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["page", "service"], name="status_component_once")]

    def __str__(self) -> str:
        return self.name
