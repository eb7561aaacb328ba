"""The outbox: pages, their tries, the steps that decide them, the links that answer them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from observability.core.claims import Leased
from observability.core.fields import EncryptedTextField


class PagerEndpoint(models.Model):
    """An address that reaches a person. Deliveries are POSTs signed with `secret`."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", "Webhook"
        DEMO = "demo", "Demo pager"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="pager_endpoints")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="pager_endpoints")
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.WEBHOOK)
    name = models.CharField(max_length=100)
    url = models.URLField(max_length=500)
    secret = EncryptedTextField()
    #: Of a demo pager: hash of the token in its inbox address.
    inbox_token_hash = models.CharField(max_length=64, null=True, blank=True, unique=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "user", "name"], name="pager_endpoint_name_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"


class EscalationStep(Leased):
    """Tell one responder at `due_at`, unless someone has answered by then."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="escalation_steps")
    run = models.PositiveSmallIntegerField()
    number = models.PositiveSmallIntegerField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    reason = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "run", "number"], name="escalation_step_once"),
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(state="pending"), name="escalation_step_due")]

    def __str__(self) -> str:
        return f"step {self.number} of {self.incident}: {self.user}"


class Page(Leased):
    """One message to one person through one endpoint: written by the transaction that decides it, sent afterwards."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Kind(models.TextChoices):
        OPENED = "opened", "Opened"
        ESCALATED = "escalated", "Escalated"
        RAISED = "raised", "Severity raised"
        RESOLVED = "resolved", "Resolved"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="pages")
    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="pages")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    endpoint = models.ForeignKey(PagerEndpoint, on_delete=models.CASCADE, related_name="pages")
    step = models.ForeignKey(EscalationStep, null=True, blank=True, on_delete=models.SET_NULL, related_name="pages")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    reason = models.CharField(max_length=100)
    #: What decided it, once: "opened:run 1 step 1". With the endpoint it is unique within the incident.
    decision = models.CharField(max_length=64)
    #: The receiver folds messages with the same key: one key per incident.
    dedup_key = models.CharField(max_length=100)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    created_at = models.DateTimeField()
    give_up_at = models.DateTimeField()
    #: Tries begun, and tries whose end was written down. Fewer ends than begins: a worker died in between.
    attempts = models.PositiveSmallIntegerField(default=0)
    recorded = models.PositiveSmallIntegerField(default=0)
    #: An earlier try may have arrived: the next copy says "repeated".
    uncertain = models.BooleanField(default=False)
    sent_at = models.DateTimeField(null=True, blank=True)
    closed_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "endpoint", "decision"], name="page_decided_once"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="page_due"),
            models.Index(fields=["organisation", "-created_at"], name="page_newest_first"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} page of {self.incident} to {self.user}"


class Delivery(models.Model):
    """One try to send a page, and how it ended. Rows are only ever added."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        REFUSED = "refused", "Refused for good"
        TRY_AGAIN = "try_again", "Failed, try again"
        UNKNOWN = "unknown", "May have arrived"
        LOST = "lost", "The worker died before it wrote the answer"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="deliveries")
    attempt = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    repeated = models.BooleanField(default=False)

    class Meta:
        ordering = ["attempt", "pk"]

    def __str__(self) -> str:
        return f"try {self.attempt} of page {self.page_id}: {self.outcome}"


class AckLink(models.Model):
    """A link that acknowledges as one person: one for each copy sent, since only the hash of its token is kept."""

    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="ack_links")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"link of {self.user} for page {self.page_id}"


class DemoMessage(models.Model):
    """A message as the demo pager's phone received it, over HTTP like any other pager."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+")
    endpoint = models.ForeignKey(PagerEndpoint, on_delete=models.CASCADE, related_name="demo_messages")
    received_at = models.DateTimeField()
    dedup_key = models.CharField(max_length=100)
    payload = models.JSONField()

    class Meta:
        ordering = ["-received_at", "-pk"]
        indexes = [models.Index(fields=["endpoint", "-received_at"], name="demo_message_newest")]

    def __str__(self) -> str:
        return f"{self.dedup_key} at {self.received_at:%H:%M:%S}"
