"""Look at an incident through the tree, store what was found with its evidence, look again while it ripens."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from django.db import transaction

from incidents.diagnosis import queries, record, replay, settling, treefile
from incidents.diagnosis.answers import ServiceSignals
from incidents.diagnosis.replay import Replayed
from incidents.diagnosis.signals import Signals, Table
from incidents.diagnosis.tree import Diagnosis, Tree, breach_sentence, evaluate
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.timeline import TimelineKind
from incidents.runbooks import diagnostics
from incidents.runbooks import services as runbooks
from sloengine.rollups import queries as rollups

log = logging.getLogger(__name__)

TREE_FILE = Path(__file__).parent / "default_tree.yaml"
LOOK_AGAIN_AFTER = timedelta(seconds=55)
REPLAY_PENDING = "the replay suite runs with the next look, within a minute"


@lru_cache(maxsize=1)
def tree() -> Tree:
    """The tree that ships. Raises TreeInvalidError with all problems."""
    return treefile.parse(source=TREE_FILE.read_text(encoding="utf-8"), file=TREE_FILE.name)


@dataclass(frozen=True, slots=True)
class Look:
    """One evaluation and what is stored of it."""

    diagnosis: Diagnosis
    headline: str
    stored: record.Record


def diagnose(*, incident: Incident, now: datetime) -> Diagnosis:
    """The first look, as the incident opens or opens again: stored, with its path and evidence on the timeline."""
    look = _look(incident, now, may_wait_for_replay=False)
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
    _write(incident, TimelineKind.DIAGNOSED, now, _found(look, before=""))
    return diagnosis


def diagnose_open(*, now: datetime) -> int:
    """Look again at open incidents that have not settled (settling.py), each once a minute; how many changed."""
    changed = 0
    for incident in queries.unsettled(now=now):
        asked_at = incident.diagnosis.get("asked_at")
        if asked_at and datetime.fromisoformat(asked_at) > now - LOOK_AGAIN_AFTER:
            continue
        try:
            changed += _look_again(incident, now)
        except Exception:
            log.exception("%s: looking again failed; the stored diagnosis stands", incident.name)
    return changed


def _look_again(incident: Incident, now: datetime) -> bool:
    look = _look(incident, now, may_wait_for_replay=True)  # outside the lock: a replay may take minutes
    with transaction.atomic():
        locked = (
            Incident.objects.unresolved()
            .select_for_update(of=("self",), skip_locked=True)
            .filter(pk=incident.pk)
            .first()
        )
        if locked is None:
            return False
        stored = settling.Held(locked.leaf, locked.confidence or 0.0) if locked.leaf else None
        found = settling.Held(look.diagnosis.leaf.id, look.diagnosis.confidence)
        young = locked.opened_at > now - queries.SETTLES_IN
        change = settling.settle(stored=stored, found=found, young=young)
        if change is settling.Change.KEEP:
            kept = {**locked.diagnosis, "asked_at": now.isoformat(), "replay": look.stored["replay"]}
            Incident.objects.filter(pk=locked.pk).update(diagnosis=kept)
            return False
        _store(locked, look, now)
        if change is settling.Change.REPLACE:
            _write(locked, TimelineKind.DIAGNOSED, now, _found(look, before=stored.leaf if stored else ""))
        return change is settling.Change.REPLACE


def _look(incident: Incident, now: datetime, *, may_wait_for_replay: bool) -> Look:
    replays = _Replays(incident, now, may_wait_for_replay)
    with rollups.snapshot():
        signals = _signals(incident, now, replays)
        diagnosis = evaluate(tree=tree(), signals=signals)
        steps = diagnostics.steps(runbook=runbooks.for_leaf(diagnosis.leaf.id), signals=signals, now=now)
        headline = record.headline(
            diagnosis=diagnosis,
            service=incident.service.slug if incident.service else "",
            breach=breach_sentence(signals) if diagnosis.branches.get("slo") else None,
        )
    stored = record.to_json(diagnosis=diagnosis, decided_at=now) | {
        "asked_at": now.isoformat(),
        "runbook_steps": steps,
        "replay": replays.to_json(),
    }
    return Look(diagnosis, headline, stored)


def _signals(incident: Incident, now: datetime, replays: _Replays) -> Signals:
    if incident.service is None:
        return Table({})  # nothing is known of a service that nobody named: everything "cannot tell"
    impact = incident.impact_started_at or incident.detected_at
    return ServiceSignals(queries.ServiceView(incident.service, min(impact, now), now, replays.run))


@dataclass(slots=True)
class _Replays:
    """The replay of one look: what is stored, else a run where there is time for one."""

    incident: Incident
    now: datetime
    may_wait: bool
    done: Replayed | None = None
    pending: bool = False

    def run(self) -> Replayed:
        service = self.incident.service
        replayer = replay.replayer_of(service.slug) if service is not None else None
        earlier = self.incident.diagnosis.get("replay") or {}
        if self.may_wait and earlier.get("slices"):  # a first look asks anew: an incident may open again days later
            self.done = replay.from_json(earlier)
        elif service is None or replayer is None:
            self.done = Replayed(reason=replay.NOT_CONFIGURED)
        elif not (replayer.instant or self.may_wait):
            self.pending = True
            return Replayed(reason=REPLAY_PENDING)
        else:
            version, previous = queries.versions(service=service, now=self.now)
            self.done = replay.run(replayer=replayer, service=service.slug, version=version, previous=previous)
        return self.done

    def to_json(self) -> dict[str, object]:
        """What ran; else, where no question needed a replay, what an earlier look stored."""
        if self.pending:
            return {"pending": True, "reason": REPLAY_PENDING, "slices": []}
        if self.done is None:
            return dict(self.incident.diagnosis.get("replay") or {})
        return replay.to_json(self.done) | {"pending": False}


def _store(incident: Incident, look: Look, now: datetime) -> None:
    incident.diagnosis = look.stored
    incident.leaf = look.diagnosis.leaf.id
    incident.confidence = look.diagnosis.confidence
    incident.runbook = look.diagnosis.leaf.runbook
    incident.headline = look.headline
    incident.tree_version = look.diagnosis.tree.version
    incident.changed_at = now
    incident.save(
        update_fields=["diagnosis", "leaf", "confidence", "runbook", "headline", "tree_version", "changed_at"]
    )


def _found(look: Look, *, before: str) -> dict[str, object]:
    leaf = look.diagnosis.leaf
    return {
        "headline": look.headline,
        "leaf": leaf.id,
        "before": before,
        "title": leaf.title,
        "confidence": look.stored["confidence"],
        "runbook": leaf.runbook,
        "path": list(look.diagnosis.path),
        "rivals": [{"leaf": rival["leaf"], "confidence": rival["confidence"]} for rival in look.stored["rivals"]],
    }


def _write(incident: Incident, kind: TimelineKind, now: datetime, payload: dict[str, object]) -> None:
    response.write_timeline(incident=incident, kind=kind, now=now, payload=payload)
