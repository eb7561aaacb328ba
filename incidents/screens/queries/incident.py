"""The incident page in one go: facts, decision path, evidence, runbook, pages, timeline, what was like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils.dateparse import parse_datetime

from incidents.learning.models import Postmortem
from incidents.oncall.queries import policy_of
from incidents.paging.models import Delivery, EscalationStep, Page
from incidents.response import tree_svg
from incidents.response.lifecycle import State
from incidents.response.models import Incident, TimelineEntry
from incidents.response.timeline import TimelineKind
from incidents.screens import board, sheet
from incidents.screens.queries import evidence
from incidents.screens.queries.costs import burnt
from incidents.screens.queries.lists import IncidentRow, incident_rows, leaf_title
from incidents.screens.queries.now import watch_of
from incidents.screens.queries.runbooks import Checklist, checklist
from observability.core.permissions import Actor, Verb, allowed
from sloengine.budgets.queries import bad_events, statuses

HOT = {
    TimelineKind.OPENED,
    TimelineKind.PAGED,
    TimelineKind.SEVERITY_CHANGED,
    TimelineKind.DELIVERY_FAILED,
    TimelineKind.ESCALATED,
    TimelineKind.REOPENED,
}
TOLD = [Page.Kind.OPENED, Page.Kind.ESCALATED, Page.Kind.RAISED]
SIMILAR = 5
ENTRIES = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline."""

    at: datetime
    by: str
    sentence: str
    hot: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything the incident page says."""

    incident: Incident
    standing: board.Standing
    leaf_title: str
    facts: tuple[sheet.Fact, ...]
    moves: tuple[sheet.MoveButton, ...]
    paging: tuple[sheet.Said, ...]
    diagnosis: Mapping[str, Any]
    decided_at: datetime | None
    because: str
    tree: str
    whole: str
    steps: tuple[tree_svg.Step, ...]
    untaken: tuple[tree_svg.Step, ...]
    rivals: tuple[Mapping[str, Any], ...]
    first_action: str
    refuted_by: str
    charts: str
    runbook: Checklist | None
    watch: board.Watch | None
    pages: tuple[Page, ...]
    timeline: tuple[Entry, ...]
    similar: tuple[IncidentRow, ...]
    similar_said: str
    postmortem: Postmortem | None
    #: How many alerts it holds, and how many of them fire.
    alerts: int
    firing: int


def load(*, incident: Incident, actor: Actor, now: datetime, part: str = "") -> Sheet:
    """The page of `incident` as `actor` sees it at `now`; of a part (top, why, runbook, evidence, side) only what that part shows."""
    top, why, proof, side, book = (part in {"", name} for name in ("top", "why", "evidence", "side", "runbook"))
    diagnosis: Mapping[str, Any] = incident.diagnosis if isinstance(incident.diagnosis, dict) else {}
    leaf: Mapping[str, Any] = next((leaf for leaf in diagnosis.get("leaves", ()) if leaf.get("on_path")), {})
    pages = tuple(_pages(incident))
    similar = incident_rows(_similar(incident)) if side else ()
    may = frozenset(verb.value for verb in Verb if allowed(actor, verb, incident))
    if incident.merged_into_id is not None:
        may -= {Verb.REOPEN.value}  # it goes on as part of another
    policy = policy_of(incident=incident)
    alerts = list(incident.alerts.all()) if side else []
    return Sheet(
        incident=incident,
        standing=sheet.standing(severity=incident.severity, state=State(incident.state)),
        leaf_title=leaf_title(incident),
        facts=sheet.facts(moments=_moments(incident), harm=_harm(incident, now) if top else None),
        moves=sheet.buttons(
            state=State(incident.state),
            may=may,
            blast=incident.service.name if incident.service else "it",
            commands=incident.commander_id == actor.user_id,
        ),
        paging=_paging_said(incident, pages),
        diagnosis=diagnosis,
        because=str(diagnosis.get("headline") or incident.headline),
        decided_at=parse_datetime(str(diagnosis["decided_at"])) if diagnosis.get("decided_at") else None,
        tree=tree_svg.draw(diagnosis, near=True) if why else "",
        whole=tree_svg.draw(diagnosis) if why else "",
        steps=tree_svg.steps(diagnosis),
        untaken=tree_svg.untaken(diagnosis),
        rivals=tuple(diagnosis.get("rivals") or ()),
        first_action=str(leaf.get("first_action") or ""),
        refuted_by=str(leaf.get("refuted_by") or ""),
        charts=evidence.charts_of(incident=incident, now=now) if proof else "",
        runbook=checklist(incident=incident, now=now) if book else None,
        watch=watch_of(policy.name, [step.label for step in policy.steps]),
        pages=pages,
        timeline=_timeline(incident) if side else (),
        similar=similar,
        similar_said=_similar_said(similar),
        postmortem=Postmortem.objects.filter(incident=incident).first(),
        alerts=len(alerts),
        firing=sum(alert.state == "firing" for alert in alerts),
    )


def _moments(incident: Incident) -> sheet.Moments:
    times = incident.times
    return sheet.Moments(
        impact_started_at=incident.impact_started_at,
        opened_at=incident.opened_at,
        detected_at=incident.detected_at,
        acknowledged_at=incident.acknowledged_at,
        acknowledged_by=str(incident.acknowledged_by) if incident.acknowledged_by else "",
        mitigated_at=incident.mitigated_at,
        resolved_at=incident.resolved_at,
        to_detect=times.to_detect,
        to_acknowledge=times.to_acknowledge,
        to_mitigate=times.to_mitigate,
        to_resolve=times.to_resolve,
    )


def _harm(incident: Incident, now: datetime) -> sheet.Harm | None:
    """Bad events since the impact began, and the budget left, of the objective that burned first and worst."""
    objectives = burnt(incident)
    if not objectives:
        return None
    burns = [alert for alert in incident.alerts.all() if alert.kind == "burn"]
    alert = min(burns, key=lambda alert: (alert.urgency, alert.starts_at), default=None)
    first = alert.annotations.get("objective") if alert is not None else None
    objective = next((one for one in objectives if one.slug == first), objectives[0])
    end = incident.mitigated_at or incident.resolved_at or now
    (status,) = statuses(objectives=[objective], now=incident.resolved_at or now)
    bad, total = bad_events(
        objective=objective, start=min(incident.impact_started_at or incident.opened_at, end), end=end
    )
    return sheet.Harm(
        bad=bad if total else None,
        total=total or None,
        budget_left=status.remaining_ratio,
        objective=objective.title,
        exhausted_in=status.exhausted_in if incident.is_open else None,
    )


def _pages(incident: Incident) -> QuerySet[Page]:
    tries = Prefetch("deliveries", Delivery.objects.order_by("attempt", "pk"))
    return (
        incident.pages.select_related("endpoint", "endpoint__user")
        .prefetch_related(tries)
        .order_by("-created_at", "-pk")
    )


def _paging_said(incident: Incident, pages: tuple[Page, ...]) -> tuple[sheet.Said, ...]:
    told = [page for page in pages if page.kind in TOLD]
    step = (
        incident.escalation_steps.filter(state=EscalationStep.State.PENDING)
        .select_related("user")
        .order_by("due_at")
        .first()
    )
    return sheet.paging_said(
        sent=[(page.endpoint.recipient, page.sent_at) for page in told if page.sent_at is not None],
        failed=sum(page.state == Page.State.FAILED for page in told),
        pending=sum(page.state == Page.State.PENDING for page in told),
        next_step=(str(step.user or step.label), step.due_at) if step is not None else None,
        state=State(incident.state),
    )


def _timeline(incident: Incident) -> tuple[Entry, ...]:
    entries = TimelineEntry.objects.filter(incident=incident).order_by("-at", "-pk")[:ENTRIES]
    return tuple(
        Entry(entry.at, "" if entry.actor_kind == "system" else entry.actor, entry.sentence, entry.kind in HOT)
        for entry in entries
    )


def _similar(incident: Incident) -> QuerySet[Incident]:
    found = Incident.objects.filter(
        organisation=incident.organisation, leaf=incident.leaf, opened_at__lt=incident.opened_at
    )
    return found.exclude(pk=incident.pk).exclude(leaf="").in_a_row().order_by("-opened_at", "-pk")[:SIMILAR]


def _similar_said(similar: tuple[IncidentRow, ...]) -> str:
    fixed = sorted(row.to_mitigate for row in similar if row.to_mitigate is not None)
    times = {1: "Once", 2: "Twice"}.get(len(similar), f"{len(similar)} times")
    if not fixed:
        return f"{times}, never marked as mitigated."
    if len(fixed) == 1:
        return f"{times}, mitigated in {round(fixed[0] / 60)} min."
    return f"{times}; the middle one was mitigated in {round(fixed[len(fixed) // 2] / 60)} min."
