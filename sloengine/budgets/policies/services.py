"""Put a policy, and enforce policies: standings move, and each step in force is a finding that others act on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from observability.core import audit, permissions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from sloengine.budgets.findings.services import Claim, settle, standing
from sloengine.budgets.findings.steps import Condition
from sloengine.budgets.models import EvaluationCursor, FindingKind
from sloengine.budgets.policies.models import BudgetPolicy, PolicyStanding
from sloengine.budgets.policies.queries import policies
from sloengine.budgets.policy import FREE, Decision, Policy, decide, parse
from sloengine.budgets.queries import budgets_now
from sloengine.objectives.models import Objective
from sloengine.objectives.queries import enabled_objectives

#: How often budgets are held against their policies.
EVERY = timedelta(minutes=5)


@transaction.atomic
def put_policy(*, organisation: Organisation, text: str, actor: Actor, now: datetime) -> BudgetPolicy:
    """Keep a policy under its name; raises InvalidPolicy with what is wrong."""
    permissions.require(actor, Verb.APPLY_OBJECTIVES, organisation)
    policy = parse(text)
    row, _ = BudgetPolicy.objects.update_or_create(
        organisation=organisation, name=policy.name,
        defaults={"text": text, "changed_at": now, "changed_by": f"{actor.kind}:{actor.name}"},
    )  # fmt: skip
    audit.record(actor=actor, verb=Verb.APPLY_OBJECTIVES, obj=row, now=now, payload={"policy": text})
    return row


def enforce_due(*, now: datetime) -> int:
    """Enforce where something was evaluated since; the number of organisations."""
    cursors = EvaluationCursor.objects.exclude(tick=None).order_by("organisation_id")
    return sum(_enforce(organisation, now=now) for organisation in cursors.values_list("organisation_id", flat=True))


@transaction.atomic
def _enforce(organisation_id: int, *, now: datetime) -> int:
    cursor = EvaluationCursor.objects.select_for_update(skip_locked=True).filter(organisation=organisation_id).first()
    objectives = enabled_objectives(organisation_id=organisation_id)
    if cursor is None or cursor.tick is None or not objectives:
        return 0
    known = policies(organisation_id=organisation_id)
    budgets = budgets_now(objectives=objectives, now=cursor.tick)
    rows = {row.pk: row for row in PolicyStanding.objects.filter(objective__in=[one.pk for one in objectives])}
    new: list[PolicyStanding] = []
    moved: list[PolicyStanding] = []
    claims: list[Claim] = []
    for objective, budget in zip(objectives, budgets, strict=True):
        policy = known.get(objective.promise.terms.policy, known[""])
        row = rows.get(objective.pk)
        decision = decide(spent_ratio=budget.spent_ratio, policy=policy, standing=row.step if row is not None else FREE)
        if row is None and decision.step == FREE:
            continue
        changed = row is None or row.step != decision.step
        row = _stood(row, objective, policy, decision, budget.spent_ratio, now)
        (new if objective.pk not in rows else moved).append(row)
        if changed:
            _audit(row, objective, now=now)
        if decision.step != FREE:
            claims.append(_claim(objective, policy, row))
    PolicyStanding.objects.bulk_create(new)
    fields = ["policy", "step", "reason", "consequence", "spent_ratio", "since", "checked_at"]
    PolicyStanding.objects.bulk_update(moved, fields, batch_size=1000)
    open_findings = standing(organisation_id=organisation_id, kinds=[FindingKind.POLICY])
    settle(organisation_id=organisation_id, claims=claims, open_findings=open_findings, now=now)
    return 1


def _stood(
    row: PolicyStanding | None,
    objective: Objective,
    policy: Policy,
    decision: Decision,
    spent: float | None,
    now: datetime,
) -> PolicyStanding:
    if row is None:
        row = PolicyStanding(objective=objective, since=now)
    elif row.step != decision.step:
        row.since = now
    row.policy, row.step, row.reason, row.consequence = (
        policy.name,
        decision.step,
        decision.reason,
        decision.consequence,
    )
    row.spent_ratio, row.checked_at = spent, now
    return row


def _audit(row: PolicyStanding, objective: Objective, *, now: datetime) -> None:
    actor = permissions.system(objective.organisation, name="budget policy")
    payload = {"step": row.step, "reason": row.reason, "spent_ratio": row.spent_ratio, "policy": row.policy}
    audit.record(actor=actor, verb=Verb.ENFORCE_POLICY, obj=objective, now=now, payload=payload)


def _claim(objective: Objective, policy: Policy, row: PolicyStanding) -> Claim:
    """One finding a step: leaving it clears it, and the next step is a finding of its own."""
    rule = policy.rule(row.step)
    spent = "" if row.spent_ratio is None else f" ({row.spent_ratio * 100:.0f} % spent)"
    key = objective.promise.key

    def evidence() -> dict[str, Any]:
        return {
            "objective": objective.slug, "title": objective.title, "policy": policy.name, "step": row.step,
            "consequence": row.consequence, "spent_ratio": row.spent_ratio, "reason": row.reason,
            "release": str(rule.release) if rule is not None else None, "impact_start": row.since.isoformat(),
        }  # fmt: skip

    return Claim(
        fingerprint=f"policy/{key}/{row.step}",
        kind=FindingKind.POLICY,
        severity=rule.severity if rule is not None else "info",
        service_id=objective.service_id,
        condition=Condition.TRUE,
        reason=f"{key}: {row.step}{spent}. {row.consequence}",
        evidence=evidence,
        clear_after=timedelta(0),
    )
