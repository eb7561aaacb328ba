"""What the engine keeps per objective and tick, and what it found."""

from __future__ import annotations

from django.db import models

from sloengine.objectives.models import Objective


class Tally(models.Model):
    """Prefix sums of one objective: any window is the difference of two rows, whatever its length.

    `numerator` and `denominator` are the measured counters (requests within the threshold, requests). `good` and `total` are
    what the budget counts: the same for occurrences, judged slices for timeslices. `covered_seconds` is the
    time with data, bridging gaps of up to five minutes.
    """

    objective = models.ForeignKey(Objective, on_delete=models.CASCADE, related_name="tallies")
    tick = models.DateTimeField()
    numerator = models.FloatField()
    denominator = models.FloatField()
    good = models.FloatField()
    total = models.FloatField()
    covered_seconds = models.FloatField()
    readings = models.FloatField(default=0.0, help_text="readings that held the signal, as rollups count them")
    seen_at = models.DateTimeField(null=True, help_text="the last tick that held one")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["objective", "tick"], name="tally_once_a_tick")]
        indexes = [models.Index(fields=["tick"], name="tally_tick")]

    def __str__(self) -> str:
        return f"{self.objective_id} at {self.tick:%H:%M:%S}"


class EvaluationCursor(models.Model):
    """How far an organisation is evaluated; its row lock says who does it."""

    organisation = models.OneToOneField("core.Organisation", on_delete=models.CASCADE, related_name="evaluation_cursor")
    tick = models.DateTimeField(null=True)
    pruned_at = models.DateTimeField(null=True)
    recent = models.JSONField(default=list, help_text="totals of each service at the last ticks, newest last")

    def __str__(self) -> str:
        return f"{self.organisation_id} until {self.tick}"


class FindingKind(models.TextChoices):
    BURN = "burn", "Budget burns"
    OUTAGE = "outage", "Outage"
    BLIND = "blind", "Source cannot be read"
    SHIFT = "shift", "Traffic shift"
    COST = "cost", "Cost anomaly"
    CONTRACT = "contract", "Contract"
    POLICY = "policy", "Budget policy"
    KPI = "kpi", "Business KPI"


class FindingSeverity(models.TextChoices):
    PAGE = "page", "Page"
    TICKET = "ticket", "Ticket"
    INFO = "info", "Information"


class FindingState(models.TextChoices):
    FIRING = "firing", "Firing"
    CLEARED = "cleared", "Cleared"


class FindingQuerySet(models.QuerySet["Finding"]):
    def firing(self) -> FindingQuerySet:
        return self.filter(state=FindingState.FIRING)


class Finding(models.Model):
    """Something the engine found, from `since` until cleared. Read by others by cursor over (changed_at, id)."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="findings")
    service = models.ForeignKey("sloengine.Service", on_delete=models.CASCADE, null=True, related_name="findings")
    kind = models.CharField(max_length=10, choices=FindingKind.choices)
    fingerprint = models.CharField(max_length=400)
    severity = models.CharField(max_length=10, choices=FindingSeverity.choices)
    state = models.CharField(max_length=10, choices=FindingState.choices, default=FindingState.FIRING)
    since = models.DateTimeField()
    quiet_since = models.DateTimeField(
        null=True, help_text="below its threshold since; it clears after five minutes of it"
    )
    cleared_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    reason = models.CharField(max_length=300)
    evidence = models.JSONField(default=dict)

    objects = FindingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "fingerprint", "since"], name="finding_once"),
            models.UniqueConstraint(
                fields=["organisation", "fingerprint"], condition=models.Q(state="firing"), name="finding_fires_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state="firing", cleared_at=None)
                | models.Q(state="cleared", cleared_at__isnull=False),
                name="finding_cleared_has_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["organisation", "changed_at"], name="finding_cursor"),
            models.Index(fields=["organisation", "service", "-since"], name="finding_by_service"),
        ]

    def __str__(self) -> str:
        return f"{self.fingerprint} {self.state}"
