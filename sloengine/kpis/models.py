"""What was pushed so far."""

from __future__ import annotations

from django.db import models


class PushedKpi(models.Model):
    """One KPI of a service: counters `good` and `total`, or the last `value`."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="pushed_kpis")
    service = models.ForeignKey("sloengine.Service", on_delete=models.CASCADE, related_name="pushed_kpis")
    name = models.SlugField(max_length=63)
    good = models.FloatField(default=0.0)
    total = models.FloatField(default=0.0)
    value = models.FloatField(null=True)
    created_at = models.DateTimeField()
    pushed_at = models.DateTimeField()
    last_key = models.CharField(max_length=100, blank=True, help_text="Of the last push: sent again, it counts once")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["service", "name"], name="pushed_kpi_name_once"),
            models.CheckConstraint(
                condition=models.Q(good__gte=0, total__gte=models.F("good")), name="pushed_kpi_good_of_total"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service_id}: {self.name}"
