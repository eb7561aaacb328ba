"""Prices, and who used how much when."""

from __future__ import annotations

from django.db import models


class PriceUnit(models.TextChoices):
    TOKENS_1K = "1k_tokens", "1,000 tokens"
    GPU_HOUR = "gpu_hour", "GPU-hour"


class Purchase(models.TextChoices):
    ANY = "", "Any"
    RESERVED = "reserved", "Reserved"
    ON_DEMAND = "on_demand", "On demand"


class Price(models.Model):
    """USD per unit from `effective_from` on, until the next row of the same key. No row means unknown, never free."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="prices")
    service = models.ForeignKey(
        "sloengine.Service",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="prices",
        help_text="none: every service",
    )
    unit = models.CharField(max_length=12, choices=PriceUnit.choices)
    token_class = models.CharField(
        max_length=20, default="any", help_text="a class of tokens, or any; any for GPU-hours"
    )
    model = models.CharField(max_length=200, blank=True, default="", db_default="", help_text="empty: every model")
    region = models.CharField(max_length=200, blank=True, default="", db_default="", help_text="empty: every region")
    hardware = models.CharField(max_length=100, blank=True, default="", db_default="", help_text="empty: every kind")
    purchase = models.CharField(max_length=20, blank=True, default="", db_default="", choices=Purchase.choices)
    usd = models.DecimalField(max_digits=14, decimal_places=8, help_text="in `currency`, per unit")
    currency = models.CharField(max_length=3, default="USD", db_default="USD")
    effective_from = models.DateTimeField()
    effective_until = models.DateTimeField(null=True, blank=True, help_text="none: until the next of its key")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "organisation",
                    "service",
                    "unit",
                    "token_class",
                    "model",
                    "region",
                    "hardware",
                    "purchase",
                    "effective_from",
                ],
                name="price_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(effective_until__isnull=True)
                | models.Q(effective_until__gt=models.F("effective_from")),
                name="price_ends_after_it_begins",
            ),
            models.CheckConstraint(condition=models.Q(usd__gte=0), name="price_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.usd} {self.currency} per {self.get_unit_display()}"


class UsageBucket(models.Model):
    """What one tenant of one service used in five minutes: the series that anomalies are judged on."""

    service = models.ForeignKey("sloengine.Service", on_delete=models.CASCADE, related_name="usage")
    tenant = models.CharField(max_length=100)
    at = models.DateTimeField(help_text="end of the bucket")
    tokens = models.FloatField()
    requests = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "at", "tenant"], name="usage_once")]

    def __str__(self) -> str:
        return f"{self.tenant} until {self.at:%H:%M}"


class UsageCursor(models.Model):
    """How far the usage of a service is taken over from rollups; its row lock says who does it."""

    service = models.OneToOneField("sloengine.Service", on_delete=models.CASCADE, related_name="usage_cursor")
    until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.service_id} until {self.until}"
