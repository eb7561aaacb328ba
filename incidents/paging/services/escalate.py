"""Take the steps of an escalation, each in the transaction that decides it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from incidents.oncall.models import PolicyStep
from incidents.oncall.queries import people_of, policy_of
from incidents.oncall.queries.policies import Told
from incidents.paging import escalation, queries, retry
from incidents.paging.escalation import Action, EscalationReason, History, Next, Policy, Step, TargetKind
from incidents.paging.models import Acknowledgement, EscalationStep, Page, PagerEndpoint
from incidents.paging.rules import queries as rules
from incidents.paging.services.pages import cancel, write_pages
from incidents.response.lifecycle import State
from incidents.response.models import Incident, TimelineEntry
from incidents.response.timeline import TimelineKind
from observability.core import claims, questions, words

log = logging.getLogger(__name__)

STEP_LEASE = timedelta(seconds=60)
STEPS_AT_ONCE = 50


def begin(*, incident: Incident, now: datetime) -> None:
    """Start telling people: snapshot the policy into the incident and take the first step. Needs the incident locked."""
    outside = queries.escalates_outside(incident=incident)
    policy = {"outside": outside.name} if outside is not None else escalation.snapshot(policy_of(incident=incident))
    incident.escalation = policy
    incident.escalation_run += 1
    incident.save(update_fields=["escalation", "escalation_run"])
    _tell_rooms(incident, outside, now)
    if outside is None:
        advance(incident=incident, now=now)


def _tell_rooms(incident: Incident, outside: PagerEndpoint | None, now: datetime) -> None:
    """Rooms and vendors' services hear of it as it begins, whoever is on call; of those that escalate only who does now."""
    rooms = queries.rooms(incident=incident).defer("secret")
    write_pages(
        incident=incident,
        endpoints=[room for room in rooms if not room.escalates or room == outside],
        kind=Page.Kind.OPENED,
        reason="everyone there hears it",
        decision=f"run {incident.escalation_run} rooms",
        now=now,
    )


def advance(*, incident: Incident, now: datetime) -> None:
    """Take every step that is due and leave the next one as a row with its due time. Needs the incident locked."""
    policy = escalation.from_snapshot(incident.escalation)
    in_vain = queries.last_in_vain(incident=incident)
    while True:
        following = escalation.next_step(
            policy=policy, history=_history(incident, in_vain), severity=incident.severity, now=now
        )
        if following.action is Action.STOP or following.step is None or following.due_at is None:
            if following.reason in {EscalationReason.NOBODY, EscalationReason.EXHAUSTED}:
                _note_the_end(incident, following.reason, now)
            return
        row = _row(incident, following, following.step, now)
        if following.action is Action.WAIT:
            return
        if following.action is Action.SKIP:
            _skip(incident, row, following.reason.value, now)
            in_vain = True
            continue
        in_vain = not _take(incident=incident, row=row, step=following.step, policy=policy, now=now)


def raised(*, incident: Incident, now: datetime) -> None:
    """The severity rose: tell those who were told before. Needs the incident locked.

    Where nobody was told, or everybody was and nobody answered, begin: steps and rules of the new severity count then.
    """
    if incident.state == State.OPEN:
        if not incident.escalation_run or _at_its_end(incident):
            cancel(incident=incident, reason=f"told anew as SEV{incident.severity}", now=now)
            begin(incident=incident, now=now)
            return
        _ring_as_severe(incident, now)
    # Pages that are due are written when they leave: they carry the new severity without being told.
    told = queries.told(incident=incident)
    reason = f"raised to SEV{incident.severity}"
    decision = f"{reason} at {now.isoformat(timespec='milliseconds')}"
    write_pages(incident=incident, endpoints=told, kind=Page.Kind.RAISED, reason=reason, decision=decision, now=now)


def _at_its_end(incident: Incident) -> bool:
    ahead = incident.escalation_steps.filter(run=incident.escalation_run, state=EscalationStep.State.PENDING)
    return not incident.escalation.get("outside") and not ahead.exists() and queries.at_its_end(incident=incident)


def _ring_as_severe(incident: Incident, now: datetime) -> None:
    """What waits for the end of quiet hours, or for a rule, rings when the new severity says; pagers that it adds ring too."""
    mine = incident.pages.filter(step__run=incident.escalation_run)
    people = set(mine.values_list("user", flat=True)) - {None}
    endpoints = list(queries.pagers(incident=incident, users=people).defer("secret"))
    due = rules.due(incident=incident, endpoints=endpoints, now=now)
    waiting: dict[int, list[Page]] = {}
    for page in mine.filter(state=Page.State.PENDING, due_at__gt=now, attempts=0).order_by("due_at", "pk"):
        waiting.setdefault(page.endpoint_id, []).append(page)
    for endpoint_id, pages in waiting.items():
        for page, at in zip(pages, due.get(endpoint_id, ()), strict=False):
            if at < page.due_at:
                page.due_at, page.give_up_at = at, at + retry.GIVE_UP_AFTER
                page.save(update_fields=["due_at", "give_up_at"])
    known = set(mine.values_list("endpoint", flat=True))
    write_pages(
        incident=incident,
        endpoints=[endpoint for endpoint in endpoints if endpoint.pk not in known],
        kind=Page.Kind.RAISED,
        reason=f"raised to SEV{incident.severity}",
        decision=f"rings as SEV{incident.severity} in run {incident.escalation_run}",
        now=now,
        due=due,
    )


@questions.first(queries.ANY_STEP_DUE)
def escalate_due(*, now: datetime) -> int:
    """Take the escalation steps that are due; how many were."""
    pending = EscalationStep.objects.filter(state=EscalationStep.State.PENDING)
    claimed = claims.claim(pending, now=now, lease=STEP_LEASE, limit=STEPS_AT_ONCE)
    claims.each(claimed, lambda step: _take_due(step, now), failed="%s could not be taken")
    return len(claimed)


def _take_due(step: EscalationStep, now: datetime) -> None:
    with transaction.atomic():
        incident = Incident.objects.select_for_update(no_key=True).get(pk=step.incident_id)
        if incident.state == State.OPEN and incident.escalation_run == step.run:
            advance(incident=incident, now=now)
        else:
            cancel(incident=incident, reason=incident.state, now=now)


def _row(incident: Incident, following: Next, step: Step, now: datetime) -> EscalationStep:
    users = [target.id for target in step.targets if target.kind is TargetKind.USER]
    only = users[0] if len(users) == len(step.targets) == 1 else None
    # The policy is a snapshot: who is in it may have been deleted since.
    decided = {
        "user_id": queries.existing_user(only),
        "label": step.label[:200],
        "reason": following.reason.value,
        "due_at": following.due_at,
    }
    row, _ = EscalationStep.objects.update_or_create(
        incident=incident,
        run=incident.escalation_run,
        number=following.number,
        defaults=decided,
        create_defaults={**decided, "organisation_id": incident.organisation_id, "created_at": now},
    )
    return row


def _skip(incident: Incident, row: EscalationStep, why: str, now: datetime) -> None:
    """Nobody is waited for: the step is closed with its reason, which the timeline says too."""
    row.state, row.done_at, row.reason = EscalationStep.State.SKIPPED, now, why[:64]
    row.save(update_fields=["state", "done_at", "reason"])
    if row.number > len(escalation.from_snapshot(incident.escalation).steps):
        return  # said in the first round
    payload = {"text": f"Step {row.number} ({row.label}) was skipped: {why}"}
    TimelineEntry.objects.write(incident=incident, kind=TimelineKind.NOTE, at=now, payload=payload)


def _take(*, incident: Incident, row: EscalationStep, step: Step, policy: Policy, now: datetime) -> bool:
    """Tell the step's people now; False where nobody can be, which the timeline then says."""
    told = _people(incident, row, step, now)
    if not told:
        _skip(incident, row, "nobody is on call there", now)
        return False
    row.state, row.done_at = EscalationStep.State.DONE, now
    row.user_id = told[0].user.pk if len(told) == 1 else None
    row.save(update_fields=["state", "done_at", "user"])
    if row.number > 1:
        names = words.listed([str(one.user) for one in told])
        payload = {"user": names, "reason": row.reason}
        TimelineEntry.objects.write(incident=incident, kind=TimelineKind.ESCALATED, at=now, payload=payload)
    found = queries.pagers(incident=incident, users=[one.user.pk for one in told]).defer("secret")
    endpoints = list(found)
    _note_unreachable(incident, row, told, endpoints, policy, now)
    due = rules.due(incident=incident, endpoints=endpoints, now=now)
    for one in told:
        write_pages(
            incident=incident,
            endpoints=[endpoint for endpoint in endpoints if endpoint.user_id == one.user.pk],
            kind=Page.Kind.OPENED if row.number == 1 else Page.Kind.ESCALATED,
            reason=f"{row.reason}, {one.because}" if one.because else row.reason,
            decision=f"run {row.run} step {row.number}",
            now=now,
            step=row,
            due=due,
        )
    return bool(endpoints)


def _people(incident: Incident, row: EscalationStep, step: Step, now: datetime) -> Sequence[Told]:
    """Whom the step tells at this instant: who has answered already is not asked again."""
    told = people_of(organisation=incident.organisation, targets=step.targets, at=now)
    answered = set(Acknowledgement.objects.filter(incident=incident, run=row.run).values_list("user", flat=True))
    told = [one for one in told if one.user.pk not in answered]
    lead = [one for one in told if not one.beside]
    lead = list(escalation.in_turn(lead, _turn(incident, step))) if step.round_robin else lead
    chosen = {one.user.pk for one in lead}
    return [*lead, *(one for one in told if one.beside & chosen)]


def _turn(incident: Incident, step: Step) -> int:
    """The step's next turn, counted under its row's lock; of a step that an edit has taken away, the incident's number."""
    rows = PolicyStep.objects.filter(pk=step.row_id or 0)
    if not rows.update(turns_taken=F("turns_taken") + 1):
        return incident.number
    return int(rows.values_list("turns_taken", flat=True).get()) - 1


def _note_unreachable(
    incident: Incident,
    row: EscalationStep,
    told: Sequence[Told],
    endpoints: Sequence[PagerEndpoint],
    policy: Policy,
    now: datetime,
) -> None:
    """Who has no pager is named, once a run."""
    reached = {endpoint.user_id for endpoint in endpoints}
    if row.number > max(len(policy.steps), 1) and row.number <= policy.rounds:
        return
    for one in told:
        if one.user.pk not in reached:
            TimelineEntry.objects.write(
                incident=incident,
                kind=TimelineKind.DELIVERY_FAILED,
                at=now,
                payload={"user": str(one.user), "reason": "this person has no pager"},
            )


def _history(incident: Incident, in_vain: bool) -> History:
    taken = incident.escalation_steps.filter(
        run=incident.escalation_run, state__in=[EscalationStep.State.DONE, EscalationStep.State.SKIPPED]
    )
    return History(
        taken_at=[at for at in taken.order_by("number").values_list("done_at", flat=True) if at is not None],
        answered=incident.state in {State.ACKNOWLEDGED, State.MITIGATED},
        resolved=incident.state == State.RESOLVED,
        last_in_vain=in_vain,
        passed_on=incident.escalation_steps.filter(
            run=incident.escalation_run, state=EscalationStep.State.PENDING, reason=EscalationReason.PASSED_ON
        ).exists(),
    )


def _note_the_end(incident: Incident, reason: EscalationReason, now: datetime) -> None:
    log.error("%s: %s, escalation ends", incident.name, reason)
    TimelineEntry.objects.write(
        incident=incident, kind=TimelineKind.DELIVERY_FAILED, at=now, payload={"user": None, "reason": reason.value}
    )
