"""Where readings come from, the last of them, and the slots they feed."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from sloengine.sources.flavours import Flavour


class MetricSource(models.Model):
    """One place readings come from. Its totals are one long vector, cut into blocks."""

    class Kind(models.TextChoices):
        SCRAPE = "scrape", "Direct scrape"
        PROMETHEUS = "prometheus", "Prometheus"
        MEMORY = "memory", "In this process"
        PUSHED = "pushed", "KPIs that are pushed"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="metric_sources")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    url = models.TextField(help_text="For direct scrapes one URL of a probe's /metrics a line")
    tick_seconds = models.PositiveIntegerField(default=30, validators=[MinValueValidator(15), MaxValueValidator(60)])
    lag_seconds = models.PositiveIntegerField(default=0, help_text="How late samples arrive in the source")
    #: How a Prometheus is asked, and who asks; files are named, not kept, and the password is ciphertext.
    flavour = models.CharField(
        max_length=20,
        choices=[(one.value, one.value.capitalize()) for one in Flavour],
        default=Flavour.PROMETHEUS.value,
    )
    matchers = models.TextField(blank=True, help_text='Narrows what is read: cluster="eu",namespace=~"llm.*"')
    summed = models.BooleanField(
        default=False, help_text="The server sums counters over targets: less to read, and restarts are seen less well"
    )
    naming = models.JSONField(
        null=True, blank=True, help_text="How engines' own series are named; none: a probe's series"
    )
    username = models.CharField(max_length=200, blank=True)
    password = models.TextField(blank=True, help_text="Encrypted with SECRET_KEY")
    bearer_file = models.CharField(max_length=500, blank=True)
    ca_file = models.CharField(max_length=500, blank=True)
    certificate_file = models.CharField(max_length=500, blank=True)
    key_file = models.CharField(max_length=500, blank=True)
    org_id = models.CharField(max_length=200, blank=True, help_text="X-Scope-OrgID")
    enabled = models.BooleanField(default=True)
    simulated = models.BooleanField(default=False)
    #: Collected up to and including this tick.
    last_tick = models.DateTimeField(null=True, blank=True)
    #: Slots given out so far, those given out again included; readers see by it whether their map of slots is up to date.
    slot_count = models.PositiveIntegerField(default=0)
    attempted_at = models.DateTimeField(null=True, blank=True, help_text="When the last attempt ended")
    #: Who asks it, asks alone, until then at the longest; and how long it took to answer when it was last asked.
    asked_until = models.DateTimeField(null=True, blank=True)
    asked_seconds = models.FloatField(default=0.0, db_default=0.0)
    failing_since = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="metric_source_name_once"),
            models.CheckConstraint(
                condition=models.Q(tick_seconds__range=(15, 60)), name="metric_source_tick_15_to_60"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Tick(models.Model):
    """One reading that was counted. The unique key decides which process counts it."""

    class State(models.TextChoices):
        OK = "ok", "Complete"
        PARTIAL = "partial", "The source said that something is missing"

    source = models.ForeignKey(MetricSource, on_delete=models.CASCADE, related_name="ticks")
    at = models.DateTimeField()
    covers = models.PositiveIntegerField(default=1, help_text="Ticks since the one before: 1, or more after a gap")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OK)
    series = models.PositiveIntegerField()
    warnings = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "at"], name="tick_once"),
            models.CheckConstraint(condition=models.Q(covers__gte=1), name="tick_covers_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.source.name} at {self.at:%H:%M:%S}"


class KeptReading(models.Model):
    """The last raw value of each series of a source: current only, as arrays in the order of `series`."""

    source = models.OneToOneField(MetricSource, on_delete=models.CASCADE, primary_key=True, related_name="kept")
    at = models.DateTimeField()
    series = models.BinaryField(help_text="zlib of JSON: [[name, [[label, value], ...]], ...]")
    values = models.BinaryField(help_text="float64")
    starts = models.BinaryField(help_text="zlib of float64: the process start each was seen with")
    seen = models.BinaryField(help_text="zlib of float64: when each was seen")

    def __str__(self) -> str:
        return f"{self.source.name} at {self.at:%H:%M:%S}"


class Block(models.Model):
    """Up to 512 slots of a source whose totals are stored as one vector."""

    class Scope(models.TextChoices):
        SERVICE = "service", "Service"
        REPLICA = "replica", "Replica"

    source = models.ForeignKey(MetricSource, on_delete=models.CASCADE, related_name="blocks")
    number = models.PositiveIntegerField()
    scope = models.CharField(max_length=10, choices=Scope.choices)
    began_at = models.DateTimeField(help_text="The first tick with a row; before it every slot is 0")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "number"], name="block_number_once")]

    def __str__(self) -> str:
        return f"{self.source.name} block {self.number}"


class Slot(models.Model):
    """One cumulative counter: place `position` of the vectors of its block. It only grows. The place of a replica that is gone for
    longer than its rows are kept is given out again, as another row of this table."""

    block = models.ForeignKey(Block, on_delete=models.CASCADE, related_name="slots")
    position = models.PositiveSmallIntegerField()
    source = models.ForeignKey(MetricSource, on_delete=models.CASCADE, related_name="slots")
    service = models.ForeignKey("sloengine.Service", on_delete=models.CASCADE, related_name="slots")
    scope = models.CharField(max_length=10, choices=Block.Scope.choices)
    family = models.CharField(max_length=200)
    part = models.CharField(max_length=10)
    le = models.CharField(max_length=32, blank=True)
    layout = models.CharField(max_length=8, blank=True)
    labels = models.JSONField(help_text="[[label, value], ...], sorted")
    digest = models.CharField(max_length=32)
    idle_since = models.DateTimeField(
        null=True, help_text="Of a replica's slot: fed by nothing since, looked at hourly"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["block", "position"], name="slot_place_once"),
            models.UniqueConstraint(fields=["source", "digest"], name="slot_key_once"),
            models.CheckConstraint(condition=models.Q(position__lt=512), name="slot_position_below_512"),
            models.CheckConstraint(
                condition=models.Q(scope="replica") | models.Q(idle_since=None), name="slot_idle_only_of_replicas"
            ),
        ]
        indexes = [models.Index(fields=["service", "family", "scope"], name="slot_by_family")]

    def __str__(self) -> str:
        return f"{self.family} {self.part} of {self.service_id}"
