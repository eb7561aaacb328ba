"""What the engine keeps per objective and tick, and what it found."""

from __future__ import annotations

from django.db import models

from sloengine.objectives.models import Objective
from sloengine.rollups.models import TALLY_TABLES
from sloengine.rollups.thinning import FINEST, FIVE_MINUTES, HOUR


class TallyBlock(models.Model):
    """Up to 512 objectives of an organisation whose sums are stored as one row a tick."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="tally_blocks")
    number = models.PositiveIntegerField()
    #: Goes up when the past of an objective is written into rows that exist; who remembers rows forgets them.
    version = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "number"], name="tally_block_number_once")]

    def __str__(self) -> str:
        return f"{self.organisation_id} block {self.number}"


class TallyPlace(models.Model):
    """Where the sums of an objective are: place `position` of the rows of its block, from `began_at` on.

    Before it the answer is `base`, its sums at that instant; the place may have been another objective's then.
    """

    objective = models.OneToOneField(Objective, on_delete=models.CASCADE, primary_key=True, related_name="tally_place")
    block = models.ForeignKey(TallyBlock, on_delete=models.CASCADE, related_name="places")
    position = models.PositiveSmallIntegerField()
    began_at = models.DateTimeField()
    base = models.BinaryField(help_text="seven float64")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["block", "position"], name="tally_place_once"),
            models.CheckConstraint(condition=models.Q(position__lt=512), name="tally_position_below_512"),
        ]

    def __str__(self) -> str:
        return f"{self.objective_id} at {self.block_id}/{self.position}"


class TallyRow(models.Model):
    """The sums of the objectives of a block at a tick, as `tallies/sums.py` writes them: any window is the difference of two rows,
    whatever its length. Old ones go with their partition."""

    pk = models.CompositePrimaryKey("block_id", "at")
    block = models.ForeignKey(
        TallyBlock, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    at = models.DateTimeField()
    sums = models.BinaryField()

    class Meta:
        abstract = True


class TallyFinest(TallyRow):
    class Meta:
        db_table = TALLY_TABLES[FINEST]


class TallyFiveMinutes(TallyRow):
    class Meta:
        db_table = TALLY_TABLES[FIVE_MINUTES]


class TallyHour(TallyRow):
    class Meta:
        db_table = TALLY_TABLES[HOUR]


class EvaluationCursor(models.Model):
    """How far an organisation is evaluated; its row lock says who does it."""

    organisation = models.OneToOneField("core.Organisation", on_delete=models.CASCADE, related_name="evaluation_cursor")
    tick = models.DateTimeField(null=True)
    recent = models.JSONField(default=list, help_text="totals of each service at the last ticks, newest last")
    watched = models.BinaryField(default=b"", help_text="what detection knows of each signal (detection/record.py)")

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
    ABSENT = "absent", "Signal absent"
    MOVED = "moved", "Signal moved"


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
