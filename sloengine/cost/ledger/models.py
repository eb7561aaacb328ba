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


class UsageImport(models.Model):
    """A file of usage that was taken over; withdrawing it takes its rows away again."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="usage_imports")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10)
    rows = models.PositiveIntegerField()
    tokens = models.BigIntegerField()
    by = models.CharField(max_length=200)
    at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} of {self.at:%Y-%m-%d}"


class UsageHour(UsageRow):
    """What a slice used in the hour that begins at `at`; an import's row may stand for a longer bucket that begins there."""

    pk = models.CompositePrimaryKey("series_id", "at")
    at = models.DateTimeField()
    taken_from = models.ForeignKey(UsageImport, on_delete=models.CASCADE, null=True, blank=True, related_name="+")

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
    """Days before `until` are summed; an hour that changes in one of them has it summed anew.

    Hours before `shared_until` hold their parts of nodes that serve every service.
    """

    organisation = models.OneToOneField("core.Organisation", on_delete=models.CASCADE, related_name="ledger_days")
    until = models.DateTimeField()
    shared_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.organisation_id} until {self.until}"


class Placement(models.Model):
    """What hardware a service's replicas run on; without a service, nodes that serve all of them. Empty words fit everything."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="placements")
    service = models.ForeignKey(
        "sloengine.Service", on_delete=models.CASCADE, null=True, blank=True, related_name="placements"
    )
    model = models.CharField(max_length=200, blank=True)
    variant = models.CharField(max_length=200, blank=True)
    region = models.CharField(max_length=200, blank=True)
    replicas = models.CharField(max_length=200, blank=True, help_text="a pattern such as chat-h100-*")
    hardware = models.CharField(max_length=100, help_text="H100")
    purchase = models.CharField(
        max_length=20, blank=True, choices=[("", "Any"), ("reserved", "Reserved"), ("on_demand", "On demand")]
    )
    units = models.DecimalField(
        max_digits=9, decimal_places=3, help_text="GPUs of a replica, parts of one too; or shared nodes"
    )
    reserved = models.DecimalField(
        max_digits=9, decimal_places=3, default=0, help_text="GPUs that are paid whether they run or not"
    )
    effective_from = models.DateTimeField()
    effective_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(units__gt=0, reserved__gte=0), name="placement_has_hardware"),
        ]

    def __str__(self) -> str:
        return f"{self.units} {self.hardware}"


class Invoice(models.Model):
    """What a provider charged for a time: the whole is compared with what the ledger says for the same."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="invoices")
    service = models.ForeignKey(
        "sloengine.Service", on_delete=models.CASCADE, null=True, blank=True, help_text="none: every service"
    )
    number = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    since = models.DateTimeField()
    until = models.DateTimeField()
    by = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "number"], name="invoice_once")]

    def __str__(self) -> str:
        return self.number


class InvoiceLine(models.Model):
    """One class of one model; `token_class` is empty for what is no tokens: support, credits, taxes."""

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveIntegerField()
    model = models.CharField(max_length=200, blank=True)
    token_class = models.CharField(max_length=20, blank=True)
    tokens = models.BigIntegerField(default=0)
    amount = models.DecimalField(max_digits=24, decimal_places=8)
    text = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["invoice", "position"], name="invoice_line_once")]

    def __str__(self) -> str:
        return f"{self.token_class or self.text}: {self.amount}"


class FocusDay(models.Model):
    """A day that was written to the folder of exports, as it stood then."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="focus_days")
    day = models.DateTimeField()
    rows = models.PositiveIntegerField()
    written_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "day"], name="focus_day_once")]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"
