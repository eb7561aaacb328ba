"""Versions of an organisation's own runbooks, when each was used, runs of checks, and steps ticked off."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from observability.core.claims import Leased


class RunbookVersion(models.Model):
    """A runbook as it was written: by a person on its page, or found in the folder. Without text it was taken back."""

    class Origin(models.TextChoices):
        PAGE = "page", "Written here"
        FOLDER = "folder", "From the folder"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="runbook_versions")
    slug = models.SlugField(max_length=64)
    version = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    origin = models.CharField(max_length=8, choices=Origin.choices)
    note = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    #: The one that counts; the others are its history.
    current = models.BooleanField(default=True)

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "slug", "version"], name="runbook_version_once"),
            models.UniqueConstraint(
                fields=["organisation", "slug"], condition=Q(current=True), name="runbook_one_current"
            ),
        ]

    def __str__(self) -> str:
        return f"runbook {self.slug}, version {self.version}"


class RunbookFolder(models.Model):
    """What was found in the folder of runbooks when it was last read."""

    organisation = models.OneToOneField("core.Organisation", on_delete=models.CASCADE, related_name="runbook_folder")
    path = models.CharField(max_length=500)
    #: Names, sizes and times of its files: the same again need not be read.
    signature = models.CharField(max_length=64)
    read_at = models.DateTimeField()
    files = models.PositiveIntegerField(default=0)
    #: Sentences, by file: what was refused, with line and reason.
    problems = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"{self.path} of {self.organisation}"


class RunbookUse(models.Model):
    """When somebody last worked by a runbook, and when a drill last did."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+")
    slug = models.SlugField(max_length=64)
    used_at = models.DateTimeField(null=True, blank=True)
    drilled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "slug"], name="runbook_use_once")]

    def __str__(self) -> str:
        return f"use of {self.slug}"


class CheckRun(Leased):
    """A runbook's diagnostics, to be asked of an incident's signals, and what they said."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="check_runs")
    runbook = models.SlugField(max_length=64)
    asked_at = models.DateTimeField()
    #: None: asked because the incident opened, or its diagnosis changed.
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    done_at = models.DateTimeField(null=True, blank=True)
    #: One entry a diagnostic: number, signal, expected, value, unit, verdict, sentence, window_seconds.
    results = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["due_at"], condition=Q(done_at__isnull=True), name="check_run_due")]

    def __str__(self) -> str:
        return f"checks of {self.runbook} for {self.incident}"


class StepTick(models.Model):
    """A step of a runbook that somebody has done in an incident. Taken back, the row goes; the timeline keeps both."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="step_ticks")
    runbook = models.SlugField(max_length=64)
    number = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["incident", "runbook", "number"], name="step_tick_once")]

    def __str__(self) -> str:
        return f"step {self.number} of {self.runbook} in {self.incident}"
