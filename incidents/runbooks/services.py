"""Runbooks as files that ship, and their diagnostics for an incident."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from incidents.diagnosis.answers import ServiceSignals
from incidents.diagnosis.queries import ServiceView
from incidents.diagnosis.replay import from_json
from incidents.response.models import Incident
from incidents.runbooks import diagnostics
from incidents.runbooks.format import Runbook, RunbookInvalidError, parse
from observability.core.documents import Problem
from sloengine.rollups import queries as rollups

LIBRARY = Path(__file__).parent / "library"


@lru_cache(maxsize=1)
def library() -> Mapping[str, Runbook]:
    """Every runbook by slug. Raises RunbookInvalidError with all problems of all files."""
    found: dict[str, Runbook] = {}
    problems: list[Problem] = []
    for file in sorted(LIBRARY.glob("*.md")):
        try:
            runbook = parse(source=file.read_text(encoding="utf-8"), file=file.name)
        except RunbookInvalidError as error:
            problems.extend(error.problems)
        else:
            found[runbook.slug] = runbook
    if problems:
        raise RunbookInvalidError(problems)
    return found


def get(slug: str) -> Runbook | None:
    return library().get(slug)


def for_leaf(leaf: str) -> Runbook:
    """The leaf's own runbook, else one that names the leaf in `matches`, else the one for unexplained incidents."""
    books = library()
    if leaf in books:
        return books[leaf]
    return next((book for book in books.values() if leaf in book.matches), books["unexplained"])


def for_objective(indicator: str) -> Runbook | None:
    """The runbook for objectives of this kind; None where there is none."""
    return next((book for book in library().values() if indicator in book.objectives), None)


def run_diagnostics(*, incident: Incident, now: datetime) -> list[dict[str, Any]]:
    """Ask the runbook's diagnostics again, on demand; the result replaces `incident.diagnosis["runbook_steps"]`."""
    runbook = for_leaf(incident.leaf)
    steps: list[dict[str, Any]] = []
    if incident.service is not None:
        view = ServiceView(
            service_row=incident.service,
            impact_started_at=incident.impact_started_at or incident.detected_at,
            now=now,
            replay=lambda: from_json(incident.diagnosis.get("replay", {})),
        )
        with rollups.snapshot():
            steps = diagnostics.steps(runbook=runbook, signals=ServiceSignals(view), now=now)
    incident.diagnosis = {**incident.diagnosis, "runbook_steps": steps}
    incident.changed_at = now
    incident.save(update_fields=["diagnosis", "changed_at"])
    return steps
