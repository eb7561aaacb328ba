"""One's own runbooks: written whole or refused, every version kept with who and when."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from incidents.runbooks import queries
from incidents.runbooks.format import Runbook, RunbookInvalidError, parse
from incidents.runbooks.models import RunbookVersion
from observability.core import audit, permissions
from observability.core.documents import Problem, WithProblems
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused

LONGEST_TEXT = 200_000


class RunbookUnusable(WithProblems, Refused):
    """The text has problems, each with its line."""


class RunbookElsewhere(Refused):
    """It cannot be changed here, or there is nothing to go back to; the message says why."""


def validated(*, text: str, slug: str = "") -> Runbook:
    """The runbook of the text; with `slug` it must be of that name. Raises RunbookUnusable."""
    file = f"{slug or 'runbook'}.md"
    if len(text) > LONGEST_TEXT:
        long = Problem(file, 1, "", f"{len(text):,} characters", f"at most {LONGEST_TEXT:,}")
        raise RunbookUnusable((long,))
    if "\x00" in text:
        raise RunbookUnusable(
            (Problem(file, text[: text.index("\x00")].count("\n") + 1, "", "a NUL character", "text"),)
        )
    try:
        runbook = parse(source=text, file=file)
    except RunbookInvalidError as error:
        raise RunbookUnusable(error.problems) from error
    if slug and runbook.slug != slug:
        raise RunbookUnusable((Problem(file, 2, "front matter.slug", repr(runbook.slug), repr(slug)),))
    return runbook


def save(
    *, organisation: Organisation, text: str, actor: Actor, now: datetime, slug: str = "", note: str = ""
) -> RunbookVersion:
    """A new version of the runbook that counts from now on; the same text again changes nothing."""
    permissions.require(actor, Verb.EDIT_RUNBOOK, organisation)
    text = text.replace("\r\n", "\n")
    runbook = validated(text=text, slug=slug)
    return _write(organisation, runbook.slug, text, note, actor, now)


def restore(*, organisation: Organisation, slug: str, version: int, actor: Actor, now: datetime) -> RunbookVersion:
    """An earlier version, as a new one."""
    permissions.require(actor, Verb.EDIT_RUNBOOK, organisation)
    found = queries.versions(organisation=organisation, slug=slug).filter(version=version).exclude(text="").first()
    if found is None:
        raise RunbookElsewhere(f"The runbook {slug} has no version {version} to go back to.")
    validated(text=found.text, slug=slug)
    return _write(organisation, slug, found.text, f"version {version} again", actor, now)


def withdraw(*, organisation: Organisation, slug: str, actor: Actor, now: datetime) -> RunbookVersion:
    """Take one's own back: the one that ships counts again, if there is one. Its history stays."""
    permissions.require(actor, Verb.EDIT_RUNBOOK, organisation)
    current = queries.versions(organisation=organisation, slug=slug).filter(current=True).first()
    if current is None or not current.text:
        raise RunbookElsewhere(f"There is no runbook {slug} of your own to take back.")
    return _write(organisation, slug, "", "taken back", actor, now)


def _write(organisation: Organisation, slug: str, text: str, note: str, actor: Actor, now: datetime) -> RunbookVersion:
    with transaction.atomic():
        Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
        current = queries.versions(organisation=organisation, slug=slug).filter(current=True).first()
        if current is not None and current.origin == RunbookVersion.Origin.FOLDER and current.text:
            raise RunbookElsewhere(f"The runbook {slug} comes from the folder of runbooks: change it there.")
        if current is not None and current.text == text:
            return current
        return add_version(
            organisation=organisation,
            slug=slug,
            text=text,
            origin=RunbookVersion.Origin.PAGE,
            note=note,
            actor=actor,
            now=now,
        )


def add_version(
    *,
    organisation: Organisation,
    slug: str,
    text: str,
    origin: RunbookVersion.Origin,
    note: str,
    actor: Actor,
    now: datetime,
) -> RunbookVersion:
    """The next version, which counts from now on. In a transaction that holds the organisation."""
    mine = RunbookVersion.objects.filter(organisation=organisation, slug=slug)
    newest = mine.order_by("-version").values_list("version", flat=True).first() or 0
    mine.filter(current=True).update(current=False)
    made = RunbookVersion.objects.create(
        organisation=organisation,
        slug=slug,
        version=newest + 1,
        text=text,
        origin=origin,
        note=note.strip()[:200],
        at=now,
        by_id=actor.user_id,
    )
    payload = {"slug": slug, "version": made.version, "note": made.note, "origin": str(origin)}
    audit.record(actor=actor, verb="edit_runbook", obj=made, now=now, payload=payload)
    return made
