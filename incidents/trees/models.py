"""DecisionTree: one version of an organisation's tree. ThresholdOverride: another threshold for one service."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q


class DecisionTree(models.Model):
    """The YAML as it was written. Without one that runs, the tree that ships does."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Runs"
        RETIRED = "retired", "Ran before"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="decision_trees")
    version = models.PositiveIntegerField()
    text = models.TextField()
    note = models.CharField(max_length=300, blank=True, default="")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    activated_at = models.DateTimeField(null=True)
    activated_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "version"], name="tree_version_once"),
            models.UniqueConstraint(fields=["organisation"], condition=Q(state="active"), name="tree_one_runs"),
        ]

    def __str__(self) -> str:
        return f"tree of {self.organisation}, version {self.version}"


class ThresholdOverride(models.Model):
    """At a node or leaf of the tree, for one service: `becomes` instead of `was`."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="threshold_overrides")
    service = models.ForeignKey("sloengine.Service", on_delete=models.CASCADE, related_name="threshold_overrides")
    place = models.CharField(max_length=100)
    was = models.CharField(max_length=200)
    becomes = models.CharField(max_length=200)
    note = models.CharField(max_length=300, blank=True, default="")
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["service__slug", "place", "was"]
        constraints = [models.UniqueConstraint(fields=["service", "place", "was"], name="override_once")]

    def __str__(self) -> str:
        return f"{self.service} at {self.place}: {self.becomes}"
