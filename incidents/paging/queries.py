"""Pages as people and the auditor ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from incidents.drills import queries as drills
from incidents.oncall.queries import people_of, policy_of
from incidents.paging import escalation
from incidents.paging.channels import CHANNELS
from incidents.paging.models import DemoMessage, EscalationStep, Page, PagerEndpoint
from incidents.paging.rules import queries as rules
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from observability.core import questions
from observability.core.models import Organisation, User

#: A healthy worker takes a due row within seconds; later than this, something stands still.
OVERDUE_AFTER = timedelta(minutes=2)


_READY = Q(enabled=True) & (
    Q(verified_at__isnull=False) | ~Q(kind__in=[channel.kind for channel in CHANNELS.values() if channel.verified])
)


@dataclass(frozen=True, slots=True)
class Outbox:
    """The outbox in figures, for /metrics and /readyz. Seconds are None where nothing waits."""

    pending: int
    oldest_due_seconds: float | None
    overdue_pages: int
    overdue_steps: int


_FREE = "state = 'pending' AND (lease_until IS NULL OR lease_until <= %(now)s)"
#: Whether a page, or an escalation step, waits that nobody holds.
ANY_PAGE_DUE = questions.due(Page, also=_FREE)
ANY_STEP_DUE = questions.due(EscalationStep, also=_FREE)
_ANYTHING_AMISS = """
SELECT EXISTS (SELECT FROM incidents_page WHERE state = 'pending' AND due_at <= %(late)s)
    OR EXISTS (SELECT FROM incidents_escalationstep WHERE state = 'pending' AND due_at <= %(late)s)
    OR EXISTS (
        SELECT FROM incidents_incident AS incident WHERE state = 'open' AND escalation_run > 0 AND NOT EXISTS (
            SELECT FROM incidents_escalationstep AS step WHERE step.incident_id = incident.id AND step.state = 'pending'
        )
    )
"""


def anything_amiss(*, now: datetime) -> bool:
    """Whether the auditor may find a page or a step that is overdue, or an escalation without a next step."""
    return questions.holds(_ANYTHING_AMISS, late=now - OVERDUE_AFTER)


def overdue_pages(*, now: datetime) -> QuerySet[Page]:
    """Pages that should have left by now and are in nobody's hands."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now - OVERDUE_AFTER)
    return Page.objects.filter(free, state=Page.State.PENDING, due_at__lte=now - OVERDUE_AFTER)


def overdue_steps(*, now: datetime) -> QuerySet[EscalationStep]:
    """Escalation steps that nobody took."""
    return EscalationStep.objects.filter(state=EscalationStep.State.PENDING, due_at__lte=now - OVERDUE_AFTER)


def stuck_escalations() -> QuerySet[Incident]:
    """Unanswered incidents that are being paged for and have no step ahead: at their end, or lost."""
    ahead = EscalationStep.objects.filter(state=EscalationStep.State.PENDING).values("incident")
    found = Incident.objects.filter(state=State.OPEN, escalation_run__gt=0).exclude(pk__in=ahead)
    return found.defer("diagnosis").order_by("pk")


def pagers(*, incident: Incident, users: Iterable[int]) -> QuerySet[PagerEndpoint]:
    """What reaches these people, unless they have left; a number that nobody has verified reaches no one.

    Of a drill's incident: the drill inboxes of those who take part.
    """
    reached = set(users) & drills.participants(incident=incident) if incident.drill else set(users)
    return PagerEndpoint.objects.filter(
        _READY, organisation_id=incident.organisation_id, user__in=reached, user__is_active=True, drill=incident.drill
    )


def rooms(*, incident: Incident) -> QuerySet[PagerEndpoint]:
    """Where the pages of an incident's service are heard by everyone, whoever is on call; of a drill nowhere."""
    if incident.drill:
        return PagerEndpoint.objects.none()
    mine = Q(service__isnull=True) | Q(service=incident.service_id)
    return PagerEndpoint.objects.filter(_READY, mine, organisation_id=incident.organisation_id, user=None)


def escalates_outside(*, incident: Incident) -> PagerEndpoint | None:
    """The vendor's service that escalates for this incident instead of us; None where we do, or where it could not be told."""
    found = rooms(incident=incident).filter(escalates=True).defer("secret").order_by("service", "pk").first()
    if found is None:
        return None
    mine = incident.pages.filter(endpoint=found)
    if mine.filter(kind=Page.Kind.OPENED, state=Page.State.FAILED).exists():
        return None
    # What is acknowledged over there stays quiet when it is triggered again: from then on it is ours.
    answers = mine.filter(kind__in=[Page.Kind.ACKNOWLEDGED, Page.Kind.RESOLVED], attempts__gt=0).order_by("-pk")
    last = answers.values_list("kind", flat=True).first()
    return None if last == Page.Kind.ACKNOWLEDGED else found


def existing_user(pk: int | None) -> int | None:
    """The id, where there still is such a person."""
    return pk if pk is not None and User.objects.filter(pk=pk).exists() else None


def last_in_vain(*, incident: Incident) -> bool:
    """Whether the last step reached nobody: it was skipped, wrote no page, or all of its pages failed for good."""
    closed = [EscalationStep.State.DONE, EscalationStep.State.SKIPPED]
    last = incident.escalation_steps.filter(run=incident.escalation_run, state__in=closed).order_by("-number").first()
    if last is None:
        return False
    return last.state == EscalationStep.State.SKIPPED or not last.pages.exclude(state=Page.State.FAILED).exists()


def told(*, incident: Incident) -> list[PagerEndpoint]:
    """The endpoints that were sent a page of this incident, or may have been."""
    sent = incident.pages.filter(attempts__gt=0).exclude(kind=Page.Kind.RESOLVED)
    sent = sent.exclude(state=Page.State.FAILED, uncertain=False)
    return list(PagerEndpoint.objects.filter(pk__in=sent.values("endpoint"), enabled=True).defer("secret"))


def at_its_end(*, incident: Incident) -> bool:
    """Whether every step of its policy has been taken; one that escalates outside has none of ours."""
    if incident.escalation.get("outside"):
        return True
    policy = escalation.from_snapshot(incident.escalation)
    return incident.escalation_steps.filter(run=incident.escalation_run).count() >= policy.length


def reachable_now(*, incident: Incident, now: datetime) -> bool:
    """Whether the run reached nobody, and a pager that would ring by today's policy and rules has not failed yet."""
    if incident.escalation.get("outside"):
        return escalates_outside(incident=incident) is None
    tried = incident.pages.filter(step__run=incident.escalation_run)
    if tried.exclude(state=Page.State.FAILED).exists():
        return False
    policy = policy_of(incident=incident)
    steps = [one for one in policy.steps if escalation.applies(step=one, severity=incident.severity, now=now)]
    targets = [target for step in steps for target in step.targets] + list(policy.fallback)
    people = people_of(organisation=incident.organisation, targets=targets, at=now)
    theirs = list(pagers(incident=incident, users=[one.user.pk for one in people]).defer("secret"))
    failed = set(incident.pages.filter(state=Page.State.FAILED).values_list("endpoint", flat=True))
    return bool(rules.due(incident=incident, endpoints=theirs, now=now).keys() - failed)


def outbox(*, now: datetime) -> Outbox:
    """How the outbox stands."""
    due = Page.objects.filter(state=Page.State.PENDING)
    oldest = due.order_by("due_at").values_list("due_at", flat=True).first()
    return Outbox(
        pending=due.count(),
        oldest_due_seconds=None if oldest is None or oldest > now else (now - oldest).total_seconds(),
        overdue_pages=overdue_pages(now=now).count(),
        overdue_steps=overdue_steps(now=now).count(),
    )


def pages(*, organisation: Organisation) -> QuerySet[Page]:
    """All pages, newest first, with what a list shows; tries by `page.deliveries.all()`."""
    related = ("incident", "incident__service", "user", "endpoint", "endpoint__user")
    return (
        Page.objects.filter(organisation=organisation)
        .select_related(*related)
        .defer("endpoint__secret", "incident__diagnosis")
        .prefetch_related("deliveries")
    )


def incident_pages(*, incident: Incident) -> QuerySet[Page]:
    """The pages of one incident, oldest first, with their tries."""
    return pages(organisation=incident.organisation).filter(incident=incident).order_by("created_at", "pk")


def pending_steps(*, incident: Incident) -> QuerySet[EscalationStep]:
    """Whom the incident goes to next, and when."""
    return incident.escalation_steps.filter(state=EscalationStep.State.PENDING).select_related("user")


def demo_endpoints(*, organisation: Organisation) -> QuerySet[PagerEndpoint]:
    """The demo pagers of an organisation."""
    found = PagerEndpoint.objects.filter(organisation=organisation, kind=PagerEndpoint.Kind.DEMO, drill=False)
    return found.select_related("user").defer("secret")


def demo_messages(*, organisation: Organisation, limit: int = 50) -> list[DemoMessage]:
    """The messages on the demo pagers' phones, newest first; payload as in docs/paging.md."""
    found = DemoMessage.objects.filter(organisation=organisation).select_related("endpoint", "endpoint__user")
    return list(found.defer("endpoint__secret")[:limit])
