"""Settle claims against the findings that stand open: the one place that opens and clears Finding rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from observability.core import prepared
from sloengine.budgets.findings.steps import Condition, Standing, Step, next_step
from sloengine.budgets.models import Finding, FindingKind, FindingSeverity, FindingState

Evidence = Callable[[], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that may be so. `evidence` and `closing` are asked only when the finding opens or clears."""

    fingerprint: str
    kind: str
    severity: str
    service_id: int | None
    condition: Condition
    reason: str = ""
    evidence: Evidence = dict
    closing: Callable[[Finding], dict[str, Any]] = field(default=lambda _finding: {})
    clear_after: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Settled:
    opened: tuple[Finding, ...]
    cleared: tuple[Finding, ...]


def standing(*, organisation_id: int, kinds: Iterable[str]) -> dict[str, Finding]:
    """The firing findings of these kinds by fingerprint."""
    return {
        row.fingerprint: row
        for row in Finding.objects.firing().filter(organisation=organisation_id, kind__in=list(kinds))
    }


_STANDING_AND_PAGED = f"""
WHERE organisation_id = %s AND (
    state = '{FindingState.FIRING.value}' AND kind = ANY(%s::text[])
    OR state = '{FindingState.CLEARED.value}' AND kind = '{FindingKind.BURN.value}'
       AND severity = '{FindingSeverity.PAGE.value}' AND changed_at > %s
)
"""


def standing_and_paged(
    *, organisation_id: int, kinds: Iterable[str], since: datetime
) -> tuple[dict[str, Finding], list[Finding]]:
    """The same, and the burns of page severity that cleared after `since`, in one statement."""
    rows = prepared.objects(Finding, _STANDING_AND_PAGED, [organisation_id, [str(kind) for kind in kinds], since])
    return (
        {row.fingerprint: row for row in rows if row.state == FindingState.FIRING},
        [row for row in rows if row.state == FindingState.CLEARED],
    )


def settle(
    *, organisation_id: int, claims: Iterable[Claim], open_findings: Mapping[str, Finding], now: datetime
) -> Settled:
    """Open what newly holds, clear what no longer does. Findings that no claim names any more are cleared as unwatched."""
    opened, cleared = [], []
    named = set()
    for claim in claims:
        named.add(claim.fingerprint)
        row = open_findings.get(claim.fingerprint)
        step = next_step(
            condition=claim.condition,
            standing=Standing(row.quiet_since) if row is not None else None,
            now=now,
            clear_after=claim.clear_after,
        )
        if row is None:
            if step is Step.OPEN:
                opened.append(_opened(organisation_id, claim, now))
        elif step is Step.CLEAR:
            cleared.append(_clear(row, now=now, closing={**claim.closing(row), "cleared_because": claim.reason}))
        elif step in (Step.QUIET, Step.LOUD):
            row.quiet_since = now if step is Step.QUIET else None
            row.save(update_fields=["quiet_since"])
    for fingerprint, row in open_findings.items():
        if fingerprint not in named:
            cleared.append(_clear(row, now=now, closing={"cleared_because": "no longer watched"}))
    if opened:
        Finding.objects.bulk_create(opened)
    return Settled(tuple(opened), tuple(cleared))


def _opened(organisation_id: int, claim: Claim, now: datetime) -> Finding:
    return Finding(
        organisation_id=organisation_id,
        service_id=claim.service_id,
        kind=claim.kind,
        fingerprint=claim.fingerprint,
        severity=claim.severity,
        state=FindingState.FIRING,
        since=now,
        changed_at=now,
        reason=claim.reason[:300],
        evidence=claim.evidence(),
    )


def _clear(row: Finding, *, now: datetime, closing: dict[str, Any]) -> Finding:
    row.state = FindingState.CLEARED
    row.cleared_at = row.changed_at = now
    row.evidence = {**row.evidence, **closing}
    row.save(update_fields=["state", "cleared_at", "changed_at", "evidence"])
    return row
