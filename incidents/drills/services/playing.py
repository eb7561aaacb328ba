"""Begin a drill, take part, end it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

import httpx
from django.db import IntegrityError, transaction
from django.db.models import Max

from incidents.alerts.grouping import REOPEN_WITHIN
from incidents.drills import queries
from incidents.drills.models import Drill, DrillPerson
from incidents.drills.services.driving import FLEET_ENDS_LATER, LOOK_EVERY, stop
from incidents.drills.services.fleet import Breakable, DrillRefused, faults, say
from incidents.paging import services as paging
from incidents.response.models import Incident
from observability.core import audit, permissions
from observability.core.models import Organisation, User
from observability.core.permissions import Actor, Verb
from sloengine.catalog.models import Service

SHORTEST, LONGEST = timedelta(minutes=5), timedelta(hours=2)
MOST_PEOPLE = 50


def start(
    *,
    organisation: Organisation,
    people: Sequence[User],
    actor: Actor,
    now: datetime,
    fault: str = "",
    lasts: timedelta = timedelta(minutes=30),
    transport: httpx.BaseTransport | None = None,
) -> Drill:
    """Break one thing for these people; without a name it is drawn by lot and told when it is over."""
    permissions.require(actor, Verb.START_FAULT, organisation)
    if not SHORTEST <= lasts <= LONGEST:
        raise DrillRefused("A drill lasts from 5 minutes to 2 hours.")
    _check_people(organisation, people)
    chosen = _chosen(organisation, fault, faults(transport=transport))
    _check_quiet(organisation, now)
    made = _write(organisation, people, chosen, not fault, actor, now, lasts)
    try:
        say("DELETE", None, transport)  # one cause, one incident
        seconds = (lasts + FLEET_ENDS_LATER).total_seconds()
        say("POST", {"fault": chosen.name, "action": "start", "seconds": seconds}, transport)
    except DrillRefused as reason:
        stop(made, f"the fault did not start: {reason}", now, transport)
        raise
    return made


def _check_people(organisation: Organisation, people: Sequence[User]) -> None:
    members = set(
        organisation.memberships.filter(user__in=[one.pk for one in people], user__is_active=True).values_list(
            "user", flat=True
        )
    )
    strangers = [str(one) for one in people if one.pk not in members]
    if strangers:
        raise DrillRefused(f"{strangers[0]} does not belong to {organisation}.")
    if not 0 < len({one.pk for one in people}) <= MOST_PEOPLE:
        raise DrillRefused(f"Who takes part? A drill has 1 to {MOST_PEOPLE} people.")


def _chosen(organisation: Organisation, fault: str, offered: Sequence[Breakable]) -> Breakable:
    simulated = set(Service.objects.filter(organisation=organisation, simulated=True).values_list("slug", flat=True))
    playable = [one for one in offered if one.service in simulated]
    if not playable:
        raise DrillRefused("The fleet offers no fault of a simulated service that is known here.")
    found = [one for one in playable if one.name == fault] if fault else [secrets.choice(playable)]
    if not found:
        raise DrillRefused(f"There is no fault {fault!r}; there are {', '.join(one.name for one in playable)}.")
    return found[0]


def _check_quiet(organisation: Organisation, now: datetime) -> None:
    """What the fault fires must open an incident of its own: not join one that is real, nor open one again."""
    rows = Incident.objects.filter(organisation=organisation, service__simulated=True)
    open_one = rows.unresolved().order_by("pk").first()
    if open_one is not None:
        raise DrillRefused(f"{open_one.name} is open for a simulated service; a drill would join it. Resolve it first.")
    lately = rows.filter(drill=False, resolved_at__gt=now - REOPEN_WITHIN).order_by("-resolved_at").first()
    if lately is not None and lately.resolved_at is not None:
        again = lately.resolved_at + REOPEN_WITHIN
        raise DrillRefused(f"{lately.name} has just ended and would open again; start after {again:%H:%M:%S} UTC.")


def _write(
    organisation: Organisation,
    people: Sequence[User],
    chosen: Breakable,
    surprise: bool,
    actor: Actor,
    now: datetime,
    lasts: timedelta,
) -> Drill:
    """The row before the fault: whatever dies from here on, the fault is stopped when the row is due."""
    with transaction.atomic():
        Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
        if queries.running(organisation=organisation) is not None:
            raise DrillRefused("A drill runs already; end it first.")
        last = Drill.objects.filter(organisation=organisation).aggregate(last=Max("number"))["last"] or 0
        try:
            with transaction.atomic():
                made = Drill.objects.create(
                    organisation=organisation,
                    number=last + 1,
                    fault=chosen.name,
                    title=chosen.title,
                    service=chosen.service,
                    expected_leaf=chosen.expected_leaf,
                    surprise=surprise,
                    started_at=now,
                    started_by_id=actor.user_id,
                    ends_at=now + lasts,
                    due_at=now + LOOK_EVERY,
                )
        except IntegrityError as error:
            raise DrillRefused("A drill runs already; end it first.") from error
        for person in people:
            _seat(made, person, now)
        payload = {"drill": made.number, "fault": made.fault, "drawn": surprise, "people": [str(one) for one in people]}
        audit.record(actor=actor, verb="start_drill", obj=made, now=now, payload=payload)
    return made


def join(*, drill: Drill, actor: Actor, now: datetime) -> Drill:
    """Take part from now on."""
    permissions.require(actor, Verb.ACKNOWLEDGE, drill)
    person = User.objects.filter(pk=actor.user_id or 0).first()
    if person is None or drill.is_over:
        raise DrillRefused("Only people take part, and only while it runs.")
    with transaction.atomic():
        _seat(drill, person, now)
        audit.record(actor=actor, verb="join_drill", obj=drill, now=now, payload={"drill": drill.number})
    return drill


def _seat(drill: Drill, person: User, now: datetime) -> None:
    system = permissions.system(drill.organisation, "drill")
    paging.add_drill_inbox(organisation=drill.organisation, user=person, actor=system, now=now)
    DrillPerson.objects.get_or_create(drill=drill, user=person, defaults={"joined_at": now})


def end(*, drill: Drill, actor: Actor, now: datetime, transport: httpx.BaseTransport | None = None) -> Drill:
    """Stop the fault now. Where the fleet does not answer it is told again until it does."""
    permissions.require(actor, Verb.START_FAULT, drill)
    if drill.state != Drill.State.RUNNING:
        return drill
    audit.record(actor=actor, verb="end_drill", obj=drill, now=now, payload={"drill": drill.number})
    return stop(drill, f"ended by {actor.name}", now, transport)
