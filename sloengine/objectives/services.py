"""Apply objectives whole or not at all, and write them out again."""

from __future__ import annotations

from collections.abc import Iterable
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
from sloengine.collect.models import MetricSource
from sloengine.collect.services.connect import connect
from sloengine.objectives.models import Objective, ObjectiveChange
from sloengine.objectives.objective import Objective as Promise
from sloengine.objectives.objective import goal_sentence
from sloengine.objectives.openslo import Known, Parsed, parse
from sloengine.objectives.rendering import difference, dump, render
from sloengine.objectives.terms import dumped
from sloengine.objectives.texts import Document
from sloengine.sources.base import without_credentials

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
    notes: tuple[str, ...] = ()  # what is not obvious about what was read


def library() -> list[Document]:
    """The shipped objectives of a streaming service."""
    folder = resources.files(__package__).joinpath("library")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return [Document(file.name, file.read_text(encoding="utf-8")) for file in files]


def validate(*, organisation: Organisation, documents: Iterable[Document]) -> Parsed:
    """What the documents hold; raises InvalidObjectives with every problem."""
    sources = list(MetricSource.objects.filter(organisation=organisation).order_by("pk"))
    objectives = Objective.objects.enabled().filter(organisation=organisation).select_related("service")
    known = Known(
        services=tuple(Service.objects.filter(organisation=organisation).values_list("slug", flat=True)),
        sources=tuple(source.name for source in sources),
        objectives={str(row): row.is_composite for row in objectives},
        tick_seconds=sources[0].tick_seconds if sources else 30,
    )
    return parse(documents=documents, known=known)


@transaction.atomic
def apply(
    *,
    organisation: Organisation,
    documents: Iterable[Document],
    actor: Actor,
    now: datetime,
    prune: bool = False,
    preview: bool = False,
) -> Applied:
    """Make the organisation's objectives what the documents say. With `prune`, those they do not name are switched off.

    With `preview` nothing is changed: the answer is what would be.
    """
    if actor.organisation_id != organisation.pk:
        raise NotAllowed(actor, Verb.APPLY_OBJECTIVES)
    permissions.require(actor, Verb.APPLY_OBJECTIVES, organisation)
    parsed = validate(organisation=organisation, documents=documents)
    diff = _declare(parsed, organisation=organisation, actor=actor, now=now)
    rows = {str(row): row for row in _rows(organisation).select_for_update(of=("self",))}
    services = {service.slug: service for service in Service.objects.filter(organisation=organisation)}
    added: list[str] = []
    changed: list[str] = []
    unchanged: list[str] = []
    changes: list[ObjectiveChange] = []
    for promise in parsed.objectives:
        row = rows.get(promise.key)
        before = row.document if row is not None and row.enabled else None
        after = dump(promise)
        if before == after:
            unchanged.append(promise.key)
            continue
        row = _write(
            row, promise, organisation=organisation, service=services[promise.service], document=after, now=now
        )
        changes.append(_change(row, "changed" if before else "added", before=before, after=after, actor=actor, now=now))
        (changed if before else added).append(promise.key)
        diff += difference(before, after) if before else [f"+ {promise.key}: {goal_sentence(promise)}"]
    named = {promise.key for promise in parsed.objectives}
    removed = [key for key, row in rows.items() if prune and row.enabled and key not in named]
    for key in removed:
        changes.append(_switch_off(rows[key], actor=actor, now=now))
        diff.append(f"- {key}")
    ObjectiveChange.objects.bulk_create(changes)
    applied = Applied(tuple(added), tuple(changed), tuple(removed), tuple(unchanged), tuple(diff), parsed.notes)
    if preview:
        transaction.set_rollback(True)
    elif diff:
        payload = {"added": added, "changed": changed, "removed": removed}
        audit.record(actor=actor, verb=Verb.APPLY_OBJECTIVES, obj=organisation, now=now, payload=payload)
    return applied


def _declare(parsed: Parsed, *, organisation: Organisation, actor: Actor, now: datetime) -> list[str]:
    """The Service and DataSource objects: what is not there yet is added, a service's name and words and a source's URL are kept up
    to date."""
    lines = []
    for one in parsed.services:
        title = one.title or one.name
        row, new = Service.objects.get_or_create(organisation=organisation, slug=one.name, defaults={"name": title})
        if new:
            lines.append(f"+ service {one.name}")
        elif one.title and row.name != one.title:
            row.name = one.title
            row.save(update_fields=["name"])
            lines.append(f"~ service {one.name}: now called {one.title}")
    for one in parsed.sources:
        there = MetricSource.objects.filter(organisation=organisation, name=one.name).first()
        if there is not None and there.kind == MetricSource.Kind.PROMETHEUS and there.url == one.url:
            continue
        connect(
            organisation=organisation, name=one.name, kind=MetricSource.Kind.PROMETHEUS.value, url=one.url, actor=actor, now=now
        )  # fmt: skip
        shown = without_credentials(one.url)
        before = f"{there.get_kind_display()} {without_credentials(there.url)} -> " if there is not None else ""
        lines.append(f"{'~' if there is not None else '+'} source {one.name}: {before}{shown}")
    if lines:
        audit.record(actor=actor, verb=Verb.APPLY_OBJECTIVES, obj=organisation, now=now, payload={"declared": lines})
    return lines


def apply_library(*, organisation: Organisation, actor: Actor, now: datetime) -> Applied:
    """The shipped objectives for every service of the catalogue."""
    return apply(organisation=organisation, documents=library(), actor=actor, now=now)


def export(*, organisation: Organisation) -> str:
    """The enabled objectives as OpenSLO v1 YAML."""
    return render(row.as_objective() for row in _rows(organisation) if row.enabled)


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
        "terms": dumped(promise.terms),
    }
    judged_anew = row.pk is not None and (
        any(getattr(row, name) != values[name] for name in JUDGED_BY)
        or row.as_objective().terms.measured != promise.terms.measured
    )
    for name, value in values.items():
        setattr(row, name, value)
    row.enabled, row.document, row.changed_at = True, document, now
    if judged_anew:
        row.bound, row.notice = None, ""
        TallyPlace.objects.filter(objective=row).delete()
    row.save()
    return row


def _switch_off(row: Objective, *, actor: Actor, now: datetime) -> ObjectiveChange:
    row.enabled, row.changed_at = False, now
    row.save(update_fields=["enabled", "changed_at"])
    return _change(row, "removed", before=row.document, after=None, actor=actor, now=now)


def _change(
    row: Objective,
    kind: str,
    *,
    before: dict[str, object] | None,
    after: dict[str, object] | None,
    actor: Actor,
    now: datetime,
) -> ObjectiveChange:
    return ObjectiveChange(
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
