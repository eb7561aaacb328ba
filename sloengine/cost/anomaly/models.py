"""How far spend is judged, and what people said of what was found."""

from __future__ import annotations

from django.db import models


class AnomalyCursor(models.Model):
    """Up to which hour the spend of an organisation is judged; its row lock says who judges the next."""

    organisation = models.OneToOneField("core.Organisation", on_delete=models.CASCADE, related_name="anomaly_cursor")
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.organisation_id} until {self.until}"


class CostFeedback(models.Model):
    """Somebody foresaw a departure: the same again tells nobody."""

    class Kind(models.TextChoices):
        EXPECTED = "expected", "It was expected"
        EVENT = "event", "A known event"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="cost_feedback")
    service = models.ForeignKey("sloengine.Service", on_delete=models.CASCADE, related_name="cost_feedback")
    tenant = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.EXPECTED)
    driver = models.CharField(
        max_length=30, blank=True, help_text="requests, tokens per request, price per token; empty: any"
    )
    factor = models.FloatField(null=True, help_text="what was seen; half as large again is news")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, help_text="none: for good")
    note = models.CharField(max_length=300)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=200)

    class Meta:
        indexes = [models.Index(fields=["organisation", "-made_at"], name="cost_feedback_newest")]

    def __str__(self) -> str:
        return f"{self.tenant} on {self.service_id}: {self.note}"
