"""Apply objectives whole or not at all, and write them out again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources

from django.db import transaction
from django.db.models import QuerySet

from observability.core import audit, permissions
from observability.core.models import Organisation
from observability.core.permissions import Actor, NotAllowed, Verb
from sloengine.budgets.models import TallyPlace
from sloengine.catalog.models import Service
from sloengine.objectives import openslo
from sloengine.objectives.models import Objective, ObjectiveChange
from sloengine.objectives.objective import Objective as Promise
from sloengine.objectives.objective import goal_sentence
from sloengine.objectives.openslo import Document

#: A change of one of these makes old tallies mean something else, so they are counted anew from rollups.
JUDGED_BY = ("indicator", "method", "threshold", "slice_seconds", "slice_target", "where")


@dataclass(frozen=True, slots=True)
class Applied:
    """What apply did, as keys "service/slug"; `diff` is what the command prints."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    diff: tuple[str, ...]


def library() -> list[Document]:
    """The shipped objectives of a streaming service."""
    folder = resources.files(__package__).joinpath("library")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return [Document(file.name, file.read_text(encoding="utf-8")) for file in files]


def validate(*, organisation: Organisation, documents: Iterable[Document]) -> list[Promise]:
    """The objectives that the documents hold; raises InvalidObjectives with every problem."""
    services = Service.objects.filter(organisation=organisation).values_list("slug", flat=True)
    return openslo.parse(documents=documents, services=services)


@transaction.atomic
def apply(
    *, organisation: Organisation, documents: Iterable[Document], actor: Actor, now: datetime, prune: bool = False
) -> Applied:
    """Make the organisation's objectives what the documents say. With `prune`, those they do not name are switched off."""
    if actor.organisation_id != organisation.pk:
        raise NotAllowed(actor, Verb.APPLY_OBJECTIVES)
    permissions.require(actor, Verb.APPLY_OBJECTIVES, organisation)
    promises = validate(organisation=organisation, documents=documents)
    rows = {str(row): row for row in _rows(organisation).select_for_update(of=("self",))}
    services = {service.slug: service for service in Service.objects.filter(organisation=organisation)}
    added: list[str] = []
    changed: list[str] = []
    unchanged: list[str] = []
    diff: list[str] = []
    for promise in promises:
        row = rows.get(promise.key)
        before = openslo.dump(row.as_objective()) if row is not None and row.enabled else None
        after = openslo.dump(promise)
        if before == after:
            unchanged.append(promise.key)
            continue
        lines = _difference(row.as_objective() if row is not None and before else None, promise)
        row = _write(
            row, promise, organisation=organisation, service=services[promise.service], document=after, now=now
        )
        _keep(row, "changed" if before else "added", before=before, after=after, actor=actor, now=now)
        (changed if before else added).append(promise.key)
        diff += lines
    named = {promise.key for promise in promises}
    removed = [key for key, row in rows.items() if prune and row.enabled and key not in named]
    for key in removed:
        _switch_off(rows[key], actor=actor, now=now)
        diff.append(f"- {key}")
    applied = Applied(tuple(added), tuple(changed), tuple(removed), tuple(unchanged), tuple(diff))
    if diff:
        payload = {"added": added, "changed": changed, "removed": removed}
        audit.record(actor=actor, verb=Verb.APPLY_OBJECTIVES, obj=organisation, now=now, payload=payload)
    return applied


def apply_library(*, organisation: Organisation, actor: Actor, now: datetime) -> Applied:
    """The shipped objectives for every service of the catalogue."""
    return apply(organisation=organisation, documents=library(), actor=actor, now=now)


def export(*, organisation: Organisation) -> str:
    """The enabled objectives as OpenSLO v1 YAML."""
    return openslo.render(row.as_objective() for row in _rows(organisation) if row.enabled)


def _rows(organisation: Organisation) -> QuerySet[Objective]:
    return (
        Objective.objects.filter(organisation=organisation).select_related("service").order_by("service__slug", "slug")
    )


def _write(
    row: Objective | None,
    promise: Promise,
    *,
    organisation: Organisation,
    service: Service,
    document: dict[str, object],
    now: datetime,
) -> Objective:
    if row is None:
        row = Objective(organisation=organisation, service=service, slug=promise.slug, created_at=now)
    values: dict[str, object] = {
        "title": promise.title,
        "description": promise.description,
        "indicator": promise.indicator.value,
        "method": promise.method.value,
        "threshold": promise.threshold,
        "target": promise.target,
        "window": promise.window,
        "slice_seconds": promise.slice_seconds,
        "slice_target": promise.slice_target,
        "where": dict(promise.where),
    }
    judged_anew = row.pk is not None and any(getattr(row, name) != values[name] for name in JUDGED_BY)
    for name, value in values.items():
        setattr(row, name, value)
    row.enabled, row.document, row.changed_at = True, document, now
    if judged_anew:
        row.bound, row.notice = None, ""
        TallyPlace.objects.filter(objective=row).delete()
    row.save()
    return row


def _switch_off(row: Objective, *, actor: Actor, now: datetime) -> None:
    row.enabled, row.changed_at = False, now
    row.save(update_fields=["enabled", "changed_at"])
    _keep(row, "removed", before=openslo.dump(row.as_objective()), after=None, actor=actor, now=now)


def _keep(
    row: Objective,
    kind: str,
    *,
    before: dict[str, object] | None,
    after: dict[str, object] | None,
    actor: Actor,
    now: datetime,
) -> None:
    ObjectiveChange.objects.create(
        organisation_id=row.organisation_id,
        objective=row,
        service_slug=row.service.slug,
        slug=row.slug,
        kind=kind,
        at=now,
        actor=f"{actor.kind}:{actor.name}",
        before=before,
        after=after,
    )


def _difference(before: Promise | None, after: Promise) -> list[str]:
    """Lines of the printed diff: + for a new objective, ~ for each field that differs."""
    if before is None:
        return [f"+ {after.key}: {goal_sentence(after)}"]
    fields: Sequence[str] = (
        "title", "description", "indicator", "method", "threshold", "target", "window", "slice_seconds", "slice_target", "where",
    )  # fmt: skip
    return [
        f"~ {after.key} {field}: {getattr(before, field)} -> {getattr(after, field)}"
        for field in fields
        if getattr(before, field) != getattr(after, field)
    ]
