"""A person's rules and quiet hours."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class NotificationRule(models.Model):
    """Ring `endpoint` so many seconds after the person's turn began, for incidents of this severity or worse."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notification_rules")
    endpoint = models.ForeignKey("incidents.PagerEndpoint", on_delete=models.CASCADE, related_name="rules")
    after_seconds = models.PositiveIntegerField(default=0)
    mildest_severity = models.PositiveSmallIntegerField(default=5)

    class Meta:
        ordering = ["after_seconds", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "user", "endpoint", "after_seconds"], name="notification_rule_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} after {self.after_seconds} s"


class QuietHours(models.Model):
    """When a person is not to be rung for little things, in the person's own time zone."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="quiet_hours")
    #: As in a schedule's layer: [{"days": ["mon"], "start": "22:00", "minutes": 540}].
    hours = models.JSONField()
    comes_through = models.PositiveSmallIntegerField(default=2)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "user"], name="quiet_hours_once")]

    def __str__(self) -> str:
        return f"quiet hours of {self.user}"
