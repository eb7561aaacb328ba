"""The switch and the document in force, what is known of an incident's situation, and runs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from incidents.actions import offer
from incidents.actions.course import IN_FORCE, State
from incidents.actions.document import Binding, Document, load
from incidents.actions.guards import Situation, advise
from incidents.actions.models import ActionDocument, ActionRun, ActionSwitch
from incidents.actions.offer import Fleet, Offers, ReplicaSeen
from incidents.actions.permits import Facts, History
from incidents.diagnosis import queries as diagnosis
from incidents.diagnosis.answers import ServiceSignals
from incidents.diagnosis.queries import ServiceView
from incidents.diagnosis.replay import from_json
from incidents.diagnosis.speed import SPEED
from incidents.diagnosis.view import When
from incidents.response.models import Incident
from observability.core import questions
from observability.core.models import Organisation
from sloengine.budgets.models import Finding, FindingKind, FindingState
from sloengine.budgets.policies.queries import policies
from sloengine.budgets.policy import advise_traffic
from sloengine.catalog.models import Service
from sloengine.objectives.models import Objective
from sloengine.rollups import queries as rollups

EIGHT_BIT = re.compile(r"int8|fp8|w8a8|8bit|8-bit", re.IGNORECASE)
UP_SHARE = 0.5


def switch(*, organisation_id: int) -> ActionSwitch:
    """Off where nobody has turned it on."""
    found = ActionSwitch.objects.filter(organisation_id=organisation_id).first()
    return found or ActionSwitch(organisation_id=organisation_id)


def current(*, organisation_id: int) -> ActionDocument | None:
    return ActionDocument.objects.filter(organisation_id=organisation_id).select_related("by").first()


def document(*, organisation_id: int) -> Document:
    """The document in force. What is stored was validated when it was stored."""
    found = current(organisation_id=organisation_id)
    return load(found.text) if found is not None else Document()


def versions(*, organisation: Organisation) -> QuerySet[ActionDocument]:
    return ActionDocument.objects.filter(organisation=organisation).select_related("by")


def facts(*, organisation_id: int, incident: Incident | None) -> Facts:
    """What permits are judged by."""
    state = switch(organisation_id=organisation_id)
    return Facts(
        on=state.enabled,
        stopped=state.stopped_at is not None,
        incident_open=incident is None or (incident.is_open and incident.merged_into_id is None),
        severity=incident.severity if incident is not None else 5,
    )


def view_of(*, incident: Incident, service: Service, now: datetime) -> ServiceView:
    """The incident's signals as its diagnosis asks them; the stored replay counts, none is run."""
    impact = min(incident.impact_started_at or incident.detected_at, now)
    stored = (incident.diagnosis or {}).get("replay") or {}
    return ServiceView(service, impact, now, lambda: from_json(stored))


def view_since(*, service: Service, since: datetime, now: datetime) -> ServiceView:
    """What was measured since then, five minutes at most: after an action, what was before it is the fault."""
    return ServiceView(service, since, now)


def fleet(*, view: ServiceView, away: Iterable[str] = ()) -> Fleet:
    """The replicas that were there before or are there now."""
    by = ("replica", "region")
    inside = {
        family: {when: view.gauge(family, when, by) for when in (When.LATEST, When.BEFORE)}
        for family in ("requests_running", "requests_waiting")
    }
    running, waiting = inside["requests_running"], inside["requests_waiting"]
    up = {replica: one.mean for (replica,), one in view.gauge("target_up", When.LATEST, ("replica",)).items()}
    tokens = view.increments("generated_tokens_total", When.LATEST, ("replica",))
    covered = view.covered_seconds("generated_tokens_total", When.LATEST)
    gaps = view.histogram("inter_token_seconds", When.NOW, ("replica",))
    queues = view.histogram("queue_seconds", When.NOW, ("replica",))
    found = []
    for replica, region in sorted({*running[When.LATEST], *running[When.BEFORE]}):
        key, alone = (replica, region), (replica,)
        mean = up.get(replica)
        found.append(
            ReplicaSeen(
                name=replica,
                region=region,
                up=mean is not None and mean >= UP_SHARE,
                running=running[When.LATEST][key].mean if key in running[When.LATEST] else None,
                waiting=waiting[When.LATEST][key].mean if key in waiting[When.LATEST] else None,
                tokens_per_second=tokens.get(alone, 0.0) / covered if covered else None,
                inter_token_seconds=gaps[alone].mean if alone in gaps else None,
                queue_seconds=queues[alone].mean if alone in queues else None,
            )
        )
    return Fleet(tuple(found), frozenset(away))


def away(*, service: Service) -> set[str]:
    """Replicas that actions in force have taken out, or are about to bring back."""
    rows = ActionRun.objects.filter(service=service, rehearsal=False, undo_of=None)
    rows = rows.exclude(undone_by__state__in=[state.value for state in IN_FORCE])
    rows = rows.filter(
        Q(action="drain", state__in=[state.value for state in IN_FORCE])
        | Q(action__in=["drain", "warm_restart"], state__in=[State.RUNNING.value, State.UNKNOWN.value])
    )
    return {str(parameters.get("replica", "")) for parameters in rows.values_list("parameters", flat=True)} - {""}


def situation(*, incident: Incident, view: ServiceView, seen: Fleet, actions: Document) -> Situation:
    """What is known of the incident as its first actions are judged."""
    signals = ServiceSignals(view)
    version, _ = diagnosis.versions(service=view.service_row, now=view.now)
    judged, worse = signals.ask("replay_slices_judged").value, signals.ask("replay_slices_worse").value
    gap = signals.ask("inter_token_p95").value
    asked, because = traffic(service=view.service_row)
    return Situation(
        leaf=incident.leaf,
        queue_share_ratio=signals.ask("queue_share").value,
        per_token_p95_seconds=gap,
        similarity_ratio=signals.ask("answer_similarity").value,
        eight_bit_p95_seconds=gap if version and EIGHT_BIT.search(version) else None,
        replicas=seen.count,
        replicas_out=len(seen.out),
        replay_says_worse=(worse or 0) > 0 if judged else None,
        retrieval_regressed=incident.leaf == "retrieval-regression",
        change_was_declared=version in actions.declared.get(view.service_row.slug, ()),
        tag_has_precision_floor=bool(actions.floors),
        traffic_actions=asked,
        traffic_because=because,
    )


def traffic(*, service: Service) -> tuple[tuple[str, ...], str]:
    """What the budget policies ask of traffic while budgets burn as fast as they do, and the policy's own sentence."""
    burns = Finding.objects.filter(service=service, kind=FindingKind.BURN, state=FindingState.FIRING)
    # Fewer requests make answers faster and failures fewer; they make no answer better.
    burning = [row for row in burns if row.evidence.get("indicator") in SPEED]
    severities = {str(row.evidence.get("objective", "")): row.severity for row in burning}
    if not severities:
        return (), ""
    known = policies(organisation_id=service.organisation_id)
    for objective in Objective.objects.filter(service=service, slug__in=severities).order_by("slug"):
        policy = known.get(objective.promise.terms.policy, known[""])
        advice = advise_traffic(burning=[severities[objective.slug]], policy=policy)
        if advice.protect:
            return advice.actions, f"the budget policy {policy.name}: {advice.sentence.rstrip('.')}"
    return (), ""


def offers(*, incident: Incident, now: datetime) -> Offers | None:
    """What can be done about the incident now, and why not the rest. None where no service is known."""
    if incident.service is None:
        return None
    actions = document(organisation_id=incident.organisation_id)
    bound = {one.action: one for one in actions.bindings if one.service == incident.service.slug}
    with rollups.snapshot():
        view = view_of(incident=incident, service=incident.service, now=now)
        seen = fleet(view=view, away=away(service=incident.service))
        known = situation(incident=incident, view=view, seen=seen, actions=actions)
    capacity = next((one.capacity for one in bound.values() if one.capacity), None)
    known = replace(known, load_ratio=seen.load(capacity=capacity, without=seen.worst))
    return offer.offers(advice=advise(situation=known), bindings=bound, fleet=seen, situation=known)


def for_target(*, found: Offers, binding: Binding, target: str | None) -> Offers:
    """The same, judged for the replica that was chosen."""
    load = found.fleet.load(capacity=binding.capacity, without=target)
    known = replace(found.situation, load_ratio=load)
    bound = {one.kind.name: one.binding for one in found.offers if one.binding is not None}
    return offer.offers(advice=advise(situation=known), bindings=bound, fleet=found.fleet, situation=known)


def history(*, run: ActionRun, now: datetime, window: timedelta) -> History:
    """Runs of the same action on the same service, and what is under way there."""
    same = ActionRun.objects.filter(service_id=run.service_id, rehearsal=False).exclude(pk=run.pk)
    began = same.filter(action=run.action, undo_of=None, began_at__isnull=False)
    busy = same.filter(state__in=[State.RUNNING.value, State.UNKNOWN.value]).first()
    return History(
        last_began_at=began.order_by("-began_at").values_list("began_at", flat=True).first(),
        began_in_window=began.filter(began_at__gt=now - window).count(),
        under_way=f"{busy.title} ({busy.word})" if busy is not None else "",
    )


def runs(*, organisation: Organisation, incident: Incident | None = None) -> QuerySet[ActionRun]:
    """Newest first, with everything that a list shows."""
    rows = ActionRun.objects.filter(organisation=organisation)
    if incident is not None:
        rows = rows.filter(incident=incident)
    return rows.select_related("incident", "service", "requested_by", "started_by", "undo_of").prefetch_related(
        "approvals__user", "undone_by"
    )


#: Whether an open incident belongs to an organisation whose document proposes by itself.
PROPOSALS_WANTED = questions.Question(f"""
EXISTS (
    SELECT FROM {ActionSwitch._meta.db_table} s JOIN {Incident._meta.db_table} i USING (organisation_id)
    WHERE s.enabled AND s.proposes AND s.stopped_at IS NULL AND i.service_id IS NOT NULL
        AND i.state IN ('open', 'acknowledged') AND i.leaf <> ''
)
""")


def open_incidents() -> QuerySet[Incident]:
    """Diagnosed and not mitigated, of organisations whose document proposes by itself, with nothing waiting or under way."""
    busy = [State.PROPOSED, State.APPROVED, State.STARTED, State.RUNNING, State.UNKNOWN, State.VERIFYING]
    waits = ActionRun.objects.filter(state__in=[state.value for state in busy]).values("incident_id")
    return (
        Incident.objects.filter(
            state__in=["open", "acknowledged"],
            organisation__action_switch__enabled=True,
            organisation__action_switch__proposes=True,
            organisation__action_switch__stopped_at=None,
            service__isnull=False,
            merged_into=None,
        )
        .exclude(leaf="")
        .exclude(pk__in=waits.filter(incident__isnull=False))
        .select_related("organisation", "service")
        .order_by("pk")
    )
