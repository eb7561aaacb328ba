"""The outbox: pages, their tries, the steps that decide them, the links that answer them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from incidents.paging.channels import CHANNELS, Channel
from observability.core.claims import Leased
from observability.core.fields import EncryptedTextField


class Carrier(models.Model):
    """The organisation's account with who sends its texts and calls; the first by `position` is tried first."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="carriers")
    name = models.CharField(max_length=100)
    position = models.PositiveSmallIntegerField(default=1)
    url = models.URLField(max_length=500, default="https://api.twilio.com")
    account = models.CharField(max_length=100)
    secret = EncryptedTextField()
    #: The number or sender name that messages come from.
    sender = models.CharField(max_length=32)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["organisation", "name"], name="carrier_name_once")]

    def __str__(self) -> str:
        return self.name


class SlackApp(models.Model):
    """The organisation's Slack app: with its signing secret, buttons in Slack act here."""

    organisation = models.OneToOneField("core.Organisation", on_delete=models.CASCADE, related_name="slack_app")
    signing_secret = EncryptedTextField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Slack app of {self.organisation}"


class PagerEndpoint(models.Model):
    """An address that reaches a person, or where `user` is empty a room or a vendor's service that hears every page.

    What each kind needs stands in channels.py. `secret` signs a webhook's messages; for a vendor it is what lets us in.
    """

    class Kind(models.TextChoices):
        WEBHOOK = "webhook", CHANNELS["webhook"].title
        DEMO = "demo", CHANNELS["demo"].title
        PAGERDUTY = "pagerduty", CHANNELS["pagerduty"].title
        SLACK = "slack", CHANNELS["slack"].title
        TEAMS = "teams", CHANNELS["teams"].title
        EMAIL = "email", CHANNELS["email"].title
        NTFY = "ntfy", CHANNELS["ntfy"].title
        SMS = "sms", CHANNELS["sms"].title
        VOICE = "voice", CHANNELS["voice"].title
        APPRISE = "apprise", CHANNELS["apprise"].title

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="pager_endpoints")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="pager_endpoints"
    )
    #: Of a room: it hears the pages of this service only.
    service = models.ForeignKey(
        "sloengine.Service", null=True, blank=True, on_delete=models.CASCADE, related_name="pager_endpoints"
    )
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.WEBHOOK)
    name = models.CharField(max_length=100)
    url = models.URLField(max_length=500, blank=True)
    #: An e-mail address, a telephone number, a Slack member.
    address = models.CharField(max_length=320, blank=True)
    secret = EncryptedTextField()
    options = models.JSONField(default=dict, blank=True)
    #: PagerDuty escalates for what this endpoint hears, and we do not.
    escalates = models.BooleanField(default=False)
    #: When its owner typed in the code that was sent there; None for kinds that need none.
    verified_at = models.DateTimeField(null=True, blank=True)
    code_hash = models.CharField(max_length=64, blank=True)
    code_expires_at = models.DateTimeField(null=True, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    tested_result = models.CharField(max_length=300, blank=True)
    #: It hears the messages of drills, and of nothing else.
    drill = models.BooleanField(default=False, db_default=False)
    #: Of a demo pager: hash of the token in its inbox address.
    inbox_token_hash = models.CharField(max_length=64, null=True, blank=True, unique=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "user", "name"], name="pager_endpoint_name_once"),
            models.UniqueConstraint(
                fields=["organisation", "name"], condition=Q(user=None), name="pager_endpoint_room_name_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}" if self.user_id is not None else self.name

    @property
    def recipient(self) -> str:
        """Who hears it, as a message says it."""
        return str(self.user) if self.user is not None else self.name

    @property
    def channel(self) -> Channel:
        return CHANNELS[self.kind]

    @property
    def ready(self) -> bool:
        """Whether it may be sent anything: a number must have been verified."""
        return self.enabled and (self.verified_at is not None or not self.channel.verified)


class EscalationStep(Leased):
    """Take one step of the policy at `due_at`, unless enough people have answered by then."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        DONE = "done", "Done"
        SKIPPED = "skipped", "Skipped"
        CANCELLED = "cancelled", "Cancelled"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="escalation_steps")
    run = models.PositiveSmallIntegerField()
    number = models.PositiveSmallIntegerField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    #: Whom it tells, as the policy says it: "Ana", "Primary". `user` is set where that is one person.
    label = models.CharField(max_length=200, blank=True)
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
        return f"step {self.number} of {self.incident}: {self.user or self.label}"


class Acknowledgement(models.Model):
    """One person's answer in one run of an escalation; some policies ask for several."""

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False)
    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="acknowledgements")
    run = models.PositiveSmallIntegerField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        constraints = [models.UniqueConstraint(fields=["incident", "run", "user"], name="acknowledgement_once")]

    def __str__(self) -> str:
        return f"{self.user} answered {self.incident}"


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
        ASKED = "asked", "Asked to join"
        REMINDED = "reminded", "Reminded"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        RESOLVED = "resolved", "Resolved"

    organisation = models.ForeignKey("core.Organisation", on_delete=models.CASCADE, related_name="pages")
    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="pages")
    #: None: it goes to a room or a vendor's service.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
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
    #: What the vendor calls the message, to know it again when it says what became of it.
    vendor_key = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "endpoint", "decision"], name="page_decided_once"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="page_due"),
            models.Index(fields=["organisation", "-created_at"], name="page_newest_first"),
            models.Index(fields=["organisation", "-created_at"], condition=Q(state="failed"), name="page_dead_letters"),
            models.Index(fields=["endpoint", "-sent_at"], name="page_sent_to_endpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} page of {self.incident} to {self.endpoint.recipient}"


class Delivery(models.Model):
    """One try to send a page, and how it ended. Rows are only ever added."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        REFUSED = "refused", "Refused for good"
        TRY_AGAIN = "try_again", "Failed, try again"
        UNKNOWN = "unknown", "May have arrived"
        LOST = "lost", "The worker died before it wrote the answer"
        NOT_REACHED = "not_reached", "Taken, and not delivered"

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
