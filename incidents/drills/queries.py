"""Which incidents belong to a drill, whom its messages may reach, and how drills went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from incidents.drills import score as scores
from incidents.drills.models import Drill, DrillPerson
from incidents.paging.escalation import Policy, Step, Target, TargetKind
from incidents.paging.models import DemoMessage
from incidents.response.models import Incident, IncidentQuerySet
from observability.core import questions
from observability.core.models import Organisation
from sloengine.catalog.models import Service

#: What opens so long after the fault has ended is still its echo.
LINGERS = timedelta(minutes=10)
ASKED_AGAIN_SECONDS = 120
ROUNDS = 10
HISTORY = 500


def covers(*, organisation_id: int, service: Service | None, now: datetime) -> bool:
    """Whether what opens now for this service belongs to a drill: the service is simulated, and one runs or has just ended."""
    if service is None or not service.simulated:
        return False
    echoes = Q(stopped_at__gt=now - LINGERS)
    return Drill.objects.filter(
        ~Q(state=Drill.State.OVER) | echoes, organisation=organisation_id, started_at__lte=now
    ).exists()


def running(*, organisation: Organisation) -> Drill | None:
    """The drill that is not over yet; there is one at most."""
    return Drill.objects.filter(organisation=organisation).exclude(state=Drill.State.OVER).first()


def of_incident(*, incident: Incident) -> Drill | None:
    """The drill that an incident belongs to."""
    if not incident.drill:
        return None
    began = Drill.objects.filter(organisation=incident.organisation_id, started_at__lte=incident.opened_at)
    return began.order_by("-started_at", "-pk").first()


def participants(*, incident: Incident) -> set[int]:
    """The ids of the people whom messages of a drill's incident may reach: nobody, where no drill is known of."""
    drill = of_incident(incident=incident)
    return set(drill.participations.values_list("user", flat=True)) if drill is not None else set()


def policy(*, incident: Incident) -> Policy:
    """Everyone who takes part, at once, and again every two minutes: no rota, no team, no fallback."""
    drill = of_incident(incident=incident)
    people = drill.participations.select_related("user") if drill is not None else DrillPerson.objects.none()
    targets = tuple(Target(TargetKind.USER, one.user_id, str(one.user)) for one in people)
    steps = (Step(targets=targets, after_seconds=ASKED_AGAIN_SECONDS),) if targets else ()
    return Policy(name="Drill", steps=steps, repeats=ROUNDS, sev1_answer_seconds=None)


def incidents(*, drill: Drill) -> IncidentQuerySet:
    """What opened because of it, the first one first."""
    until = (drill.stopped_at or drill.ends_at) + LINGERS
    rows = Incident.objects.filter(
        organisation=drill.organisation_id, drill=True, opened_at__gte=drill.started_at, opened_at__lte=until
    )
    return rows.order_by("opened_at", "pk")


def inbox(*, drill: Drill) -> QuerySet[DemoMessage]:
    """What the people who take part were sent."""
    until = (drill.finished_at or drill.ends_at + LINGERS) + LINGERS
    mine = DemoMessage.objects.filter(organisation=drill.organisation_id, endpoint__drill=True)
    return mine.filter(
        endpoint__user__in=drill.participations.values("user"), received_at__gte=drill.started_at, received_at__lt=until
    )


#: Whether a drill is to be looked at that nobody holds.
ANY_DUE = questions.due(Drill, also="state <> 'over' AND (lease_until IS NULL OR lease_until <= %(now)s)")


def drills(*, organisation: Organisation) -> QuerySet[Drill]:
    """All drills, newest first, with what a list shows."""
    rows = Drill.objects.filter(organisation=organisation).select_related("started_by", "incident")
    return rows.prefetch_related("people").order_by("-number")


def drill(*, organisation: Organisation, number: int) -> Drill | None:
    return drills(organisation=organisation).filter(number=number).first()


def history(*, organisation: Organisation) -> Sequence[scores.Record]:
    """Each person with each fault they met, best and median: the last 500 drills."""
    over = drills(organisation=organisation).filter(state=Drill.State.OVER).exclude(score={})[:HISTORY]
    return scores.history(
        scores.Attempt(str(person), one.title, one.started_at, scores.from_json(one.score))
        for one in over
        for person in one.people.all()
    )
