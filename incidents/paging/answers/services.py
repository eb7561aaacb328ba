"""Answers that come from outside the web pages, each as the person whose pager it was, through the channel it came by."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from incidents.paging import retry
from incidents.paging import services as paging
from incidents.paging.escalation import EscalationReason
from incidents.paging.models import EscalationStep, Page, PagerEndpoint
from incidents.paging.pagers import outbox
from incidents.paging.services import LinkVerdict
from incidents.response import services as response
from incidents.response.lifecycle import State
from incidents.response.models import Incident, TimelineEntry
from incidents.response.timeline import TimelineKind
from observability.core import audit, permissions
from observability.core.models import Organisation, User
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused

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
    return outbox.not_reached(page=page, reason=reason, now=now)


def resend(*, page: Page, actor: Actor, now: datetime) -> Page:
    """Send a page that was given up once more, with a fresh hour to succeed in. Raises Refused where there is no need."""
    with transaction.atomic():
        incident = Incident.objects.select_for_update(no_key=True).get(pk=page.incident_id)
        page = Page.objects.select_for_update(no_key=True, of=("self",)).get(pk=page.pk)
        permissions.require(actor, Verb.ACKNOWLEDGE, page)
        if page.state != Page.State.FAILED:
            raise Refused(
                f"This page is {page.get_state_display().lower()}; only one that was not delivered is sent again."
            )
        if incident.state == State.RESOLVED and page.kind != Page.Kind.RESOLVED:
            raise Refused(f"{incident.name} is resolved: nobody needs this page any more.")
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
        payload = {"user": None, "reason": f"passed on by {actor.name}"}
        TimelineEntry.objects.write(
            incident=incident, kind=TimelineKind.ESCALATED, at=now, actor=actor, payload=payload
        )
        audit.record(actor=actor, verb="pass_on", obj=incident, now=now)
    return True


def _slack_person(organisation: Organisation, member: str) -> User | None:
    known = PagerEndpoint.objects.filter(
        organisation=organisation, kind=PagerEndpoint.Kind.SLACK, address=member, user__is_active=True
    )
    endpoint = known.exclude(address="").select_related("user").defer("secret").first()
    return endpoint.user if endpoint is not None else None
