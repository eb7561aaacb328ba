"""The switch, the document, its secrets; runs and who approved them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from incidents.actions import document
from incidents.actions.course import ACTIVE, State
from incidents.actions.kinds import KINDS
from observability.core.claims import Leased
from observability.core.fields import EncryptedTextField


class ActionSwitch(models.Model):
    """Whether an organisation's actions may run at all. Without a row they are off."""

    organisation = models.OneToOneField(
        "core.Organisation", on_delete=models.CASCADE, primary_key=True, related_name="action_switch"
    )
    enabled = models.BooleanField(default=False)
    #: The kill switch: since when, and who pressed it. It outlives turning actions off and on.
    stopped_at = models.DateTimeField(null=True, blank=True)
    stopped_by = models.CharField(max_length=200, blank=True)
    #: Whether the document has a binding that is proposed by itself: so that a beat need not read it.
    proposes = models.BooleanField(default=False)

    def __str__(self) -> str:
        return "stopped" if self.stopped_at else "on" if self.enabled else "off"


class ActionDocument(models.Model):
    """The YAML as it was written; the highest version counts."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="action_documents")
    version = models.PositiveIntegerField()
    text = models.TextField()
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["organisation", "version"], name="action_document_version_once")]

    def __str__(self) -> str:
        return f"actions of {self.organisation}, version {self.version}"


class ActionSecret(models.Model):
    """What the document names and must not contain: tokens, signing secrets, certificates. Written, never shown."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="action_secrets")
    name = models.SlugField(max_length=63)
    value = EncryptedTextField()
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organisation", "name"], name="action_secret_name_once")]

    def __str__(self) -> str:
        return self.name


class ActionRunQuerySet(models.QuerySet["ActionRun"]):
    """The words in which runs are asked for."""

    def active(self) -> ActionRunQuerySet:
        """A worker has something to do."""
        return self.filter(state__in=[state.value for state in ACTIVE])


class ActionRun(Leased):
    """One action, from who asked for it to what it did. `binding` is the document's as it was then; `key` is sent with every try."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    #: None: a rehearsal from the settings.
    incident = models.ForeignKey(
        "incidents.Incident", null=True, blank=True, on_delete=models.CASCADE, related_name="action_runs"
    )
    service = models.ForeignKey("sloengine.Service", on_delete=models.CASCADE, related_name="+", db_index=False)
    action = models.CharField(max_length=24, choices=[(kind.name, kind.title) for kind in KINDS.values()])
    binding = models.JSONField()
    parameters = models.JSONField(default=dict)
    key = models.CharField(max_length=32, unique=True)
    rehearsal = models.BooleanField(default=False)
    undo_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="undone_by")
    #: Why it was offered, and what was asked a moment before it began, with the numbers.
    because = models.TextField()
    evidence = models.JSONField(default=list)

    state = models.CharField(max_length=16, choices=[(state.value, state.value) for state in State])
    #: Why it stands there: a sentence.
    reason = models.CharField(max_length=600, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    requested_at = models.DateTimeField()
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    attempts = models.PositiveSmallIntegerField(default=0)
    #: Written before each try and unset with its answer: a row found with it has lost its worker between the two.
    in_flight = models.BooleanField(default=False)
    #: The executor has said that it has the order.
    taken = models.BooleanField(default=False)
    #: An earlier try may have arrived.
    perhaps = models.BooleanField(default=False)
    began_at = models.DateTimeField(null=True, blank=True)
    #: When the executor said that it was done; a completion may still be waited for.
    executed_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    output = models.TextField(blank=True)

    objects = ActionRunQuerySet.as_manager()

    class Meta:
        ordering = ["-requested_at", "-pk"]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state__in=["started", "running"]), name="action_run_due"),
            models.Index(fields=["due_at"], condition=Q(state="verifying"), name="action_run_verify"),
            models.Index(fields=["organisation", "-requested_at"], name="action_run_newest_first"),
            models.Index(fields=["service", "action", "-began_at"], name="action_run_history"),
        ]

    def __str__(self) -> str:
        return f"{self.title} {self.state}"

    @property
    def bound(self) -> document.Binding:
        return document.from_json(self.binding)

    @property
    def target(self) -> str:
        """What it acts on beside its service: a replica, a region, a tag."""
        return next((str(self.parameters[key]) for key in ("replica", "region", "tag") if key in self.parameters), "")

    @property
    def title(self) -> str:
        """ "Undo: drain a replica, chat-1"."""
        named = KINDS[self.action].title
        named = f"Undo: {named[0].lower()}{named[1:]}" if self.undo_of_id else named
        return f"{named}, {self.target}" if self.target else named

    @property
    def word(self) -> str:
        return self.state.replace("_", " ")

    @property
    def needed(self) -> int:
        return int(self.binding["approvals"])


class ActionApproval(models.Model):
    """One person said yes."""

    run = models.ForeignKey(ActionRun, on_delete=models.CASCADE, related_name="approvals", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        constraints = [models.UniqueConstraint(fields=["run", "user"], name="action_approval_once")]

    def __str__(self) -> str:
        return f"{self.user} approved {self.run_id}"
