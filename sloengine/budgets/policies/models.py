"""Policies of an organisation's own, and the step at which each budget stands."""

from __future__ import annotations

from django.db import models

from sloengine.objectives.models import Objective


class BudgetPolicy(models.Model):
    """A policy by name, as its YAML; objectives choose one by `tailwatch/policy`, and `default` replaces the shipped one."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="budget_policies")
    name = models.SlugField(max_length=63)
    text = models.TextField()
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "name"], name="budget_policy_name_once")]

    def __str__(self) -> str:
        return self.name


class PolicyStanding(models.Model):
    """The step in force for an objective, since when and why. Without a row, or at "free", changes go as usual."""

    objective = models.OneToOneField(Objective, on_delete=models.CASCADE, primary_key=True, related_name="standing")
    policy = models.CharField(max_length=63)
    step = models.CharField(max_length=63)
    reason = models.CharField(max_length=100)
    consequence = models.CharField(max_length=300)
    spent_ratio = models.FloatField(null=True)
    since = models.DateTimeField()
    checked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.objective_id}: {self.step}"
