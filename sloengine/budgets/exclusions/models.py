"""Time that does not count, and budgets corrected by decision."""

from __future__ import annotations

from django.db import models

from sloengine.budgets.exclusions import calendar
from sloengine.objectives.models import Objective


class Exclusion(models.Model):
    """Maintenance, a load test, a drill: of one objective, of a service's, or of all. It counts backwards too."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="exclusions")
    service = models.ForeignKey("sloengine.Service", on_delete=models.CASCADE, null=True, related_name="exclusions")
    objective = models.ForeignKey(Objective, on_delete=models.CASCADE, null=True, related_name="exclusions")
    reason = models.CharField(max_length=300)
    starts_at = models.DateTimeField(help_text="of the first one, where it recurs")
    duration = models.DurationField()
    rrule = models.CharField(
        max_length=300, blank=True, help_text="RFC 5545, such as FREQ=WEEKLY;BYDAY=SU; once where empty"
    )
    zone = models.CharField(max_length=64, default="UTC", help_text="whose calendar a rule is read on")
    until = models.DateTimeField(null=True, help_text="called off from here on")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(service=None) | models.Q(objective=None),
                name="exclusion_of_a_service_or_an_objective",
            )
        ]
        indexes = [models.Index(fields=["organisation", "-starts_at"], name="exclusion_by_start")]
        ordering = ["-starts_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.reason} from {self.starts_at:%Y-%m-%d %H:%M}"

    @property
    def rule(self) -> calendar.Rule:
        return calendar.Rule(self.starts_at, self.duration, self.rrule, self.zone, self.until)

    def touches(self, objective: Objective) -> bool:
        if self.objective_id is not None:
            return self.objective_id == objective.pk
        return self.service_id is None or self.service_id == objective.service_id


class Adjustment(models.Model):
    """A share of a budget given back (above 0) or taken, with the reason. Only ever added to; a mistake is adjusted again."""

    objective = models.ForeignKey(Objective, on_delete=models.CASCADE, related_name="adjustments")
    at = models.DateTimeField(help_text="it counts in windows that hold this instant")
    ratio = models.DecimalField(max_digits=8, decimal_places=6, help_text="0.25 gives a quarter of the budget back")
    reason = models.CharField(max_length=300)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ratio__range=(-10, 10)) & ~models.Q(ratio=0), name="adjustment_is_a_share"
            )
        ]
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.objective_id}: {self.ratio:+}"
