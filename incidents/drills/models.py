"""A drill, and who takes part in it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from observability.core.claims import Leased


class Drill(Leased):
    """A fault played in the simulated fleet. It ends by itself: `due_at` is when somebody looks at it again."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        STOPPING = "stopping", "Being stopped"
        SETTLING = "settling", "Waiting for the end"
        OVER = "over", "Over"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="drills")
    number = models.PositiveIntegerField()
    fault = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    service = models.CharField(max_length=200)
    expected_leaf = models.CharField(max_length=64)
    #: Nobody is told what it is until it is over.
    surprise = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    #: When the fault ends whatever happens; the fleet is told so, too.
    ends_at = models.DateTimeField()
    stop_reason = models.CharField(max_length=200, blank=True)
    #: When the fleet said that the fault has ended.
    stopped_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    #: Why the fleet cannot be told to stop at present.
    trouble = models.CharField(max_length=300, blank=True)
    incident = models.ForeignKey(
        "incidents.Incident", null=True, blank=True, on_delete=models.SET_NULL, related_name="drills"
    )
    score = models.JSONField(default=dict, blank=True)
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, through="DrillPerson", related_name="drills")

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "number"], name="drill_number_once"),
            models.UniqueConstraint(fields=["organisation"], condition=~Q(state="over"), name="drill_one_at_a_time"),
        ]
        indexes = [models.Index(fields=["due_at"], condition=~Q(state="over"), name="drill_due")]

    def __str__(self) -> str:
        return f"drill {self.number}"

    @property
    def is_over(self) -> bool:
        return self.state == self.State.OVER

    @property
    def shown(self) -> str:
        """What may be told: of a surprise its name only when it is over."""
        return self.title if self.is_over or not self.surprise else "A surprise"


class DrillPerson(models.Model):
    """Somebody who takes part: the drill's messages reach them alone."""

    drill = models.ForeignKey(Drill, on_delete=models.CASCADE, related_name="participations")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    joined_at = models.DateTimeField()

    class Meta:
        ordering = ["joined_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["drill", "user"], name="drill_person_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.drill}"
