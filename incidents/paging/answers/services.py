"""Answers that come from outside the web pages, each as the person whose pager it was, through the channel it came by."""

from __future__ import annotations

import logging
from datetime import datetime

import orjson
from django.conf import settings
from django.db import transaction

from incidents.ingest.payloads import Answer
from incidents.paging import retry
from incidents.paging import services as paging
from incidents.paging.answers import slash
from incidents.paging.escalation import EscalationReason
from incidents.paging.models import EscalationStep, Page, PagerEndpoint
from incidents.paging.pagers import outbox
from incidents.paging.services import LinkVerdict
from incidents.response import services as response
from incidents.response.lifecycle import State
from incidents.response.models import Incident, TimelineEntry
from incidents.response.timeline import TimelineKind
from observability.core import audit, outbound, permissions
from observability.core.models import Organisation, User
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused

log = logging.getLogger(__name__)
#: Slack waits three seconds for its answer, this within them.
SAY_WITHIN_SECONDS = 1.0
#: What a carrier says of a text or a call that reached nobody (Twilio's MessageStatus and CallStatus).
NOT_REACHED = {
    "undelivered": "the carrier could not deliver it",
    "failed": "the carrier gave up",
    "busy": "the line was busy",
    "no-answer": "nobody answered the call",
    "canceled": "the carrier cancelled it",
}


def press(*, organisation: Organisation, member: str, action: str, number: int, now: datetime) -> str:
    """A button in Slack: acknowledge or resolve INC-<number> as the person with this member ID. The sentence to show."""
    person = _slack_person(organisation, member)
    if person is None:
        return f"Tailwatch does not know the Slack member {member}: enter it at your Slack pager, or open the incident."
    incident = Incident.objects.filter(organisation=organisation, number=number).first()
    moves = {"acknowledge": response.acknowledge, "resolve": response.resolve}
    if incident is None or action not in moves:
        return f"There is no INC-{number} here." if incident is None else f"Nothing here is called {action}."
    actor = permissions.holder(person, organisation)
    try:
        if action == "acknowledge":
            response.acknowledge(incident=incident, actor=actor, now=now, through="Slack")
        else:
            response.resolve(incident=incident, actor=actor, now=now, reason="by hand, through Slack")
    except (permissions.NotAllowed, Refused) as reason:
        return str(reason)
    return f"{incident.name}: {'acknowledged' if action == 'acknowledge' else 'resolved'} by {person.username}."


def typed(*, organisation: Organisation, member: str, text: str, now: datetime) -> tuple[str, bool]:
    """A slash command declares an incident as the person with this member ID. The sentence, and whether everyone may read it."""
    person = _slack_person(organisation, member)
    if person is None:
        return f"Tailwatch does not know the Slack member {member}: enter it at your Slack pager.", False
    said = slash.parse(text)
    if said is None:
        return slash.HELP, False
    actor = permissions.holder(person, organisation)
    try:
        incident = response.declare(
            organisation=organisation, title=said.title, severity=said.severity, actor=actor, now=now
        )
    except (permissions.NotAllowed, Refused) as reason:
        return str(reason), False
    address = f"{settings.TAILWATCH_BASE_URL}/incidents/{incident.number}/"
    return (
        f"{incident.name} ({incident.severity_name}) was declared by {person.username}: {incident.title}\n{address}",
        True,
    )


def say(*, response_url: str, text: str) -> None:
    """Tell who pressed a button in Slack, and nobody else. What was done is done, whether or not it can be said.

    https://docs.slack.dev/interactivity/handling-user-interaction: the answer to the request itself is not shown.
    """
    if not response_url:
        return
    document = {"response_type": "ephemeral", "replace_original": False, "text": text}
    try:
        outbound.post(
            url=response_url,
            body=orjson.dumps(document),
            headers={"Content-Type": "application/json; charset=utf-8"},
            timeout_seconds=SAY_WITHIN_SECONDS,
        )
    except outbound.OutboundError as error:
        log.warning("Slack was not told what came of a button: %s", error)


def key_pressed(*, token: str, key: str, now: datetime) -> str:
    """A key on the phone: 1 acknowledges as the person who was called, 2 tells the next one. The sentence to say."""
    verdict, link = paging.find_link(token=token, now=now)
    if link is None or verdict in {LinkVerdict.UNKNOWN, LinkVerdict.EXPIRED}:
        return "This call is too old to be answered. Open Tailwatch."
    incident = link.page.incident
    actor = permissions.holder(link.user, incident.organisation)
    try:
        if key == "1":
            response.acknowledge(incident=incident, actor=actor, now=now, through="a phone call")
            return f"Acknowledged. Nobody else is called for {incident.name}."
        if key == "2":
            told = pass_on(incident=incident, actor=actor, now=now)
            return "Passed on. The next person is called now." if told else "There is nobody left to pass it on to."
    except (permissions.NotAllowed, Refused) as reason:
        return str(reason)
    return f"The key {key or 'that you pressed'} means nothing here."


def reported(*, page: Page, vendor_key: str, status: str, now: datetime) -> bool:
    """A carrier says what became of a page: where it reached nobody the next person is told. True: something followed."""
    reason = NOT_REACHED.get(status)
    if reason is None or (page.vendor_key and vendor_key != page.vendor_key):
        return False  # it is on its way, has arrived, or an older try is meant
    told = Page.objects.filter(endpoint=page.endpoint_id, vendor_key=page.vendor_key, state=Page.State.SENT)
    together = list(told.order_by("incident", "pk")) if page.vendor_key else [page]
    followed = [outbox.not_reached(page=one, reason=reason, now=now) for one in together]
    return any(followed)


def answered_at_vendor(*, organisation: Organisation, answer: Answer, vendor: str, now: datetime) -> bool:
    """Somebody acknowledged or resolved our incident at a vendor; True: that changed it.

    As the person of that e-mail address where there is one who may, else as the vendor. By time, not by arrival: what was
    answered before the incident was last opened, reopened or given up is no answer to it.
    """
    number = answer.dedup_key.removeprefix(f"tailwatch-{organisation.slug}-INC-")
    if not number.isdecimal() or len(number) > 9:
        return False  # of another Tailwatch, or of another organisation of this one
    incident = Incident.objects.filter(organisation=organisation, number=int(number)).first()
    if incident is None:
        return False
    begins = [TimelineKind.OPENED, TimelineKind.REOPENED, TimelineKind.ACK_EXPIRED]
    if incident.timeline.filter(kind__in=begins, at__gt=answer.at).exists():
        return False
    verb = Verb.ACKNOWLEDGE if answer.action == "acknowledge" else Verb.RESOLVE
    known = User.objects.filter(email__iexact=answer.email, is_active=True, memberships__organisation=organisation)
    person = known.distinct().first() if answer.email else None
    actor = permissions.system(organisation, name=vendor)
    if person is not None and permissions.allowed(permissions.of(person, organisation), verb, incident):
        actor = permissions.holder(person, organisation)
    by = f"{vendor}, by {answer.name}" if answer.name and actor.user_id is None else vendor
    before = incident.state
    try:
        if verb is Verb.ACKNOWLEDGE:
            incident = response.acknowledge(incident=incident, actor=actor, now=now, through=by[:200])
        else:
            incident = response.resolve(incident=incident, actor=actor, now=now, reason=f"by hand, through {by}"[:64])
    except Refused:
        return False  # it is resolved: there is nothing left to acknowledge
    return incident.state != before


def resend(*, page: Page, actor: Actor, now: datetime) -> Page:
    """Send a page that was given up once more, with a fresh hour to succeed in. Raises Refused where there is no need."""
    with transaction.atomic():
        incident = Incident.objects.select_for_update(no_key=True).get(pk=page.incident_id)
        rows = Page.objects.select_for_update(no_key=True, of=("self",)).select_related("endpoint")
        page = rows.defer("endpoint__secret").get(pk=page.pk)
        permissions.require(actor, Verb.ACKNOWLEDGE, page)
        if page.state != Page.State.FAILED:
            raise Refused(
                f"This page is {page.get_state_display().lower()}; only one that was not delivered is sent again."
            )
        if outbox.is_stale(page=page, state=incident.state):
            raise Refused(f"{incident.name} is {incident.state}: nobody needs this page any more.")
        if not page.endpoint.ready:
            raise Refused(f"{page.endpoint.name} is switched off, or its number has not been verified.")
        page.state, page.closed_reason, page.lease_until = Page.State.PENDING, "", None
        page.due_at, page.give_up_at = now, now + retry.GIVE_UP_AFTER
        page.save(update_fields=["state", "closed_reason", "lease_until", "due_at", "give_up_at"])
        audit.record(actor=actor, verb="resend_page", obj=page, now=now, payload={"incident": incident.number})
    return page


def pass_on(*, incident: Incident, actor: Actor, now: datetime) -> bool:
    """Whoever was told cannot take it: the next person is told now. False where there is no next one."""
    with transaction.atomic():
        incident = (
            Incident.objects.select_for_update(no_key=True, of=("self",))
            .select_related("organisation")
            .get(pk=incident.pk)
        )
        permissions.require(actor, Verb.ACKNOWLEDGE, incident)
        ahead = incident.escalation_steps.filter(run=incident.escalation_run, state=EscalationStep.State.PENDING)
        if incident.state != State.OPEN or not ahead.update(due_at=now, reason=EscalationReason.PASSED_ON):
            return False
        theirs = incident.pages.filter(state=Page.State.PENDING, user=actor.user_id, step__isnull=False)
        theirs.update(state=Page.State.CANCELLED, closed_reason=f"passed on by {actor.name}", lease_until=None)
        payload = {"text": "Passed on: the next person is told now"}
        TimelineEntry.objects.write(incident=incident, kind=TimelineKind.NOTE, at=now, actor=actor, payload=payload)
        audit.record(actor=actor, verb="pass_on", obj=incident, now=now)
    return True


def _slack_person(organisation: Organisation, member: str) -> User | None:
    known = PagerEndpoint.objects.filter(
        organisation=organisation, kind=PagerEndpoint.Kind.SLACK, address=member, user__is_active=True
    )
    endpoint = known.exclude(address="").select_related("user").defer("secret").first()
    return endpoint.user if endpoint is not None else None
