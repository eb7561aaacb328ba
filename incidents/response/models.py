"""Incident, its number, and its append-only timeline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from incidents.response.lifecycle import State
from incidents.response.severity import MEANING, Severity
from incidents.response.timeline import LABELS, TimelineKind, sentence
from incidents.response.times import Moments, Times, times
from observability.core.permissions import Actor


def choices(names: type[State] | type[TimelineKind]) -> list[tuple[str, str]]:
    """The choices of a closed list: ("open", "Open")."""
    return [(str(name.value), str(name.value).replace("_", " ").capitalize()) for name in names]


class IncidentCounter(models.Model):
    """The last incident number given out in an organisation. The row's lock makes the numbers gapless."""

    organisation = models.OneToOneField("core.Organisation", on_delete=models.CASCADE, primary_key=True)
    last_number = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.organisation}: {self.last_number}"


class IncidentQuerySet(models.QuerySet["Incident"]):
    """The words in which incidents are asked for."""

    def unresolved(self) -> IncidentQuerySet:
        return self.exclude(state=State.RESOLVED)

    def unanswered(self) -> IncidentQuerySet:
        """Nobody has acknowledged them: escalation goes on."""
        return self.filter(state=State.OPEN)

    def in_a_row(self) -> IncidentQuerySet:
        """As a row of a list shows them: without the diagnosis, which is most of what an incident is."""
        return self.select_related("service").defer("diagnosis")

    def quiet(self, *, before: datetime) -> IncidentQuerySet:
        """Unresolved, and every alert that holds them open cleared at `before` or earlier."""
        return self.unresolved().filter(quiet_since__lte=before)


class Incident(models.Model):
    """One cause, from its first alert to its postmortem."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="incidents")
    number = models.PositiveIntegerField()
    #: None where nobody knows yet (declared by hand) or where no service is meant (a source that cannot be read).
    service = models.ForeignKey(
        "sloengine.Service", null=True, blank=True, on_delete=models.PROTECT, related_name="incidents", db_index=False
    )
    #: One unresolved incident per key (a constraint holds it): "service:12", "blind:<fingerprint>", "declared:7".
    group_key = models.CharField(max_length=300)
    title = models.CharField(max_length=300)
    #: The diagnosis in one sentence; it heads the page and the message.
    headline = models.TextField(blank=True)
    severity = models.PositiveSmallIntegerField(choices=[(level.value, level.name) for level in Severity])
    state = models.CharField(max_length=16, choices=choices(State), default=State.OPEN.value)

    impact_started_at = models.DateTimeField(null=True, blank=True)
    detected_at = models.DateTimeField()
    opened_at = models.DateTimeField()
    first_paged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    mitigated_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_reason = models.CharField(max_length=64, blank=True)
    #: Since when every alert that holds it open is cleared; None while one fires or where it has none.
    quiet_since = models.DateTimeField(null=True, blank=True)
    #: The last write, for lists that ask "what is new" and for ETags.
    changed_at = models.DateTimeField()

    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    declared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    #: The first responder commands until someone else takes the role (R22).
    commander = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    #: The escalation policy that its route chose; empty: the most specific one of its service.
    policy_slug = models.SlugField(max_length=80, blank=True, db_default="", db_index=False)
    #: It is over when its alerts have been quiet for so long.
    resolve_seconds = models.PositiveIntegerField(default=300, db_default=300)
    #: Until then nobody is paged for it anew; after that everybody is who would be, if it is still open.
    snoozed_until = models.DateTimeField(null=True, blank=True)
    #: The incident that swallowed this one; the one that this was split from.
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="swallowed")
    split_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="parts")
    #: Where people talk about it: https addresses.
    chat_url = models.CharField(max_length=500, blank=True, db_default="")
    call_url = models.CharField(max_length=500, blank=True, db_default="")

    leaf = models.SlugField(max_length=64, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    runbook = models.SlugField(max_length=64, blank=True)
    diagnosis = models.JSONField(default=dict, blank=True)
    tree_version = models.PositiveIntegerField(null=True, blank=True)

    #: The escalation policy as it was when paging began, and which run of it this is (a reopened incident starts anew).
    escalation = models.JSONField(default=dict, blank=True)
    escalation_run = models.PositiveSmallIntegerField(default=0)
    #: When the acknowledgement ends unless somebody is seen working on it; None: it holds.
    answer_until = models.DateTimeField(null=True, blank=True)

    simulated = models.BooleanField(default=False)
    drill = models.BooleanField(default=False)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "number"], name="incident_number_once"),
            models.UniqueConstraint(
                fields=["organisation", "group_key"], condition=~Q(state="resolved"), name="incident_one_per_cause"
            ),
            models.CheckConstraint(condition=Q(severity__range=(1, 5)), name="incident_severity_1_to_5"),
        ]
        indexes = [
            models.Index(fields=["organisation", "-opened_at"], name="incident_newest_first"),
            models.Index(fields=["service", "-opened_at"], name="incident_newest_of_service"),
            models.Index(fields=["organisation", "-changed_at"], name="incident_last_change"),
            models.Index(fields=["organisation", "group_key", "-resolved_at"], name="incident_by_cause"),
            models.Index(fields=["quiet_since"], condition=~Q(state="resolved"), name="incident_quiet"),
            models.Index(fields=["organisation", "severity"], condition=~Q(state="resolved"), name="incident_open"),
            models.Index(fields=["answer_until"], condition=Q(state="acknowledged"), name="incident_answer_until"),
            models.Index(fields=["snoozed_until"], condition=Q(snoozed_until__isnull=False), name="incident_snoozed"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.title}"

    @property
    def name(self) -> str:
        """INC-4, as people say it."""
        return f"INC-{self.number}"

    @property
    def severity_name(self) -> str:
        return Severity(self.severity).name

    @property
    def severity_meaning(self) -> str:
        return MEANING[Severity(self.severity)]

    @property
    def is_open(self) -> bool:
        """Not resolved."""
        return self.state != State.RESOLVED

    @property
    def times(self) -> Times:
        """MTTD, MTTA, MTTR of this one (R26)."""
        return times(
            Moments(
                impact_started_at=self.impact_started_at,
                detected_at=self.detected_at,
                first_paged_at=self.first_paged_at,
                acknowledged_at=self.acknowledged_at,
                mitigated_at=self.mitigated_at,
                resolved_at=self.resolved_at,
            )
        )


class TimelineManager(models.Manager["TimelineEntry"]):
    """The one way in: entries are written, never changed."""

    def write(
        self,
        *,
        incident: Incident,
        kind: TimelineKind,
        at: datetime,
        actor: Actor | None = None,
        payload: Mapping[str, object] | None = None,
    ) -> TimelineEntry:
        """Append an entry in the caller's transaction. No actor means Tailwatch itself."""
        return self.create(
            organisation_id=incident.organisation_id,
            incident=incident,
            kind=kind.value,
            at=at,
            actor=actor.name if actor is not None else "tailwatch",
            actor_kind=actor.kind if actor is not None else "system",
            actor_user_id=actor.user_id if actor is not None else None,
            payload=dict(payload or {}),
        )


class TimelineEntry(models.Model):
    """Something that happened. The run-time role may add rows to this table, never change or delete one."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="timeline", db_index=False)
    at = models.DateTimeField()
    kind = models.CharField(max_length=24, choices=choices(TimelineKind))
    actor = models.CharField(max_length=200)
    actor_kind = models.CharField(max_length=8)
    actor_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.DO_NOTHING, related_name="+", db_index=False
    )
    payload = models.JSONField(default=dict)

    objects = TimelineManager()

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["incident", "at", "id"], name="timeline_in_order")]

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.sentence}"

    @property
    def label(self) -> str:
        return LABELS[TimelineKind(self.kind)]

    @property
    def sentence(self) -> str:
        """The entry as one line."""
        return sentence(kind=TimelineKind(self.kind), payload=self.payload)
