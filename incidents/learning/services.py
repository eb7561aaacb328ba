"""Draft, edit and publish postmortems."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from incidents.diagnosis import replay
from incidents.learning import queries
from incidents.learning.models import Postmortem
from incidents.learning.postmortem import Facts, Impact, Line, Question, draft
from incidents.response.models import Incident, TimelineEntry
from incidents.response.timeline import TimelineKind
from observability.core import audit, permissions
from observability.core.permissions import Actor, Verb


def draft_postmortem(*, incident: Incident, now: datetime) -> Postmortem:
    """Write the draft, or write it again: never over what a person has edited or published."""
    with transaction.atomic():
        found = Postmortem.objects.select_for_update(no_key=True, of=("self",)).filter(incident=incident).first()
        if found is not None and (found.edited_at is not None or found.state == Postmortem.State.PUBLISHED):
            return found
        timeline = list(TimelineEntry.objects.filter(incident=incident).order_by("at", "pk"))
        impact = queries.impact(incident=incident, now=now)
        postmortem, _ = Postmortem.objects.update_or_create(
            incident=incident,
            defaults={
                "organisation_id": incident.organisation_id,
                "markdown": draft(_facts(incident, timeline, impact, now)),
                "figures": _figures(incident, impact),
                "drafted_at": now,
            },
        )
        TimelineEntry.objects.write(incident=incident, kind=TimelineKind.POSTMORTEM_DRAFTED, at=now)
    return postmortem


def edit_postmortem(*, postmortem: Postmortem, markdown: str, actor: Actor, now: datetime) -> Postmortem:
    """A person's text replaces the draft; from then on Tailwatch does not write over it."""
    permissions.require(actor, Verb.EDIT_POSTMORTEM, postmortem)
    with transaction.atomic():
        postmortem.markdown, postmortem.edited_at, postmortem.edited_by_id = markdown, now, actor.user_id
        postmortem.save(update_fields=["markdown", "edited_at", "edited_by"])
        audit.record(actor=actor, verb=Verb.EDIT_POSTMORTEM, obj=postmortem, now=now)
    return postmortem


def publish_postmortem(*, postmortem: Postmortem, actor: Actor, now: datetime) -> Postmortem:
    """Everyone in the organisation sees it as finished. Publishing again changes nothing."""
    permissions.require(actor, Verb.PUBLISH_POSTMORTEM, postmortem)
    if postmortem.state == Postmortem.State.PUBLISHED:
        return postmortem
    with transaction.atomic():
        postmortem.state, postmortem.published_at = Postmortem.State.PUBLISHED, now
        postmortem.published_by_id = actor.user_id
        postmortem.save(update_fields=["state", "published_at", "published_by"])
        kind = TimelineKind.POSTMORTEM_PUBLISHED
        TimelineEntry.objects.write(incident=postmortem.incident, kind=kind, at=now, actor=actor)
        audit.record(actor=actor, verb=Verb.PUBLISH_POSTMORTEM, obj=postmortem, now=now)
    return postmortem


def _facts(incident: Incident, timeline: list[TimelineEntry], impact: Impact, now: datetime) -> Facts:
    kinds = [entry.kind for entry in timeline]
    document = incident.diagnosis
    leaf: Mapping[str, Any] = next((leaf for leaf in document.get("leaves", []) if leaf.get("on_path")), {})
    return Facts(
        name=incident.name,
        title=incident.title,
        headline=incident.headline,
        severity=incident.severity_name,
        service=incident.service.name if incident.service else "",
        leaf=incident.leaf,
        leaf_title=_text(document, "title"),
        confidence=incident.confidence,
        runbook=incident.runbook,
        cause=_text(document, "cause"),
        refuted_by=_text(leaf, "refuted_by"),
        commander=str(incident.commander) if incident.commander else "",
        resolved_reason=incident.resolved_reason,
        times=incident.times,
        impact=impact,
        timeline=[Line(at=entry.at, actor=entry.actor, what=entry.sentence) for entry in timeline],
        path=[_question(node) for node in document.get("nodes", []) if node.get("on_path")],
        rivals=[_rival(rival) for rival in document.get("rivals", [])],
        escalations=kinds.count(TimelineKind.ESCALATED.value),
        failed_deliveries=kinds.count(TimelineKind.DELIVERY_FAILED.value),
        reopened=kinds.count(TimelineKind.REOPENED.value),
        simulated=incident.simulated,
        drafted_at=now,
        replay=_replay(document.get("replay") or {}),
    )


def _replay(stored: Mapping[str, Any]) -> str:
    """The verdict of the replay suite in a sentence; empty where it did not run."""
    return replay.from_json(stored).sentence if stored.get("slices") else ""


def _question(node: Mapping[str, Any]) -> Question:
    sentences = (_text(item, "sentence") for item in node.get("evidence", []))
    return Question(
        question=_text(node, "question"),
        answer=_text(node, "answer"),
        evidence=tuple(sentence for sentence in sentences if sentence),
    )


def _rival(rival: Mapping[str, Any]) -> str:
    confidence = rival.get("confidence")
    shown = f" ({confidence:.0%})" if isinstance(confidence, int | float) else ""
    return f"{rival.get('title') or rival.get('leaf', '')}{shown}: {_text(rival, 'why')}"


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    return "" if value is None else str(value)


def _figures(incident: Incident, impact: Impact) -> dict[str, object]:
    """The figures as JSON: seconds, counts and shares; null where nobody could measure."""
    times = incident.times
    return {
        "to_detect_seconds": _seconds(times.to_detect),
        "to_acknowledge_seconds": _seconds(times.to_acknowledge),
        "to_mitigate_seconds": _seconds(times.to_mitigate),
        "to_resolve_seconds": _seconds(times.to_resolve),
        "impact_start": None if impact.start is None else impact.start.isoformat(),
        "impact_end": None if impact.end is None else impact.end.isoformat(),
        "requests": impact.requests,
        "failed_requests": impact.failed,
        "budgets": [dataclasses.asdict(spent) for spent in impact.budgets],
    }


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
