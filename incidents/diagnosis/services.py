"""Look at an incident through the tree, store what was found with its evidence, look again while it ripens."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from incidents.diagnosis import queries, record, replay, settling
from incidents.diagnosis.answers import ServiceSignals
from incidents.diagnosis.replay import Replayed
from incidents.diagnosis.signals import Signals, Table
from incidents.diagnosis.tree import Diagnosis, Tree, breach_sentence, evaluate
from incidents.replays import queries as shadow
from incidents.replays.services import keep
from incidents.response import services as response
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from incidents.response.timeline import TimelineKind
from incidents.runbooks import queries as shelf
from incidents.runbooks import services as runbooks
from incidents.trees import queries as trees
from observability.core import audit, claims, permissions, questions
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused
from sloengine.catalog.models import Service
from sloengine.rollups import queries as rollups

log = logging.getLogger(__name__)

REPLAY_PENDING = "the replay suite runs; its verdict joins within three minutes"
LONGEST_TOLD = 2000
REPLAY_LEASE = timedelta(minutes=4)  # longer than any run: a claim this old belonged to a worker that died


@dataclass(frozen=True, slots=True)
class Look:
    """One evaluation and what is stored of it."""

    diagnosis: Diagnosis
    headline: str
    stored: record.Record


def diagnose(*, incident: Incident, now: datetime) -> Diagnosis:
    """The first look, as the incident opens or opens again: stored, with its path and evidence on the timeline."""
    look = _look(incident, now, first=True)
    _store(incident, look, now)
    diagnosis = look.diagnosis
    _write(
        incident,
        TimelineKind.DECIDED,
        now,
        {
            "sentence": diagnosis.first_response,
            "branch": diagnosis.branch.name if diagnosis.branch else None,
            "branches": look.stored["branches"],
            "path": list(diagnosis.path),
            "tree": diagnosis.tree.name,
            "version": diagnosis.tree.version,
        },
    )
    _write(incident, TimelineKind.DIAGNOSED, now, _found(look, incident.runbook, before=""))
    return diagnosis


@questions.first(queries.LOOK_DUE)
def diagnose_open(*, now: datetime) -> int:
    """Look again at open incidents that have not settled (settling.py), each once a minute; how many changed."""
    due = [incident for incident in queries.unsettled(now=now) if _asked_long_ago(incident, now)]
    failed = "%s: looking again failed; the stored diagnosis stands"
    return sum(claims.each(due, lambda incident: _look_again(incident, now), failed=failed))


def _asked_long_ago(incident: Incident, now: datetime) -> bool:
    asked_at = incident.diagnosis.get("asked_at")
    return not asked_at or datetime.fromisoformat(asked_at) <= now - queries.LOOK_AGAIN_AFTER


def look_anew(*, incident: Incident, now: datetime) -> bool:
    """Look again at once, as at a young incident, for something graver was found of it: what an early sign settled on is open again."""
    return _look_again(incident, now, young=True)


def _look_again(incident: Incident, now: datetime, *, young: bool = False) -> bool:
    look = _look(incident, now, first=False)  # outside the lock
    with transaction.atomic():
        locked = (
            Incident.objects.unresolved()
            .select_for_update(of=("self",), skip_locked=True)
            .filter(pk=incident.pk)
            .first()
        )
        if locked is None:
            return False
        running = locked.diagnosis.get("replay") or {}
        if look.stored["replay"].get("pending") and running.get("pending"):
            look.stored["replay"] = running  # claimed, or back with its verdict, while we looked
        stored = settling.Held(locked.leaf, locked.confidence or 0.0) if locked.leaf else None
        found = settling.Held(look.diagnosis.leaf.id, look.diagnosis.confidence)
        young = young or max(locked.opened_at, locked.first_paged_at or locked.opened_at) > now - queries.SETTLES_IN
        rivals = {rival.leaf: rival.confidence for rival in look.diagnosis.rivals}
        change = settling.settle(
            stored=stored,
            found=found,
            young=young,
            replayed=_replay_led_here(look, running),
            supported=rivals.get(locked.leaf, 0.0),
        )
        if change is settling.Change.KEEP:
            kept = {**locked.diagnosis, "asked_at": now.isoformat(), "replay": look.stored["replay"]}
            Incident.objects.filter(pk=locked.pk).update(diagnosis=kept)
            return False
        _store(locked, look, now)
        if change is settling.Change.REPLACE:
            told = _found(look, locked.runbook, before=stored.leaf if stored else "")
            _write(locked, TimelineKind.DIAGNOSED, now, told)
        return change is settling.Change.REPLACE


def _replay_led_here(look: Look, running: Mapping[str, object]) -> bool:
    joined = running.get("pending") and look.stored["replay"].get("slices")
    return bool(joined) and any(step in look.diagnosis.path for step in ("replay=worse", "replay=same"))


@transaction.atomic
def ask_replay(*, incident: Incident, actor: Actor, now: datetime) -> Incident:
    """Have the suite run for an open incident now, whatever its tree asked; the verdict is stored with it. One that runs already is
    not asked for twice."""
    permissions.require(actor, Verb.RUN_ACTION, incident)
    locked = (
        Incident.objects.select_for_update(of=("self",)).select_related("service", "organisation").get(pk=incident.pk)
    )
    if locked.service is None:
        raise Refused("This incident names no service, so there is nothing to replay.")
    if locked.state == State.RESOLVED:
        raise Refused("This incident is resolved; reopen it to replay.")
    if replay.replayer_of(locked.service.slug) is None:
        raise Refused("Replay is not configured: TAILWATCH_REPLAY_SUITE names no suite.")
    waiting = locked.diagnosis.get("replay") or {}
    if not waiting.get("pending") or waiting.get("ran_at"):
        asked = {"pending": True, "reason": REPLAY_PENDING, "slices": [], "on_demand": True, "asked_by": actor.name}
        locked.diagnosis = {**locked.diagnosis, "replay": asked}
        Incident.objects.filter(pk=locked.pk).update(diagnosis=locked.diagnosis)
        audit.record(actor=actor, verb="ask_replay", obj=locked, now=now)
    return locked


@questions.first(queries.REPLAY_WAITS)
def replay_due(*, now: datetime) -> int:
    """Run the suite for one open incident that waits for it, for as long as that takes; how many ran. The verdict joins
    with the next look. On the slow queue, so that neither pages nor looks wait; claimed, so that it runs once."""
    incident = _claim_replay(now)
    if incident is None or incident.service is None:
        return 0
    replayed = _replay(incident.service, now)
    with transaction.atomic():
        locked = Incident.objects.select_for_update(of=("self",)).get(pk=incident.pk)
        waiting = locked.diagnosis.get("replay") or {}
        if waiting.get("claimed_at") != now.isoformat():
            return 0  # the incident opened again meanwhile, or another took over
        asked_by = waiting.get("asked_by")
        verdict = {**replay.to_json(replayed), "pending": not asked_by, "ran_at": now.isoformat()}
        if asked_by:  # nobody but its people waits for it
            told: dict[str, object] = {
                "text": f"Replay suite, asked for by {asked_by}: {replayed.sentence}"[:LONGEST_TOLD]
            }
            _write(locked, TimelineKind.NOTE, now, told)
        found = {**locked.diagnosis, "replay": verdict, "asked_at": ""}
        Incident.objects.filter(pk=locked.pk).update(diagnosis=found)
    return 1


def _claim_replay(now: datetime) -> Incident | None:
    with transaction.atomic():
        for incident in queries.waiting_for_replay(now=now).select_for_update(of=("self",), skip_locked=True):
            waiting = incident.diagnosis["replay"]
            claimed_at = waiting.get("claimed_at")
            if waiting.get("ran_at") or (claimed_at and datetime.fromisoformat(claimed_at) > now - REPLAY_LEASE):
                continue
            claimed = {**incident.diagnosis, "replay": {**waiting, "claimed_at": now.isoformat()}}
            Incident.objects.filter(pk=incident.pk).update(diagnosis=claimed)
            return incident
    return None


def _replay(service: Service, now: datetime) -> Replayed:
    """A replay that fails is an answer: cannot tell, and why."""
    replayer = replay.replayer_of(service.slug)
    if replayer is None:
        return Replayed(reason=replay.NOT_CONFIGURED)
    version, previous = queries.versions(service=service, now=now)
    try:
        replayed = replay.run(
            replayer=replayer,
            service=service.slug,
            version=version,
            previous=previous,
            stored_answers=shadow.answers(service=service, version=previous) if previous else None,
        )
    except Exception as problem:
        log.exception("the replay suite of %s failed", service.slug)
        return Replayed(reason=f"the replay suite failed: {type(problem).__name__}: {problem}")
    if version and replayed.said and not replayer.instant:
        keep(service=service, version=version, said=replayed.said, suite=replayer.suite(service.slug), now=now)
    return replayed


def _look(incident: Incident, now: datetime, *, first: bool) -> Look:
    replays = _Replays(incident, now, first)
    with rollups.snapshot():
        signals = _signals(incident, now, replays)
        diagnosis = evaluate(tree=_tree(incident), signals=signals)
        headline = record.headline(
            diagnosis=diagnosis,
            service=incident.service.slug if incident.service else "",
            breach=breach_sentence(signals) if diagnosis.branches.get("slo") else None,
        )
    stored = record.to_json(diagnosis=diagnosis, decided_at=now) | {
        "asked_at": now.isoformat(),
        "replay": replays.to_json(),
        "answers": _answers(signals),
    }
    return Look(diagnosis, headline, stored)


def _answers(signals: Signals) -> dict[str, dict[str, object]]:
    """Every answer that was asked for, also those of leaves that were not taken: another tree can be tried on them."""
    known = signals.known if isinstance(signals, ServiceSignals) else {}
    return {name: {"value": told.value, "detail": told.detail or told.reason} for name, told in sorted(known.items())}


def _tree(incident: Incident) -> Tree:
    if incident.service is not None:
        return trees.tree_for(service=incident.service)
    return trees.running(organisation_id=incident.organisation_id)


def _signals(incident: Incident, now: datetime, replays: _Replays) -> Signals:
    if incident.service is None:
        return Table({})  # nothing is known of a service that nobody named: everything "cannot tell"
    impact = incident.impact_started_at or incident.detected_at
    return ServiceSignals(queries.ServiceView(incident.service, min(impact, now), now, replays.run))


@dataclass(slots=True)
class _Replays:
    """The replay of one look: what is stored, else a run where that takes no time, else `replay_due` is asked for one.
    A first look asks anew: an incident may open again days later."""

    incident: Incident
    now: datetime
    first: bool
    done: Replayed | None = None
    pending: bool = False

    @property
    def earlier(self) -> dict[str, Any]:
        return {} if self.first else dict(self.incident.diagnosis.get("replay") or {})

    def run(self) -> Replayed:
        service = self.incident.service
        replayer = replay.replayer_of(service.slug) if service is not None else None
        earlier = self.earlier
        if earlier.get("slices") or earlier.get("ran_at"):
            self.done = replay.from_json(earlier)
        elif service is None or replayer is None:
            self.done = Replayed(reason=replay.NOT_CONFIGURED)
        elif not replayer.instant:
            self.pending = True
            return Replayed(reason=REPLAY_PENDING)
        else:
            self.done = _replay(service, self.now)
        return self.done

    def to_json(self) -> dict[str, object]:
        """What ran; else, where no question needed a replay, what an earlier look stored."""
        if self.pending:
            return {"pending": True, "reason": REPLAY_PENDING, "slices": []}
        earlier = self.earlier
        if self.done is None:
            return {**earlier, "pending": False} if earlier.get("ran_at") else earlier
        return replay.to_json(self.done) | {"pending": False, "ran_at": earlier.get("ran_at")}


def _store(incident: Incident, look: Look, now: datetime) -> None:
    incident.diagnosis = look.stored
    incident.leaf = look.diagnosis.leaf.id
    incident.confidence = look.diagnosis.confidence
    leaf = look.diagnosis.leaf
    book = shelf.for_leaf(organisation_id=incident.organisation_id, leaf=leaf.id, named=leaf.runbook)
    incident.runbook = book.runbook.slug
    incident.headline = look.headline
    incident.tree_version = look.diagnosis.tree.version
    incident.changed_at = now
    incident.save(
        update_fields=["diagnosis", "leaf", "confidence", "runbook", "headline", "tree_version", "changed_at"]
    )
    runbooks.ask(incident=incident, now=now)


def _found(look: Look, runbook: str, *, before: str) -> dict[str, object]:
    leaf = look.diagnosis.leaf
    return {
        "headline": look.headline,
        "leaf": leaf.id,
        "before": before,
        "title": leaf.title,
        "confidence": look.stored["confidence"],
        "runbook": runbook,
        "path": list(look.diagnosis.path),
        "rivals": [{"leaf": rival["leaf"], "confidence": rival["confidence"]} for rival in look.stored["rivals"]],
    }


def _write(incident: Incident, kind: TimelineKind, now: datetime, payload: dict[str, object]) -> None:
    response.write_timeline(incident=incident, kind=kind, now=now, payload=payload)
