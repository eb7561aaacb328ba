"""A draft of the tree, validated whole; one that is let run; back to an earlier one or to the one that ships; thresholds of a service."""

from __future__ import annotations

import re
from datetime import datetime

from django.db import transaction

from incidents.diagnosis import shipped, treefile
from incidents.diagnosis.tree import Tree
from incidents.diagnosis.treefile import TreeInvalidError
from incidents.runbooks import queries as runbooks
from incidents.trees import overrides, preview, queries
from incidents.trees.models import DecisionTree, ThresholdOverride
from incidents.trees.overrides import BadOverrideError, Override
from incidents.trees.preview import Compared
from observability.core import audit, permissions
from observability.core.documents import Problem, WithProblems
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused
from sloengine.catalog.models import Service

LONGEST_TEXT = 400_000
_VERSION = re.compile(r"^version:.*$", re.MULTILINE)
State = DecisionTree.State


class TreeUnusable(WithProblems, Refused):
    """The document has problems, each with its line; what ran before runs on."""


class OverrideUnusable(Refused):
    """The threshold does not fit the tree; the message says what was found and what was expected."""


def validated(*, organisation: Organisation, text: str) -> Tree:
    """The tree of the text; runbooks and actions that it names must be there. Raises TreeUnusable with every problem."""
    if len(text) > LONGEST_TEXT:
        raise TreeUnusable((Problem(queries.FILE, 1, "", f"{len(text):,} characters", f"at most {LONGEST_TEXT:,}"),))
    known = runbooks.books(organisation_id=organisation.pk)
    try:
        return treefile.parse(source=text, file=queries.FILE, runbooks=frozenset(known))
    except TreeInvalidError as error:
        raise TreeUnusable(error.problems) from error


def draft(*, organisation: Organisation, text: str, note: str, actor: Actor, now: datetime) -> DecisionTree:
    """A new version that does not run yet. Its `version:` is set to its number; the text is kept as it was written otherwise."""
    permissions.require(actor, Verb.MANAGE_TREE, organisation)
    validated(organisation=organisation, text=text)
    with transaction.atomic():
        Organisation.objects.select_for_update().get(pk=organisation.pk)
        newest = DecisionTree.objects.filter(organisation=organisation).values_list("version", flat=True).first()
        version = max(newest or 0, shipped.tree().version) + 1
        row = DecisionTree.objects.create(
            organisation=organisation,
            version=version,
            text=_VERSION.sub(f"version: {version}", text, count=1),
            note=note.strip()[:300],
            at=now,
            by_id=actor.user_id,
        )
        audit.record(actor=actor, verb="draft_tree", obj=row, now=now, payload={"version": version, "note": row.note})
    return row


def activate(*, tree: DecisionTree, actor: Actor, now: datetime) -> DecisionTree:
    """Let this version run, a new one or one that ran before; validated again, since a release may refuse what it once took."""
    permissions.require(actor, Verb.MANAGE_TREE, tree)
    validated(organisation=tree.organisation, text=tree.text)
    with transaction.atomic():
        before = _retire(tree.organisation, now)
        row = DecisionTree.objects.select_for_update().get(pk=tree.pk)
        row.state, row.activated_at, row.activated_by_id = State.ACTIVE, now, actor.user_id
        row.save(update_fields=["state", "activated_at", "activated_by"])
        payload = {"version": row.version, "before": before}
        audit.record(actor=actor, verb="activate_tree", obj=row, now=now, payload=payload)
    return row


def use_shipped(*, organisation: Organisation, actor: Actor, now: datetime) -> None:
    """Let the tree that ships run again."""
    permissions.require(actor, Verb.MANAGE_TREE, organisation)
    with transaction.atomic():
        before = _retire(organisation, now)
        payload = {"version": shipped.tree().version, "shipped": True, "before": before}
        audit.record(actor=actor, verb="activate_tree", obj=organisation, now=now, payload=payload)


def _retire(organisation: Organisation, now: datetime) -> int | None:
    """The version that ran, no longer."""
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    ran = queries.active(organisation_id=organisation.pk)
    if ran is not None:
        ran.state = State.RETIRED
        ran.save(update_fields=["state"])
    return ran.version if ran is not None else None


def previewed(*, organisation: Organisation, draft: Tree) -> list[Compared]:
    """The newest incidents under the draft and under what runs, those whose leaf would change first."""
    running = queries.running(organisation_id=organisation.pk)
    found = [preview.compare(past=one, running=running, draft=draft) for one in queries.past(organisation=organisation)]
    return sorted(found, key=lambda one: not one.changed)


def override(
    *, service: Service, place: str, was: str, becomes: str, note: str, actor: Actor, now: datetime
) -> ThresholdOverride:
    """Another threshold for this service, checked against the tree that runs."""
    permissions.require(actor, Verb.MANAGE_TREE, service)
    given = Override(place.strip(), " ".join(was.split()), " ".join(becomes.split()))
    try:
        overrides.check(tree=queries.running(organisation_id=service.organisation_id), override=given)
    except BadOverrideError as error:
        raise OverrideUnusable(f"{error}.") from error
    with transaction.atomic():
        row, _ = ThresholdOverride.objects.update_or_create(
            service=service,
            place=given.place,
            was=given.was,
            defaults={
                "organisation_id": service.organisation_id, "becomes": given.becomes, "note": note.strip()[:300], "at": now,
                "by_id": actor.user_id,
            },
        )  # fmt: skip
        payload = {"service": service.slug, "place": given.place, "was": given.was, "becomes": given.becomes}
        audit.record(actor=actor, verb="override_threshold", obj=row, now=now, payload=payload)
    return row


def remove_override(*, row: ThresholdOverride, actor: Actor, now: datetime) -> None:
    permissions.require(actor, Verb.MANAGE_TREE, row)
    with transaction.atomic():
        payload = {"service": row.service.slug, "place": row.place, "was": row.was, "becomes": row.becomes}
        audit.record(actor=actor, verb="remove_override", obj=row, now=now, payload=payload)
        row.delete()
