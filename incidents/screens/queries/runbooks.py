"""Runbooks as pages and as the checklist of an incident, with what its diagnostics measured."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from incidents.response.models import Incident
from incidents.runbooks import services
from incidents.runbooks.format import Kind, Runbook, Step
from incidents.runbooks.rendering import render
from observability.core.models import Organisation
from observability.core.templatetags.tailwatch import asked

USED_IN = 8


@dataclass(frozen=True, slots=True)
class ReadableRunbook:
    """A runbook as HTML."""

    title: str
    slug: str
    owner: str
    severity: int
    matches_said: str
    html: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class CheckStep:
    """A step of the checklist; `kind` and `value` are the state of a diagnostic that ran by itself ('' for the others)."""

    html: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Checklist:
    """The runbook of an incident, step by step."""

    title: str
    slug: str
    steps: tuple[CheckStep, ...]


def shelf() -> tuple[ReadableRunbook, ...]:
    """All runbooks by title."""
    return tuple(sorted((_readable(runbook) for runbook in services.library().values()), key=lambda one: one.title))


def readable(*, slug: str) -> ReadableRunbook | None:
    found = services.get(slug)
    return _readable(found) if found is not None else None


def used_in(*, organisation: Organisation, runbook: str) -> QuerySet[Incident]:
    """The newest incidents that this runbook was at hand for."""
    return Incident.objects.filter(organisation=organisation, runbook=runbook).order_by("-opened_at", "-pk")[:USED_IN]


def checklist(*, incident: Incident) -> Checklist | None:
    """The incident's runbook with what its diagnostics measured when they last ran."""
    if not incident.leaf:
        return None
    runbook = services.for_leaf(incident.leaf)
    ran = {one["number"]: one for one in incident.diagnosis.get("runbook_steps") or ()}
    return Checklist(runbook.title, runbook.slug, tuple(_check(step, ran.get(step.number)) for step in runbook.steps))


_MARK = re.compile(r"(?m)^(\s*\d+\. )\[(diagnostic|manual|action)[^\]\n]*\] ")
_LEADS = {"diagnostic": "**Check.** ", "action": "**Action.** ", "manual": ""}


def _said(mark: re.Match[str]) -> str:
    """'1. [action scale_out] Scale out.' -> '1. **Action.** Scale out.'"""
    return mark[1] + _LEADS[mark[2]]


SHAPES = {"confirms": "burn", "refutes": "ok", "cannot tell": "nodata"}


def _check(step: Step, ran: Mapping[str, Any] | None) -> CheckStep:
    lead = "**Action.** " if step.kind is Kind.ACTION else ""
    if ran is None or not ran.get("verdict"):
        return CheckStep(render(lead + step.text), "", "")
    verdict = str(ran["verdict"])
    return CheckStep(
        render(f"{step.text}\n\n*{ran.get('sentence', '')}; expected {asked(ran.get('expected', ''))}*"),
        SHAPES.get(verdict, "nodata"),
        verdict,
    )


def _readable(runbook: Runbook) -> ReadableRunbook:
    return ReadableRunbook(
        title=runbook.title,
        slug=runbook.slug,
        owner=runbook.owner,
        severity=runbook.severity,
        matches_said=", ".join(leaf.replace("-", " ") for leaf in runbook.matches),
        html=render(_MARK.sub(_said, runbook.markdown)),
        steps=runbook.steps,
    )
