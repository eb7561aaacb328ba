"""Objectives as rows, and who changed them when."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils.functional import cached_property

from sloengine.objectives import objective as pure
from sloengine.objectives import terms


class IndicatorChoice(models.TextChoices):
    AVAILABILITY = pure.Indicator.AVAILABILITY.value, "Availability"
    LATENCY = pure.Indicator.LATENCY.value, "End-to-end latency"
    TTFT = pure.Indicator.TTFT.value, "Time to first token"
    INTER_TOKEN = pure.Indicator.INTER_TOKEN.value, "Inter-token latency"
    PER_TOKEN = pure.Indicator.PER_TOKEN.value, "Latency per token"
    QUEUE = pure.Indicator.QUEUE.value, "Queue delay"
    QUALITY = pure.Indicator.QUALITY.value, "Answer quality"
    SAFETY = pure.Indicator.SAFETY.value, "Safety"
    SCHEMA = pure.Indicator.SCHEMA.value, "Schema of answers"
    COST = pure.Indicator.COST.value, "Cost per 1,000 tokens"
    QUERY = pure.Indicator.QUERY.value, "A query of yours"
    KPI = pure.Indicator.KPI.value, "Business KPI"
    BURST = pure.Indicator.BURST.value, "Ten-second bursts"
    COMPOSITE = pure.Indicator.COMPOSITE.value, "Composite"


class MethodChoice(models.TextChoices):
    OCCURRENCES = pure.Method.OCCURRENCES.value, "Occurrences"
    TIMESLICES = pure.Method.TIMESLICES.value, "Timeslices"
    RATIO_TIMESLICES = pure.Method.RATIO_TIMESLICES.value, "Ratio timeslices"


class ObjectiveQuerySet(models.QuerySet["Objective"]):
    def enabled(self) -> ObjectiveQuerySet:
        return self.filter(enabled=True)


class Objective(models.Model):
    """One promise of one service; `document` is the OpenSLO v1 document it came from."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="objectives")
    service = models.ForeignKey("sloengine.Service", on_delete=models.CASCADE, related_name="objectives")
    slug = models.SlugField(max_length=63)
    title = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    indicator = models.CharField(max_length=20, choices=IndicatorChoice.choices)
    method = models.CharField(max_length=20, choices=MethodChoice.choices)
    threshold = models.FloatField(null=True, help_text="seconds, a similarity, USD; none for availability and safety")
    target = models.DecimalField(max_digits=10, decimal_places=9)
    window = models.DurationField(default=timedelta(days=30))
    slice_seconds = models.PositiveIntegerField(default=60)
    slice_target = models.FloatField(null=True)
    where = models.JSONField(default=dict, blank=True, help_text="labels that narrow the series")
    terms = models.JSONField(default=dict, blank=True, help_text="calendar, alerts, missing data, queries, parts")
    enabled = models.BooleanField(default=True)
    document = models.JSONField(default=dict)
    bound = models.FloatField(
        null=True, help_text="the bucket bound that stands for the threshold, once a histogram was seen"
    )
    notice = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    objects = ObjectiveQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "service", "slug"], name="objective_slug_once"),
            models.CheckConstraint(condition=models.Q(target__gt=0, target__lt=1), name="objective_target_is_a_ratio"),
        ]
        ordering = ["service__slug", "slug"]

    def __str__(self) -> str:
        return f"{self.service.slug}/{self.slug}"

    def as_objective(self) -> pure.Objective:
        """The frozen model that the engine calculates with."""
        return pure.Objective(
            service=self.service.slug,
            slug=self.slug,
            title=self.title,
            description=self.description,
            indicator=pure.Indicator(self.indicator),
            method=pure.Method(self.method),
            target=self.target.normalize(),
            window=self.window,
            threshold=self.threshold,
            slice_seconds=self.slice_seconds,
            slice_target=self.slice_target,
            where=tuple(sorted(self.where.items())),
            terms=terms.loaded(self.terms),
        )

    @cached_property
    def promise(self) -> pure.Objective:
        """`as_objective`, once a row read: for readers, who do not change it."""
        return self.as_objective()

    @property
    def goal(self) -> str:
        return pure.goal_sentence(self.promise)

    @property
    def is_timeslices(self) -> bool:
        """Whether its budget counts slices of time: good ones, or the mean of their ratios."""
        return self.method != pure.Method.OCCURRENCES

    @property
    def is_composite(self) -> bool:
        return self.indicator == pure.Indicator.COMPOSITE

    @property
    def unit(self) -> str:
        """What the budget counts: "minutes", "5-minute slices", or "requests", "tokens", "answers"."""
        if not self.is_timeslices:
            return self.promise.measures[0].noun
        return pure.slices_noun(self.slice_seconds)

    @property
    def is_latency(self) -> bool:
        return self.indicator in pure.TIMED


class ObjectiveChange(models.Model):
    """Who added, changed or removed an objective, when, and both versions. Only ever added to."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="objective_changes")
    objective = models.ForeignKey(Objective, on_delete=models.SET_NULL, null=True, related_name="changes")
    service_slug = models.CharField(max_length=100)
    slug = models.CharField(max_length=63)
    kind = models.CharField(max_length=10, choices=[("added", "Added"), ("changed", "Changed"), ("removed", "Removed")])
    at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.service_slug}/{self.slug} {self.kind} by {self.actor}"
