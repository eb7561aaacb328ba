"""Runbooks as pages and as the checklist of an incident, with what its diagnostics measured."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from incidents.response.models import Incident
from incidents.runbooks import queries, shelf
from incidents.runbooks.format import Kind, Runbook, Step
from incidents.runbooks.models import StepTick
from incidents.runbooks.rendering import render
from incidents.runbooks.services.working import begun
from incidents.runbooks.shelf import Book, Use
from observability.core.models import Organisation
from observability.core.templatetags.tailwatch import asked
from sloengine.objectives.models import IndicatorChoice

USED_IN = 8


@dataclass(frozen=True, slots=True)
class ReadableRunbook:
    """A runbook with where it came from and when anybody worked by it; `stale` is "" while somebody did lately."""

    runbook: Runbook
    origin: str
    version: int | None
    at: datetime | None
    by: str
    used_at: datetime | None
    drilled_at: datetime | None
    stale: str

    @property
    def matches_said(self) -> str:
        leaves = [leaf.replace("-", " ") for leaf in self.runbook.matches]
        return ", ".join([*leaves, *(f"SLO: {IndicatorChoice(one).label.lower()}" for one in self.runbook.objectives)])

    @property
    def html(self) -> str:
        return html_of(self.runbook)


@dataclass(frozen=True, slots=True)
class CheckStep:
    """A step of the checklist; `kind` and `value` are the state of a diagnostic that ran by itself ('' for the others)."""

    number: int
    html: str
    kind: str
    value: str
    tick: StepTick | None


@dataclass(frozen=True, slots=True)
class Checklist:
    """The runbook of an incident, step by step; `waits` while its checks are still to be run."""

    title: str
    slug: str
    steps: tuple[CheckStep, ...]
    ran_at: datetime | None
    ran_by: str
    waits: bool
    begun: bool
    stale: str
    also: tuple[Runbook, ...]

    @property
    def done(self) -> int:
        return sum(step.tick is not None for step in self.steps)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The list of runbooks, narrowed, with what can be chosen from."""

    rows: tuple[ReadableRunbook, ...]
    all: int
    stale: int
    owners: tuple[str, ...]


def the_shelf(*, organisation: Organisation, now: datetime, owner: str = "", words: str = "", only: str = "") -> Shelf:
    """Runbooks by title, of an owner, with these words in title or leaf; `only`: "stale" or "own". Two queries."""
    uses = queries.uses(organisation_id=organisation.pk)
    books = queries.books(organisation_id=organisation.pk)
    every = sorted((_readable(book, uses, now) for book in books.values()), key=lambda one: one.runbook.title)
    rows = [
        one
        for one in every
        if (not owner or one.runbook.owner == owner)
        and words.lower() in f"{one.runbook.title} {one.runbook.slug} {one.matches_said}".lower()
        and (only != "stale" or one.stale)
        and (only != "own" or one.version is not None)
    ]
    owners = tuple(sorted({one.runbook.owner for one in every}))
    return Shelf(tuple(rows), len(every), sum(bool(one.stale) for one in every), owners)


def readable(*, organisation: Organisation, slug: str, now: datetime) -> ReadableRunbook | None:
    found = queries.books(organisation_id=organisation.pk).get(slug)
    return _readable(found, queries.uses(organisation_id=organisation.pk), now) if found is not None else None


def used_in(*, organisation: Organisation, runbook: str) -> QuerySet[Incident]:
    """The newest incidents that this runbook was at hand for."""
    return Incident.objects.filter(organisation=organisation, runbook=runbook).order_by("-opened_at", "-pk")[:USED_IN]


def checklist(*, incident: Incident, now: datetime) -> Checklist | None:
    """The incident's runbook with what its diagnostics measured when they last ran, and what is ticked off."""
    books = queries.books(organisation_id=incident.organisation_id)
    book = queries.of_incident(incident=incident, among=books)
    if book is None:
        return None
    runbook = book.runbook
    run = queries.last_run(incident=incident, runbook=runbook.slug)
    ran = {one["number"]: one for one in (run.results if run is not None else ())}
    ticks = queries.ticks(incident=incident, runbook=runbook.slug)
    use = queries.uses(organisation_id=incident.organisation_id).get(runbook.slug, Use())
    return Checklist(
        title=runbook.title,
        slug=runbook.slug,
        steps=tuple(_check(step, ran.get(step.number), ticks.get(step.number)) for step in runbook.steps),
        ran_at=run.done_at if run is not None else None,
        ran_by=str(run.asked_by) if run is not None and run.asked_by is not None else "",
        waits=queries.waits(incident=incident),
        begun=begun(incident=incident, slug=runbook.slug),
        stale=shelf.stale(book=runbook, use=use, now=now),
        also=_also(incident, books, runbook),
    )


def _also(incident: Incident, books: Mapping[str, Book], taken: Runbook) -> tuple[Runbook, ...]:
    """The runbooks of the objectives that burn in it."""
    burns = [alert for alert in incident.alerts.all() if alert.kind == "burn"]
    kinds = [alert.annotations.get("indicator") for alert in sorted(burns, key=lambda alert: alert.starts_at)]
    found = (shelf.for_objective(books=books, indicator=str(kind)) for kind in dict.fromkeys(kinds) if kind)
    return tuple(book.runbook for book in found if book is not None and book.runbook.slug != taken.slug)


_MARK = re.compile(r"(?m)^(\s*\d+\. )\[(diagnostic|manual|action)[^\]\n]*\] ")
_LEADS = {"diagnostic": "**Check.** ", "action": "**Action.** ", "manual": ""}


def _said(mark: re.Match[str]) -> str:
    """'1. [action scale_out] Scale out.' -> '1. **Action.** Scale out.'"""
    return mark[1] + _LEADS[mark[2]]


def html_of(runbook: Runbook) -> str:
    """A runbook to read."""
    return render(_MARK.sub(_said, runbook.markdown))


SHAPES = {"confirms": "burn", "refutes": "ok", "cannot tell": "nodata", "could not run": "warn"}


def _check(step: Step, ran: Mapping[str, Any] | None, tick: StepTick | None) -> CheckStep:
    lead = "**Action.** " if step.kind is Kind.ACTION else ""
    if ran is None or not ran.get("verdict"):
        return CheckStep(step.number, render(lead + step.text), "", "", tick)
    verdict = str(ran["verdict"])
    told = f"{step.text}\n\n*{ran.get('sentence', '')}; expected {asked(ran.get('expected', ''))}*"
    return CheckStep(step.number, render(told), SHAPES.get(verdict, "nodata"), verdict, tick)


def _readable(book: Book, uses: Mapping[str, Use], now: datetime) -> ReadableRunbook:
    use = uses.get(book.runbook.slug, Use())
    return ReadableRunbook(
        runbook=book.runbook,
        origin=book.origin,
        version=book.version,
        at=book.at,
        by=book.by,
        used_at=use.used_at,
        drilled_at=shelf.drilled_at(book=book.runbook, use=use),
        stale=shelf.stale(book=book.runbook, use=use, now=now),
    )


def strangers(runbook: Runbook, leaves: Iterable[str]) -> str:
    """What a runbook matches that the tree has no leaf for, in words; "" where every leaf is there."""
    known = set(leaves)
    return ", ".join(leaf for leaf in runbook.matches if leaf not in known)
