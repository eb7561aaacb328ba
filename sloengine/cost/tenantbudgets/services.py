"""Put, remove and check spending budgets. Levels become findings: the owner and the rooms are told, over the hard limit a ticket opens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from observability.core import audit, claims, permissions, questions, words
from observability.core.models import Organisation, Team
from observability.core.permissions import Actor, Verb
from sloengine.budgets.findings.services import Claim, settle
from sloengine.budgets.findings.steps import Condition
from sloengine.budgets.models import Finding, FindingKind, FindingSeverity
from sloengine.cost.contracts.standing import day_said, usd_said
from sloengine.cost.queries import currency_of
from sloengine.cost.tenantbudgets import budget as rules
from sloengine.cost.tenantbudgets import queries
from sloengine.cost.tenantbudgets.budget import BadBudget, Level, Limits, Scope, State
from sloengine.cost.tenantbudgets.models import SpendBudget

EVERY = timedelta(minutes=15)
#: A rolling window may fall below a limit again; it stays told for so long.
CLEAR_AFTER = timedelta(hours=1)


@transaction.atomic
def put(*, organisation: Organisation, given: Mapping[str, Any], actor: Actor, now: datetime) -> SpendBudget:
    """Keep a budget under the slug of its name; raises BadBudget with everything that is wrong. It is looked at right away."""
    permissions.require(actor, Verb.MANAGE_CONTRACTS, organisation)
    found = rules.read(given, currency=currency_of(organisation))
    if found.scope is Scope.TEAM and not Team.objects.filter(organisation=organisation, slug=found.who).exists():
        there = ", ".join(Team.objects.filter(organisation=organisation).values_list("slug", flat=True)) or "none"
        raise BadBudget([f"who: found {found.who!r}, expected one of the teams: {there}"])
    columns = {
        "name": found.name, "scope": found.scope.value, "who": found.who, "days": found.days, "soft_usd": found.soft_usd,
        "hard_usd": found.hard_usd, "currency": found.currency, "owner": found.owner,
    }  # fmt: skip
    row, _ = SpendBudget.objects.update_or_create(
        organisation=organisation,
        slug=found.slug,
        defaults={**columns, "made_at": now, "made_by": f"{actor.kind}:{actor.name}", "due_at": now},
    )
    payload = {name: None if value is None else str(value) for name, value in columns.items()}
    audit.record(actor=actor, verb=Verb.MANAGE_CONTRACTS, obj=row, now=now, payload=payload)
    check(budget=row, now=now)
    return row


@transaction.atomic
def remove(*, budget: SpendBudget, actor: Actor, now: datetime) -> None:
    """Its findings end with it; what was audited stays."""
    permissions.require(actor, Verb.MANAGE_CONTRACTS, budget)
    audit.record(actor=actor, verb=Verb.MANAGE_CONTRACTS, obj=budget, now=now, payload={"removed": budget.name})
    _settle(budget, [], now)
    budget.delete()


@questions.first(questions.due(SpendBudget))
def check_budgets(*, now: datetime) -> int:
    """Look at every budget that is due; how many. One that breaks is due still."""
    due = SpendBudget.objects.filter(due_at__lte=now).order_by("due_at", "pk").select_related("organisation")
    return claims.one_at_a_time(due, lambda row: check(budget=row, now=now), failed="budget %s could not be looked at")


@transaction.atomic
def check(*, budget: SpendBudget, now: datetime) -> None:
    """Reckon the state and settle the findings."""
    state, _ = queries.state(budget=budget, now=now)
    budget.checked_at, budget.due_at, budget.standing = now, now + EVERY, _kept(state)
    budget.save(update_fields=["checked_at", "due_at", "standing"])
    _settle(budget, _claims(budget, state), now)


def _kept(state: State) -> dict[str, Any]:
    return {
        "spent_usd": str(state.spent), "left_ratio": state.left_ratio, "kind": state.kind, "level": state.level.value,
        "said": said(state), "overrun_on": state.overrun_on.isoformat() if state.overrun_on else None,
    }  # fmt: skip


def said(state: State) -> str:
    """'Acme, weekly: 812.00 USD of 1,000.00 USD in 7 days (81.2 %); at this pace it is passed on 20 Nov 2026.'"""
    limits = state.limits
    limit, ratio = usd_said(limits.last_limit, limits.currency), words.percent(state.ratio)
    text = f"{limits.name}: {usd_said(state.spent, limits.currency)} of {limit} in the {_window(limits)} ({ratio})"
    if state.unknown:
        text += f", and {state.unknown:,} tokens that have no price"
    if state.spent >= limits.last_limit:
        return f"{text}: the limit is passed."
    if not state.pace_known:
        return f"{text}; fewer than 7 whole days were seen, so no forecast yet."
    if state.overrun_on is not None:
        return f"{text}; at this pace it is passed on {day_said(state.overrun_on)}."
    if state.overrun_from is not None:
        return f"{text}; it is passed on {day_said(state.overrun_from)} only if more is spent than expected."
    return f"{text}; at this pace it is not passed."


def _window(limits: Limits) -> str:
    return "calendar month" if limits.days is None else f"last {limits.window_said.removeprefix('1 ')}"


def _claims(budget: SpendBudget, state: State) -> list[Claim]:
    """One finding a level. Of a month each is told once a month; of a rolling window again after it was below."""
    limits = state.limits
    period = f"/{limits.first_day(state.today).isoformat()}" if limits.days is None else ""
    levels = [
        (f"{one * 100:.0f}", FindingSeverity.INFO, one in state.reached, f"{one * 100:.0f} % of the limit is spent")
        for one in limits.alerts
    ]
    if limits.soft_usd is not None:
        levels.append(("soft", FindingSeverity.INFO, state.spent >= limits.soft_usd, "the soft limit is passed"))
    if limits.hard_usd is not None:
        levels.append(("hard", FindingSeverity.TICKET, state.level is Level.HARD, "the hard limit is passed"))
    return [
        Claim(
            fingerprint=f"budget/{budget.slug}{period}/{name}",
            kind=FindingKind.COST,
            severity=severity,
            service_id=None,
            condition=Condition.TRUE if holds else Condition.FALSE,
            reason=f"{what[0].upper()}{what[1:]}. {said(state)}",
            evidence=lambda what=what: {  # type: ignore[misc]
                "summary": f"{limits.name}: {what}", "notice": f"{what[0].upper()}{what[1:]}. {said(state)}", "owner": limits.owner,
                "budget": budget.slug, "scope": limits.scope.value, "who": limits.who, "spent_usd": str(state.spent),
                "limit_usd": str(limits.last_limit), "page": f"/cost/budgets/{budget.slug}/",
            },
            clear_after=CLEAR_AFTER,
        )
        for name, severity, holds, what in levels
    ]  # fmt: skip


def _settle(budget: SpendBudget, found: list[Claim], now: datetime) -> None:
    mine = Finding.objects.firing().filter(
        organisation=budget.organisation_id, kind=FindingKind.COST, fingerprint__startswith=f"budget/{budget.slug}/"
    )
    settle(
        organisation_id=budget.organisation_id,
        claims=found,
        open_findings={row.fingerprint: row for row in mine},
        now=now,
    )
