"""Schedules with their history, overrides, swaps, notes and notices; policies with their steps."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.db.models import Q

from incidents.oncall.schedule import OverrideKind
from observability.core.claims import Leased
from observability.core.fields import EncryptedTextField


class Schedule(models.Model):
    """Who is on call when. What counts is in its versions; people are named by username, so that the past stays told."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="schedules")
    slug = models.SlugField(max_length=80)
    name = models.CharField(max_length=200)
    team = models.ForeignKey("core.Team", null=True, blank=True, on_delete=models.SET_NULL, related_name="schedules")
    #: Somebody should be on call at every instant: gaps are found ahead and told. False for office hours by intent.
    covers_always = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["organisation", "slug"], name="schedule_slug_once")]

    def __str__(self) -> str:
        return self.name


class ScheduleVersion(models.Model):
    """The document (see document.py) as it counts from `valid_from` on. One that has begun is never changed."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="versions")
    valid_from = models.DateTimeField()
    document = models.JSONField()
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=200)

    class Meta:
        ordering = ["valid_from", "pk"]
        constraints = [models.UniqueConstraint(fields=["schedule", "valid_from"], name="schedule_version_once")]

    def __str__(self) -> str:
        return f"{self.schedule} from {self.valid_from:%Y-%m-%d %H:%M}"


class Swap(models.Model):
    """`asker` asks `taker` (empty: anyone) to take a window, and offers one in return, or none."""

    class State(models.TextChoices):
        ASKED = "asked", "Asked"
        ACCEPTED = "accepted", "Accepted"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="swaps")
    asker = models.CharField(max_length=150)
    taker = models.CharField(max_length=150, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    back_starts_at = models.DateTimeField(null=True, blank=True)
    back_ends_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.ASKED)
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="swap_in_order")]

    def __str__(self) -> str:
        return f"{self.asker} asks {self.taker or 'anyone'}"


class ScheduleOverride(models.Model):
    """A person in a window, whatever the layers say. Cancelled, it counted until then."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="overrides", db_index=False)
    kind = models.CharField(max_length=8, choices=[(kind.value, kind.value.capitalize()) for kind in OverrideKind])
    username = models.CharField(max_length=150)
    instead_of = models.CharField(max_length=150, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True)
    swap = models.ForeignKey(Swap, null=True, blank=True, on_delete=models.SET_NULL, related_name="overrides")
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=200)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["made_at", "pk"]
        constraints = [models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="override_in_order")]
        indexes = [models.Index(fields=["schedule", "ends_at"], name="override_by_end")]

    def __str__(self) -> str:
        return f"{self.username} in {self.schedule}"


class HandoverNote(models.Model):
    """What the next one should know."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="notes", db_index=False)
    at = models.DateTimeField()
    author = models.CharField(max_length=150)
    text = models.TextField(max_length=4000)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["schedule", "-at"], name="handover_note_newest")]

    def __str__(self) -> str:
        return f"{self.author} at {self.at:%Y-%m-%d %H:%M}"


class CalendarFeed(models.Model):
    """A secret address that gives a schedule, or one person's shifts in all of them, as iCalendar."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+")
    schedule = models.ForeignKey(Schedule, null=True, blank=True, on_delete=models.CASCADE, related_name="feeds")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="calendar_feeds")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "user", "schedule"], nulls_distinct=False, name="calendar_feed_once"
            )
        ]

    def __str__(self) -> str:
        return f"feed of {self.user}: {self.schedule or 'own shifts'}"


class CalendarSource(Leased):
    """A calendar elsewhere that a schedule follows: read again every hour into its layer `calendar`."""

    schedule = models.OneToOneField(Schedule, on_delete=models.CASCADE, related_name="calendar", primary_key=True)
    address = EncryptedTextField()  # calendar programs give secret addresses
    zone = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, blank=True, default="")
    read_at = models.DateTimeField(null=True, blank=True)
    taken_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True, default="")
    made_by = models.CharField(max_length=150)

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="calendar_source_due")]

    def __str__(self) -> str:
        return f"calendar of {self.schedule}"

    @property
    def host(self) -> str:
        """Where it is, without what is secret of its address."""
        return urlsplit(self.address).hostname or ""


class ScheduleWatch(Leased):
    """When a schedule is looked at next, who was on call when it last was, and until when its gaps were told."""

    schedule = models.OneToOneField(Schedule, on_delete=models.CASCADE, related_name="watch", primary_key=True)
    people = models.JSONField(default=list)
    looked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="schedule_watch_due")]

    def __str__(self) -> str:
        return f"{self.schedule} at {self.due_at:%Y-%m-%d %H:%M}"


class ScheduleGap(models.Model):
    """A time ahead in which nobody is on call, from when it was found until somebody covers it or it is over."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="gaps")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    found_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    incident = models.ForeignKey(
        "incidents.Incident", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["starts_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "starts_at"], condition=Q(closed_at__isnull=True), name="schedule_gap_once"
            )
        ]

    def __str__(self) -> str:
        return f"nobody in {self.schedule} from {self.starts_at:%Y-%m-%d %H:%M}"


class ShiftNotice(Leased):
    """A message about no incident: a shift begins, a silence ends. Seen in the web, and sent to a person's pagers or a room."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"

    class Kind(models.TextChoices):
        SHIFT_BEGINS = "shift_begins", "Shift begins"
        SHIFT_ENDS = "shift_ends", "Shift ends"
        SWAP = "swap", "Swap"
        OVERRIDE = "override", "Override"
        GAP = "gap", "Gap"
        SILENCE = "silence", "Silence"
        MAINTENANCE = "maintenance", "Maintenance"
        COST = "cost", "Cost"
        DIGEST = "digest", "The week"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="shift_notices")
    #: None: it goes to a room, `endpoint`.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="shift_notices"
    )
    endpoint = models.ForeignKey(
        "incidents.PagerEndpoint", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    schedule = models.ForeignKey(
        Schedule, null=True, blank=True, on_delete=models.CASCADE, related_name="shift_notices"
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    #: What decided it, once a person.
    decision = models.CharField(max_length=120)
    text = models.TextField()
    created_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "decision"], name="shift_notice_once"),
            models.UniqueConstraint(
                fields=["endpoint", "decision"], condition=Q(user=None), name="shift_notice_room_once"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="shift_notice_due"),
            models.Index(fields=["user", "-created_at"], name="shift_notice_newest_first"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user or self.endpoint}"


class TeamMember(models.Model):
    """A person in a team: told when a step tells a team that has no schedule."""

    team = models.ForeignKey("core.Team", on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="team_places")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="team_member_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class EscalationPolicy(models.Model):
    """Steps that are taken one after the other until enough people have answered, then again `repeats` times.

    The most specific policy counts: the one that a route names by slug, of the service, of its team, else the default.
    """

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="escalation_policies")
    slug = models.SlugField(max_length=80)
    name = models.CharField(max_length=200)
    service = models.ForeignKey(
        "sloengine.Service", null=True, blank=True, on_delete=models.CASCADE, related_name="escalation_policies"
    )
    team = models.ForeignKey(
        "core.Team", null=True, blank=True, on_delete=models.CASCADE, related_name="escalation_policies"
    )
    #: For every service that has none of its own.
    is_default = models.BooleanField(default=False)
    #: Hears of it when a policy came to its end without an answer, when it reached nobody, and of gaps ahead.
    is_fallback = models.BooleanField(default=False)
    #: How often the steps are gone through again after the first time.
    repeats = models.PositiveSmallIntegerField(default=2)
    #: How many people have to answer before it stops.
    acknowledgements = models.PositiveSmallIntegerField(default=1)
    #: An acknowledgement without a sign of life for so long ends and pages anew; None: it holds.
    sev1_answer_seconds = models.PositiveIntegerField(null=True, blank=True, default=1800)
    other_answer_seconds = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "slug"], name="escalation_policy_slug_once"),
            models.UniqueConstraint(fields=["organisation", "service"], name="escalation_policy_service_once"),
            models.UniqueConstraint(fields=["organisation", "team"], name="escalation_policy_team_once"),
            models.UniqueConstraint(
                fields=["organisation"], condition=Q(is_default=True), name="escalation_policy_default_once"
            ),
            models.UniqueConstraint(
                fields=["organisation"], condition=Q(is_fallback=True), name="escalation_policy_fallback_once"
            ),
            models.CheckConstraint(
                condition=Q(service__isnull=True) | Q(team__isnull=True), name="escalation_policy_service_or_team"
            ),
            models.CheckConstraint(condition=Q(acknowledgements__gte=1), name="escalation_policy_one_answers"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def meant_for(self) -> str:
        """What it is for, in words; needs service and team loaded."""
        if self.service is not None:
            return self.service.slug
        if self.team is not None:
            return self.team.name
        both = (("everything else", self.is_default), ("the fallback", self.is_fallback))
        return " and ".join(word for word, so in both if so) or f"routes that name {self.slug}"


class PolicyStep(models.Model):
    """One step, counted from 1: tell these targets, then wait `after_seconds` for an answer."""

    policy = models.ForeignKey(EscalationPolicy, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    after_seconds = models.PositiveIntegerField(default=300)
    #: Each incident goes to the next of the step's people instead of to all of them.
    round_robin = models.BooleanField(default=False)
    #: Only for incidents this severe or more: 2 is SEV1 and SEV2.
    mildest_severity = models.PositiveSmallIntegerField(default=5)
    #: Only in these hours (as in a schedule's layer), in `zone`; empty: always.
    hours = models.JSONField(default=list, blank=True)
    zone = models.CharField(max_length=64, default="UTC")
    #: How many incidents have gone round.
    turns_taken = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "position"], name="policy_step_once"),
            models.CheckConstraint(condition=Q(position__gte=1), name="policy_step_from_1"),
        ]

    def __str__(self) -> str:
        return f"step {self.position} of {self.policy}"


class StepTarget(models.Model):
    """Whom a step tells: one person, whoever is on call in a schedule, or a team's schedules."""

    step = models.ForeignKey(PolicyStep, on_delete=models.CASCADE, related_name="targets")
    place = models.PositiveSmallIntegerField(default=1)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    schedule = models.ForeignKey(Schedule, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    team = models.ForeignKey("core.Team", null=True, blank=True, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ["place", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, schedule__isnull=True, team__isnull=True)
                | Q(user__isnull=True, schedule__isnull=False, team__isnull=True)
                | Q(user__isnull=True, schedule__isnull=True, team__isnull=False),
                name="step_target_is_one",
            )
        ]

    def __str__(self) -> str:
        return str(self.user or self.schedule or self.team)
