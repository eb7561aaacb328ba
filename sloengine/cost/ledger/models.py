"""The ledger: what every slice used in every hour, in whole numbers. What it cost is worked out when it is asked."""

from __future__ import annotations

from django.db import models


class CostSeries(models.Model):
    """One slice of a service's use. An empty word is not known."""

    class Origin(models.TextChoices):
        MEASURED = "measured", "Counted by Tailwatch"
        IMPORTED = "imported", "From an export"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="cost_series")
    service = models.ForeignKey("sloengine.Service", on_delete=models.CASCADE, related_name="cost_series")
    model = models.CharField(max_length=200, blank=True)
    variant = models.CharField(max_length=200, blank=True, help_text="the version that served, 8-bit or 16-bit")
    region = models.CharField(max_length=200, blank=True)
    hardware = models.CharField(max_length=100, blank=True)
    purchase = models.CharField(max_length=20, blank=True)
    tenant = models.CharField(max_length=200, blank=True)
    tag = models.CharField(max_length=200, blank=True)
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.MEASURED)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "service", "model", "variant", "region", "hardware", "purchase", "tenant", "tag", "origin",
                ],
                name="cost_series_once",
            )
        ]  # fmt: skip
        indexes = [models.Index(fields=["organisation", "tenant"], name="cost_series_tenant")]

    def __str__(self) -> str:
        return f"{self.tenant or 'nobody'} on {self.service_id}"


class UsageRow(models.Model):
    """The columns of `meters.Quantities`; none is negative."""

    series = models.ForeignKey(CostSeries, on_delete=models.CASCADE, db_index=False, related_name="+")
    requests_ok = models.BigIntegerField(default=0)
    requests_failed = models.BigIntegerField(default=0)
    requests_aborted = models.BigIntegerField(default=0)
    input = models.BigIntegerField(default=0)
    cache_read = models.BigIntegerField(default=0)
    cache_write = models.BigIntegerField(default=0)
    output = models.BigIntegerField(default=0)
    reasoning = models.BigIntegerField(default=0)
    batch_input = models.BigIntegerField(default=0)
    batch_output = models.BigIntegerField(default=0)
    unsplit = models.BigIntegerField(default=0)
    busy_ms = models.BigIntegerField(default=0)
    idle_ms = models.BigIntegerField(default=0)
    shared_ms = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class UsageHour(UsageRow):
    """What a slice used in the hour that begins at `at`; an import's row may stand for a longer bucket that begins there."""

    pk = models.CompositePrimaryKey("series_id", "at")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["at"], name="usage_hour_at")]

    def __str__(self) -> str:
        return f"{self.series_id} at {self.at:%Y-%m-%d %H}:00"


class UsageDay(UsageRow):
    """The sum of a closed day's hours (UTC), so that a year is read in a moment."""

    pk = models.CompositePrimaryKey("series_id", "at")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["at"], name="usage_day_at")]

    def __str__(self) -> str:
        return f"{self.series_id} on {self.at:%Y-%m-%d}"


class LedgerCursor(models.Model):
    """Up to which hour the use of a service stands in the ledger; its row lock says who closes the next."""

    service = models.OneToOneField("sloengine.Service", on_delete=models.CASCADE, related_name="ledger_cursor")
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.service_id} until {self.until}"


class LedgerDays(models.Model):
    """Days before `until` are summed; an hour that changes in one of them has it summed anew."""

    organisation = models.OneToOneField("core.Organisation", on_delete=models.CASCADE, related_name="ledger_days")
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.organisation_id} until {self.until}"
