"""The runbooks of an organisation: those that ship, under its own; when each was used; what its checks said."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from django.db.models import QuerySet

from incidents.response.models import Incident
from incidents.runbooks import shelf
from incidents.runbooks.format import Runbook, RunbookInvalidError, parse
from incidents.runbooks.models import CheckRun, RunbookFolder, RunbookUse, RunbookVersion, StepTick
from incidents.runbooks.shelf import Book, Use
from observability.core import questions
from observability.core.documents import Problem
from observability.core.models import Organisation

log = logging.getLogger(__name__)

LIBRARY = Path(__file__).parent / "library"


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Book]:
    """Every runbook that ships, by slug. Raises RunbookInvalidError with all problems of all files."""
    found: dict[str, Book] = {}
    problems: list[Problem] = []
    for file in sorted(LIBRARY.glob("*.md")):
        text = file.read_text(encoding="utf-8")
        try:
            runbook = parse(source=text, file=file.name)
        except RunbookInvalidError as error:
            problems.extend(error.problems)
        else:
            found[runbook.slug] = Book(runbook, text)
    if problems:
        raise RunbookInvalidError(problems)
    return found


@lru_cache(maxsize=512)
def _parsed(text: str, file: str) -> Runbook | None:
    """A version that was kept, or None where it fits no longer: the format may have moved on since."""
    try:
        return parse(source=text, file=file)
    except RunbookInvalidError as error:
        log.error("a runbook that was kept is left out: %s", error)
        return None


def books(*, organisation_id: int) -> Mapping[str, Book]:
    """The runbooks that count, by slug: one query."""
    found = dict(shipped())
    rows = RunbookVersion.objects.filter(organisation=organisation_id, current=True).exclude(text="")
    for row in rows.select_related("by"):
        runbook = _parsed(row.text, f"{row.slug}.md")
        if runbook is not None:
            by = str(row.by) if row.by is not None else ""
            found[row.slug] = Book(runbook, row.text, row.origin, row.version, row.at, by)
    return found


def for_leaf(*, organisation_id: int, leaf: str, named: str = "") -> Book:
    """The runbook for a leaf; `named` is the one that the tree names."""
    return shelf.choose(books=books(organisation_id=organisation_id), leaf=leaf, named=named)


def for_objective(*, organisation_id: int, indicator: str) -> Book | None:
    """The runbook for objectives of this kind."""
    return shelf.for_objective(books=books(organisation_id=organisation_id), indicator=indicator)


def of_incident(*, incident: Incident, among: Mapping[str, Book] | None = None) -> Book | None:
    """The runbook that the incident's diagnosis named; None while it has no diagnosis. `among`: the books, where they are known."""
    if not incident.leaf:
        return None
    mine = books(organisation_id=incident.organisation_id) if among is None else among
    return mine.get(incident.runbook) or shelf.choose(books=mine, leaf=incident.leaf)


def versions(*, organisation: Organisation, slug: str) -> QuerySet[RunbookVersion]:
    """The history of one's own runbook, newest first."""
    return RunbookVersion.objects.filter(organisation=organisation, slug=slug).select_related("by").order_by("-version")


def uses(*, organisation_id: int) -> Mapping[str, Use]:
    """When each runbook was last used and drilled, by slug; those that never were are not in it."""
    rows = RunbookUse.objects.filter(organisation=organisation_id)
    return {slug: Use(used, drilled) for slug, used, drilled in rows.values_list("slug", "used_at", "drilled_at")}


def folder(*, organisation: Organisation) -> RunbookFolder | None:
    """What the folder of runbooks held when it was last read; None where there is none."""
    return RunbookFolder.objects.filter(organisation=organisation).first()


#: Whether checks wait to be run that nobody holds.
ANY_CHECK_DUE = questions.due(CheckRun, also="done_at IS NULL AND (lease_until IS NULL OR lease_until <= %(now)s)")


def last_run(*, incident: Incident, runbook: str) -> CheckRun | None:
    """The newest run of the runbook's checks that has an end."""
    runs = CheckRun.objects.filter(incident=incident, runbook=runbook, done_at__isnull=False)
    return runs.select_related("asked_by").order_by("-pk").first()


def waits(*, incident: Incident) -> bool:
    """Whether checks of the incident are still to be run."""
    return CheckRun.objects.filter(incident=incident, done_at__isnull=True).exists()


def ticks(*, incident: Incident, runbook: str) -> Mapping[int, StepTick]:
    """The steps that are done, by number."""
    rows = StepTick.objects.filter(incident=incident, runbook=runbook).select_related("by")
    return {row.number: row for row in rows}
