"""Put, call off and check contracts; close reviews. Thresholds and reviews become findings, which others send on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from observability.core import audit, claims, permissions, questions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused
from sloengine.budgets.findings.services import Claim, settle
from sloengine.budgets.findings.steps import Condition
from sloengine.budgets.models import Finding, FindingKind, FindingSeverity
from sloengine.cost.contracts import queries, terms, workdays
from sloengine.cost.contracts.models import Contract, CostReview
from sloengine.cost.contracts.standing import Standing, day_said, headline, outlook, tokens_said, usd_said
from sloengine.cost.contracts.terms import REVIEW_DAYS, THRESHOLDS, BadContract, Terms
from sloengine.cost.queries import currency_of

#: The ledger closes hours; more often there is little new to see.
EVERY = timedelta(minutes=15)
NOTE_LENGTH = 4000


@transaction.atomic
def put(*, organisation: Organisation, given: Mapping[str, Any], actor: Actor, now: datetime) -> Contract:
    """Keep a contract under the slug of its name; raises BadContract with everything that is wrong. It is looked at right away."""
    permissions.require(actor, Verb.MANAGE_CONTRACTS, organisation)
    found = terms.read(
        given,
        services=queries.known_services(organisation),
        classes=queries.CLASSES,
        currency=currency_of(organisation),
    )
    Organisation.objects.select_for_update().get(pk=organisation.pk)  # two that overlap may not come together
    others = queries.current_terms(organisation_id=organisation.pk, but=found.slug)
    if clashes := terms.overlapping(found, others):
        raise BadContract(clashes)
    row, _ = Contract.objects.update_or_create(
        organisation=organisation,
        slug=found.slug,
        defaults={
            **_columns(found), "made_at": now, "made_by": f"{actor.kind}:{actor.name}", "ended_at": None, "due_at": now,
        },
    )  # fmt: skip
    audit.record(actor=actor, verb=Verb.MANAGE_CONTRACTS, obj=row, now=now, payload=_audited(found))
    check(contract=row, now=now)
    return row


def _columns(found: Terms) -> dict[str, Any]:
    columns = {name: getattr(found, name) for name in terms.EXPECTED}
    return {
        **columns,
        "period": found.period.value,
        "services": list(found.services),
        "token_classes": list(found.token_classes),
    }


def _audited(found: Terms) -> dict[str, object]:
    return {
        name: value if isinstance(value, (bool, int, list)) else str(value) for name, value in _columns(found).items()
    }


@transaction.atomic
def call_off(*, contract: Contract, actor: Actor, now: datetime) -> Contract:
    """It is looked at no more, and its findings end; its reviews stay."""
    permissions.require(actor, Verb.MANAGE_CONTRACTS, contract)
    row = Contract.objects.select_for_update().get(pk=contract.pk)
    if row.ended_at is None:
        row.ended_at, row.due_at = now, None
        row.save(update_fields=["ended_at", "due_at"])
        audit.record(actor=actor, verb=Verb.MANAGE_CONTRACTS, obj=row, now=now, payload={"called_off": row.name})
        _settle(row, [], now)
    return row


@transaction.atomic
def close_review(*, review: CostReview, note: str, actor: Actor, now: datetime) -> CostReview:
    """Close a review with what was decided; raises Refused without a note, or where it is closed already."""
    permissions.require(actor, Verb.MANAGE_CONTRACTS, review)
    if not note.strip():
        raise Refused("note: found nothing, expected what was decided and why.")
    row = CostReview.objects.select_for_update(of=("self",)).select_related("contract__organisation").get(pk=review.pk)
    if row.closed_at is not None:
        raise Refused(f"This review was closed by {row.closed_by} already.")
    row.closed_at, row.closed_by, row.note = now, f"{actor.kind}:{actor.name}", note.strip()[:NOTE_LENGTH]
    row.save(update_fields=["closed_at", "closed_by", "note"])
    audit.record(
        actor=actor, verb=Verb.MANAGE_CONTRACTS, obj=row, now=now, payload={"review": str(row), "note": row.note}
    )
    if row.contract.ended_at is None:
        check(contract=row.contract, now=now)
    return row


@questions.first(questions.due(Contract))
def check_contracts(*, now: datetime) -> int:
    """Look at every contract that is due; how many. One that breaks is due still."""
    due = Contract.objects.filter(due_at__lte=now).order_by("due_at", "pk").select_related("organisation")
    return claims.one_at_a_time(
        due, lambda row: check(contract=row, now=now), failed="contract %s could not be looked at"
    )


@transaction.atomic
def check(*, contract: Contract, now: datetime) -> None:
    """Reckon the standing, open the review of a cap that was passed, settle the findings."""
    standing = queries.standing(contract=contract, now=now)
    contract.checked_at, contract.due_at = now, now + EVERY
    contract.standing = {} if standing is None else _kept(standing)
    contract.save(update_fields=["checked_at", "due_at", "standing"])
    if standing is None:
        return
    if standing.past_cap:
        _open_review(contract, standing, now)
    over = contract.terms.day(now) > standing.span.last
    found = [] if over else [_threshold(contract, standing, one) for one in THRESHOLDS]
    open_ones = CostReview.objects.filter(contract=contract, closed_at=None).select_related("contract")
    for review in open_ones:
        found += _review_claims(contract, review, now)
    _settle(contract, found, now)


def _kept(standing: Standing) -> dict[str, Any]:
    burn = standing.burn
    return {
        "period": standing.span.key, "tokens": standing.tokens, "ratio": float(standing.ratio), "usd": str(standing.bill.usd),
        "kind": standing.kind, "word": standing.word, "headline": headline(standing), "outlook": outlook(standing),
        "reached_on": burn.reached_on.isoformat() if burn.reached_on else None,
        "projected_usd": str(standing.projected.usd) if standing.projected is not None else None,
    }  # fmt: skip


def _open_review(contract: Contract, standing: Standing, now: datetime) -> None:
    found = contract.terms
    row, opened = CostReview.objects.get_or_create(
        contract=contract,
        period_first=standing.span.first,
        defaults={
            "organisation_id": contract.organisation_id, "opened_at": now, "tokens": standing.tokens, "usd": standing.bill.usd,
            "owner": found.owner,
            "due_on": workdays.after(found.day(now), days=REVIEW_DAYS, country=found.country),
        },
    )  # fmt: skip
    if opened:
        actor = permissions.system(contract.organisation, name="contract")
        payload = {"opened": str(row), "due_on": row.due_on.isoformat(), "owner": row.owner}
        audit.record(actor=actor, verb=Verb.MANAGE_CONTRACTS, obj=row, now=now, payload=payload)


def _threshold(contract: Contract, standing: Standing, share: Decimal) -> Claim:
    """Once a period: it holds from the day on which the share is reached until the period is over."""
    percent = f"{share * 100:.0f}"
    reason = f"{headline(standing)} {outlook(standing)}"
    return Claim(
        fingerprint=f"contract/{contract.slug}/{standing.span.key}/{percent}",
        kind=FindingKind.CONTRACT,
        severity=FindingSeverity.INFO,
        service_id=None,
        condition=Condition.TRUE if share in standing.reached else Condition.FALSE,
        reason=reason,
        evidence=lambda: {
            **_evidence(contract, standing), "threshold": percent,
            "summary": f"{contract.name}: {percent} % of the commitment is used",
            "notice": f"{percent} % of the commitment is used. {reason}",
        },
        clear_after=timedelta(0),
    )  # fmt: skip


def _evidence(contract: Contract, standing: Standing) -> dict[str, Any]:
    return {
        "contract": contract.slug, "owner": contract.owner, "tokens": standing.tokens,
        "commitment_tokens": contract.commitment_tokens, "usd": str(standing.bill.usd),
        "page": f"/cost/contracts/{contract.slug}/",
    }  # fmt: skip


def _review_claims(contract: Contract, review: CostReview, now: datetime) -> list[Claim]:
    """An open review is a ticket; past its due day its owner is told again."""
    key = f"contract/{contract.slug}/{review.period_first.isoformat()}"
    opened = (
        f"{contract.name} passed its cap with {tokens_said(review.tokens)} tokens, {usd_said(review.usd, contract.currency)} by then."
        f" {review.owner} reviews it until {day_said(review.due_on)}."
    )
    late = f"The cost review of {contract.name} was due on {day_said(review.due_on)}; {review.owner} has not closed it."
    common: dict[str, Any] = {"contract": contract.slug, "owner": review.owner, "review": review.pk,
                              "page": f"/cost/reviews/{review.pk}/"}  # fmt: skip

    def claim(name: str, severity: str, holds: bool, reason: str, summary: str) -> Claim:
        return Claim(
            fingerprint=f"{key}/{name}",
            kind=FindingKind.CONTRACT,
            severity=severity,
            service_id=None,
            condition=Condition.TRUE if holds else Condition.FALSE,
            reason=reason,
            evidence=lambda: {**common, "summary": summary, "notice": reason},
            clear_after=timedelta(0),
        )

    return [
        claim(
            "review",
            FindingSeverity.TICKET,
            True,
            opened,
            f"Cost review of {contract.name}, due {day_said(review.due_on)}",
        ),
        claim(
            "overdue",
            FindingSeverity.INFO,
            queries.is_overdue(review, now),
            late,
            f"Cost review of {contract.name} is overdue",
        ),
    ]


def _settle(contract: Contract, found: list[Claim], now: datetime) -> None:
    """What no claim names any more is over: its period has ended, its review is closed."""
    mine = Finding.objects.firing().filter(
        organisation=contract.organisation_id,
        kind=FindingKind.CONTRACT,
        fingerprint__startswith=f"contract/{contract.slug}/",
    )
    standing = {row.fingerprint: row for row in mine}
    settle(organisation_id=contract.organisation_id, claims=found, open_findings=standing, now=now)
